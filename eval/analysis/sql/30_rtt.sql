-- SPDX-License-Identifier: GPL-2.0-or-later
-- Distributions of RTTs. "by flow": each flow counts once, its samples share its weight; "by sample": each RTT counts once.

-- step: histograms
CREATE TABLE class_bin AS
SELECT c.half, c.proto, c.ipv, c.service, c.source, s.bin, count(*) AS n, sum(1.0 / c.n) AS w
FROM sample s JOIN flow_class c ON c.fid = s.fid GROUP BY c.half, c.proto, c.ipv, c.service, c.source, s.bin;

-- The groups there are: of all, per half, and each half by protocol, version of IP, and service. NULL is any.
CREATE TABLE rtt_group AS
SELECT row_number() OVER (ORDER BY dimension, half, proto, ipv, service, source) AS gid, * FROM (
    SELECT 'all' AS dimension, NULL AS half, NULL AS proto, NULL AS ipv, NULL AS service, NULL AS source, count(*) AS flows, sum(n) AS samples FROM flow_class
    UNION ALL SELECT 'half', half, NULL, NULL, NULL, NULL, count(*), sum(n) FROM flow_class GROUP BY half
    UNION ALL SELECT 'protocol', half, proto, NULL, NULL, NULL, count(*), sum(n) FROM flow_class GROUP BY half, proto
    UNION ALL SELECT 'IP version', half, NULL, ipv, NULL, NULL, count(*), sum(n) FROM flow_class GROUP BY half, ipv
    UNION ALL SELECT 'service port', half, NULL, NULL, service, NULL, count(*), sum(n) FROM flow_class WHERE service <> '-' GROUP BY half, service
    UNION ALL SELECT 'interface', half, NULL, NULL, NULL, source, count(*), sum(n) FROM flow_class
        WHERE (SELECT count(DISTINCT source) FROM flow_class) > 1 GROUP BY half, source)
WHERE samples > 0;

CREATE TABLE group_bin AS
SELECT g.gid, b.bin, sum(b.n) AS n, sum(b.w) AS w
FROM rtt_group g JOIN class_bin b ON (g.half IS NULL OR g.half = b.half) AND (g.proto IS NULL OR g.proto = b.proto)
    AND (g.ipv IS NULL OR g.ipv = b.ipv) AND (g.service IS NULL OR g.service = b.service) AND (g.source IS NULL OR g.source = b.source)
GROUP BY g.gid, b.bin;

CREATE TABLE group_cumulative AS
SELECT gid, bin, n, w, sum(n) OVER up AS cn, sum(w) OVER up AS cw, sum(n) OVER whole AS total_n, sum(w) OVER whole AS total_w
FROM group_bin
WINDOW up AS (PARTITION BY gid ORDER BY bin ROWS UNBOUNDED PRECEDING),
    whole AS (PARTITION BY gid ORDER BY bin ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING);

-- In which bin a percentile is, and how much lies before it; then its place among the RTTs of that bin: exact.
CREATE TABLE wanted AS
SELECT row_number() OVER () AS wid, * FROM (
    SELECT gid, p, 'flow' AS per, min(bin) AS bin, min(cw - w) AS before, p * max(total_w) * (1 - 1e-12) AS target
    FROM group_cumulative, (VALUES (0.05), (0.25), (0.5), (0.75), (0.95), (0.99)) v (p) WHERE cw >= p * total_w * (1 - 1e-12) GROUP BY gid, p
    UNION ALL
    SELECT gid, p, 'sample', min(bin), min(cn - n), p * max(total_n)
    FROM group_cumulative, (VALUES (0.05), (0.25), (0.5), (0.75), (0.95), (0.99)) v (p) WHERE cn >= p * total_n GROUP BY gid, p);

-- step: exact percentiles
CREATE TABLE percentile AS
SELECT w.gid, w.per, w.p, min(r.rtt) AS rtt
FROM (SELECT wid, rtt, sum(CAST(weight AS DOUBLE)) OVER (PARTITION BY wid ORDER BY rtt ROWS UNBOUNDED PRECEDING) AS upto,
        max(rtt) OVER (PARTITION BY wid ORDER BY rtt ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS last
    FROM (SELECT w.wid, s.rtt, sum(CASE WHEN w.per = 'flow' THEN 1.0 / c.n ELSE 1.0 END) AS weight
        FROM (SELECT wid, w.bin, w.per, g.half, g.proto, g.ipv, g.service, g.source FROM wanted w JOIN rtt_group g ON g.gid = w.gid) w
            JOIN sample s ON s.bin = w.bin JOIN flow_class c ON c.fid = s.fid
        WHERE (w.half IS NULL OR w.half = c.half) AND (w.proto IS NULL OR w.proto = c.proto)
            AND (w.ipv IS NULL OR w.ipv = c.ipv) AND (w.service IS NULL OR w.service = c.service) AND (w.source IS NULL OR w.source = c.source)
        GROUP BY w.wid, s.rtt)) r JOIN wanted w ON w.wid = r.wid
WHERE w.before + r.upto >= w.target - 1e-9 * greatest(1, w.target) OR r.rtt = r.last
GROUP BY w.gid, w.per, w.p;

-- Intervals: a bootstrap over flows, never over the samples of one. A replicate gives each flow a Poisson(1) weight; of a group
-- with more than $boot_flows flows that many take part, and the interval shrinks by the root of the share that did.
-- step: intervals (bootstrap over flows)
CREATE TABLE boot_flow AS
SELECT gid, fid, n, flows FROM (
    SELECT g.gid, c.fid, c.n, g.flows, row_number() OVER (PARTITION BY g.gid ORDER BY hash(c.fid, $seed), c.fid) AS k
    FROM rtt_group g JOIN flow_class c ON (g.half IS NULL OR g.half = c.half) AND (g.proto IS NULL OR g.proto = c.proto)
        AND (g.ipv IS NULL OR g.ipv = c.ipv) AND (g.service IS NULL OR g.service = c.service) AND (g.source IS NULL OR g.source = c.source)) WHERE k <= $boot_flows;

-- 32 bins in each power of two
CREATE TABLE boot_bin AS
SELECT s.fid, s.bin // 8 AS bin, count(*) AS n FROM sample s
WHERE s.fid IN (SELECT fid FROM boot_flow) GROUP BY s.fid, s.bin // 8;

CREATE TABLE boot_weight AS
SELECT fid, rep, CASE WHEN u < 0.36787944 THEN 0 WHEN u < 0.73575888 THEN 1 WHEN u < 0.91969860 THEN 2 WHEN u < 0.98101184 THEN 3
    WHEN u < 0.99634015 THEN 4 ELSE 5 END AS k
FROM (SELECT f.fid, r.rep, (hash(f.fid, r.rep, $seed) % 100000007) / 100000007.0 AS u
    FROM (SELECT DISTINCT fid FROM boot_flow) f, (SELECT unnest(range(1, $replicates + 1)) AS rep) r)
WHERE u >= 0.36787944;

CREATE TABLE boot_group AS
SELECT f.gid, w.rep, b.bin, sum(w.k * b.n / CAST(f.n AS DOUBLE)) AS w
FROM boot_flow f JOIN boot_weight w ON w.fid = f.fid JOIN boot_bin b ON b.fid = f.fid GROUP BY f.gid, w.rep, b.bin;

-- the whole of what took part, as replicate 0
INSERT INTO boot_group SELECT f.gid, 0, b.bin, sum(b.n / CAST(f.n AS DOUBLE)) FROM boot_flow f JOIN boot_bin b ON b.fid = f.fid GROUP BY f.gid, b.bin;

CREATE TABLE boot_percentile AS
SELECT gid, rep, p,
    -- straight through the bin, in logarithms
    min_by(exp((bin + (p * total - (upto - w)) / w) / 46.16624130844683), bin) AS rtt
FROM (SELECT gid, rep, bin, w, sum(w) OVER (PARTITION BY gid, rep ORDER BY bin ROWS UNBOUNDED PRECEDING) AS upto,
        sum(w) OVER (PARTITION BY gid, rep ORDER BY bin ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS total FROM boot_group),
    (VALUES (0.05), (0.5), (0.95)) v (p)
WHERE upto >= p * total GROUP BY gid, rep, p;

CREATE TABLE interval_ AS
SELECT b.gid, b.p, max(g.flows) AS flows,
    exp(ln(max(e.rtt)) + sqrt(least(1.0, $boot_flows / CAST(max(g.flows) AS DOUBLE))) * ln(quantile_cont(b.rtt, 0.025) / max(z.rtt))) AS lo,
    exp(ln(max(e.rtt)) + sqrt(least(1.0, $boot_flows / CAST(max(g.flows) AS DOUBLE))) * ln(quantile_cont(b.rtt, 0.975) / max(z.rtt))) AS hi,
    -- of the logarithm, for comparing groups
    sqrt(least(1.0, $boot_flows / CAST(max(g.flows) AS DOUBLE))) * stddev_samp(ln(b.rtt)) AS log_error
FROM boot_percentile b JOIN boot_percentile z ON z.gid = b.gid AND z.p = b.p AND z.rep = 0
    JOIN rtt_group g ON g.gid = b.gid JOIN percentile e ON e.gid = b.gid AND e.p = b.p AND e.per = 'flow'
WHERE b.rep > 0 GROUP BY b.gid, b.p;

DROP TABLE boot_group;
DROP TABLE boot_weight;
DROP TABLE boot_bin;

CREATE TABLE rtt_summary AS
SELECT g.gid, g.dimension, coalesce(g.half, 'all') AS half, coalesce(g.proto, g.ipv, g.service, g.source, 'all') AS what, g.flows, g.samples,
    max(CASE WHEN p.per = 'flow' AND p.p = 0.05 THEN p.rtt END) / 1e6 AS p5_ms, max(CASE WHEN p.per = 'flow' AND p.p = 0.25 THEN p.rtt END) / 1e6 AS p25_ms,
    max(CASE WHEN p.per = 'flow' AND p.p = 0.5 THEN p.rtt END) / 1e6 AS p50_ms, max(i.lo) / 1e6 AS p50_lo_ms, max(i.hi) / 1e6 AS p50_hi_ms,
    max(CASE WHEN p.per = 'flow' AND p.p = 0.75 THEN p.rtt END) / 1e6 AS p75_ms, max(CASE WHEN p.per = 'flow' AND p.p = 0.95 THEN p.rtt END) / 1e6 AS p95_ms,
    max(j.lo) / 1e6 AS p95_lo_ms, max(j.hi) / 1e6 AS p95_hi_ms,
    max(CASE WHEN p.per = 'flow' AND p.p = 0.99 THEN p.rtt END) / 1e6 AS p99_ms,
    max(CASE WHEN p.per = 'sample' AND p.p = 0.5 THEN p.rtt END) / 1e6 AS sample_p50_ms,
    max(CASE WHEN p.per = 'sample' AND p.p = 0.95 THEN p.rtt END) / 1e6 AS sample_p95_ms,
    max(CASE WHEN p.per = 'sample' AND p.p = 0.99 THEN p.rtt END) / 1e6 AS sample_p99_ms, max(i.log_error) AS p50_log_error
FROM rtt_group g JOIN percentile p ON p.gid = g.gid LEFT JOIN interval_ i ON i.gid = g.gid AND i.p = 0.5
    LEFT JOIN interval_ j ON j.gid = g.gid AND j.p = 0.95
GROUP BY g.gid, g.dimension, g.half, g.proto, g.ipv, g.service, g.source, g.flows, g.samples;

-- The curves: the upper end of each bin, 32 in a power of two.
CREATE TABLE ecdf AS
SELECT gid, exp((bin + 1) / 46.16624130844683) / 1e6 AS rtt_ms, sum(w) OVER up / sum(w) OVER whole AS by_flow, sum(n) OVER up / sum(n) OVER whole AS by_sample
FROM (SELECT gid, bin // 8 AS bin, sum(n) AS n, sum(w) AS w FROM group_bin GROUP BY gid, bin // 8)
WINDOW up AS (PARTITION BY gid ORDER BY bin ROWS UNBOUNDED PRECEDING), whole AS (PARTITION BY gid);

-- Two groups of one half differ if their medians do by a tenth and by a millisecond, and by 4.5 standard errors.
CREATE TABLE rtt_difference AS
SELECT a.dimension, a.half, a.what AS a, b.what AS b, a.p50_ms AS a_p50_ms, b.p50_ms AS b_p50_ms, b.p50_ms - a.p50_ms AS difference_ms,
    abs(ln(b.p50_ms / a.p50_ms)) / nullif(sqrt(a.p50_log_error * a.p50_log_error + b.p50_log_error * b.p50_log_error), 0) AS errors,
    coalesce(abs(b.p50_ms - a.p50_ms) >= greatest(1.0, 0.1 * least(a.p50_ms, b.p50_ms)) AND abs(ln(b.p50_ms / a.p50_ms)) >
        4.5 * sqrt(a.p50_log_error * a.p50_log_error + b.p50_log_error * b.p50_log_error) AND a.flows >= 20 AND b.flows >= 20, false) AS found
FROM rtt_summary a JOIN rtt_summary b ON a.dimension = b.dimension AND a.half = b.half AND a.what < b.what
WHERE a.dimension IN ('protocol', 'IP version', 'service port') AND a.half <> 'unknown';
