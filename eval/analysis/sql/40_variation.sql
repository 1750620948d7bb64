-- SPDX-License-Identifier: GPL-2.0-or-later
-- How far RTTs of one flow are above its least: queues, where they are filled.

-- step: time
CREATE TABLE study AS
SELECT t_min, t_max, (t_max - t_min) / 1e9 AS span_s, t_min > 100000000000000000 AS absolute_time,
    -- the width of a point of the time series: at most 3000 of them
    greatest(1, CAST(ceil((t_max - t_min) / 1e9 / 3000) AS BIGINT)) AS slot_s,
    -- seconds are counted from the beginning of the hour in which it begins
    t_min // 3600000000000 * 3600 AS origin_s
FROM (SELECT min(t_first) AS t_min, max(t_last) AS t_max FROM flow);

-- step: variation within flows
CREATE TABLE flow_variation AS
SELECT fid, cid, source_id, half, src_ip, src_port, dst_ip, dst_port, src_prefix, dst_prefix, proto, n, t_first, t_last, rtt_min, rtt_p50, rtt_p95,
    rtt_p95 - rtt_min AS variation
FROM flow WHERE n >= $variation_samples;

CREATE TABLE variation_summary AS
SELECT half, count(*) AS flows, percentile_disc(0.5) WITHIN GROUP (ORDER BY variation) / 1e6 AS p50_ms,
    percentile_disc(0.9) WITHIN GROUP (ORDER BY variation) / 1e6 AS p90_ms, percentile_disc(0.99) WITHIN GROUP (ORDER BY variation) / 1e6 AS p99_ms,
    avg(CASE WHEN variation > 50000000 THEN 1.0 ELSE 0 END) AS share_over_50_ms, avg(CASE WHEN variation > 100000000 THEN 1.0 ELSE 0 END) AS share_over_100_ms
FROM flow_variation GROUP BY half;

CREATE TABLE variation_ecdf AS
SELECT half, variation_ms, max(k) / CAST(max(n) AS DOUBLE) AS share
FROM (SELECT half, exp((floor(46.16624130844683 * ln(greatest(1000, variation))) + 1) / 46.16624130844683) / 1e6 AS variation_ms,
        row_number() OVER (PARTITION BY half ORDER BY variation) AS k, count(*) OVER (PARTITION BY half) AS n FROM flow_variation)
GROUP BY half, variation_ms;

CREATE TABLE worst_flow AS
SELECT * FROM (SELECT row_number() OVER (ORDER BY variation DESC, fid) AS rank, half, src_ip, src_port, dst_ip, dst_port, proto, n AS samples,
    t_first / 1e9 AS first_s, (t_last - t_first) / 1e9 AS seconds, rtt_min / 1e6 AS min_ms, rtt_p50 / 1e6 AS p50_ms, rtt_p95 / 1e6 AS p95_ms,
    variation / 1e6 AS variation_ms FROM flow_variation) WHERE rank <= 100;

-- A prefix stands out if more of its flows vary by over 50 ms than elsewhere, by 4 standard errors, and a twentieth or more do, three at least.
CREATE TABLE prefix_variation AS
SELECT half, prefix, flows, p50_ms, p90_ms, over AS share_over_50_ms, others_over AS others_share_over_50_ms, z,
    flows >= 5 AND over >= 0.05 AND over * flows > 2.5 AND z > 4 AND over > 2 * others_over AS found
FROM (SELECT *, (over - others_over) / sqrt(greatest(1e-9, pooled * (1 - pooled) * (1.0 / flows + 1.0 / greatest(1, all_flows - flows)))) AS z
    FROM (SELECT p.half, p.prefix, p.flows, p.p50_ms, p.p90_ms, p.n_over / CAST(p.flows AS DOUBLE) AS over, a.flows AS all_flows,
            (a.n_over - p.n_over) / CAST(greatest(1, a.flows - p.flows) AS DOUBLE) AS others_over, (a.n_over + 0.5) / (a.flows + 1.0) AS pooled
        FROM (SELECT half, src_prefix AS prefix, count(*) AS flows, sum(CASE WHEN variation > 50000000 THEN 1 ELSE 0 END) AS n_over,
                percentile_disc(0.5) WITHIN GROUP (ORDER BY variation) / 1e6 AS p50_ms, percentile_disc(0.9) WITHIN GROUP (ORDER BY variation) / 1e6 AS p90_ms
            FROM flow_variation WHERE src_prefix IS NOT NULL GROUP BY half, src_prefix) p
            JOIN (SELECT half, count(*) AS flows, sum(CASE WHEN variation > 50000000 THEN 1 ELSE 0 END) AS n_over FROM flow_variation GROUP BY half) a ON a.half = p.half));

-- One row for each flow and second: the basis of all that is about time and load. excess: above the least RTT of the flow.
-- step: flows by second
CREATE TABLE flow_second AS
SELECT s.fid, s.t // 1000000000 AS sec, count(*) AS n, avg(s.rtt - f.rtt_min) AS excess, max(s.sent_bytes) AS sent_bytes, max(s.rec_bytes) AS rec_bytes
FROM sample s JOIN flow f ON f.fid = s.fid WHERE s.t IS NOT NULL GROUP BY s.fid, s.t // 1000000000;

-- Episodes: five-second slots in which half of the flow-seconds or more towards a prefix are 50 ms above the least RTT of who
-- answers (on the Internet half: of that server for those clients); two in all at least, with one at most between them that is not
-- so, and no silence of more than half a minute. A flow that begins in a full queue knows no less, so that its own least will not do; and one whose end was never seen
-- in another connection, and which is high for its prefix, is no evidence of either. One connection alone makes an episode if it
-- rose itself; otherwise it takes two, on the Internet half two at once, as an address there may stand for several hosts.
-- step: episodes
CREATE TABLE least_of_end AS
SELECT half, src_ip, CASE WHEN half = 'client' THEN '' ELSE coalesce(dst_prefix, '') END AS seen_by, min(rtt_min) AS least, count(DISTINCT cid) AS connections
FROM flow WHERE src_ip IS NOT NULL AND src_ip <> '-' GROUP BY 1, 2, 3;

CREATE TABLE least_of_prefix AS
SELECT half, src_prefix AS prefix, percentile_disc(0.5) WITHIN GROUP (ORDER BY rtt_min) AS usual FROM flow WHERE src_prefix IS NOT NULL GROUP BY half, src_prefix;

CREATE TABLE slot_vote AS
SELECT half, prefix, slot, cid, avg(CASE WHEN excess > 50000000 THEN excess END) AS excess, sum(CASE WHEN excess > 50000000 THEN 1 ELSE 0 END) AS high,
    sum(CASE WHEN excess <= 50000000 AND (known OR rtt <= usual + 50000000) THEN 1 ELSE 0 END) AS low,
    avg(CASE WHEN own > 50000000 THEN 1.0 ELSE 0 END) AS rose
FROM (SELECT f.half, f.src_prefix AS prefix, x.sec // 5 AS slot, f.cid, x.excess AS own, x.excess + f.rtt_min AS rtt,
        x.excess + f.rtt_min - l.least AS excess, l.connections > 1 AS known, p.usual
    FROM flow_second x JOIN flow f ON f.fid = x.fid JOIN least_of_prefix p ON p.half = f.half AND p.prefix = f.src_prefix
        JOIN least_of_end l ON l.half = f.half AND l.src_ip = f.src_ip AND l.seen_by = CASE WHEN f.half = 'client' THEN '' ELSE coalesce(f.dst_prefix, '') END)
GROUP BY half, prefix, slot, cid;

CREATE TABLE bad_slot AS
SELECT half, prefix, slot, flows, excess, sum(begins) OVER (PARTITION BY half, prefix ORDER BY slot ROWS UNBOUNDED PRECEDING) AS island
FROM (SELECT *, CASE WHEN k - lag(k) OVER bad <= 2 AND slot - lag(slot) OVER bad <= 7 THEN 0 ELSE 1 END AS begins
    FROM (SELECT half, prefix, slot, sum(high) AS high, sum(low) AS low, sum(CASE WHEN high > 0 THEN 1 ELSE 0 END) AS flows, avg(excess) AS excess,
            row_number() OVER (PARTITION BY half, prefix ORDER BY slot) AS k
        FROM slot_vote GROUP BY half, prefix, slot HAVING sum(high) + sum(low) > 0)
    WHERE high > 0 AND high >= low WINDOW bad AS (PARTITION BY half, prefix ORDER BY slot));

CREATE TABLE episode AS
SELECT b.half, b.prefix, b.from_s, b.to_s, b.slots, b.most_flows, c.connections, b.mean_excess_ms
FROM (SELECT half, prefix, island, min(slot) * 5 AS from_s, (max(slot) + 1) * 5 AS to_s, count(*) AS slots, max(flows) AS most_flows, avg(excess) / 1e6 AS mean_excess_ms,
        sum(CASE WHEN flows >= 2 THEN 1 ELSE 0 END) AS slots_of_two
    FROM bad_slot GROUP BY half, prefix, island) b
JOIN (SELECT half, prefix, island, count(*) AS connections, max(rose) AS rose
    FROM (SELECT b.half, b.prefix, b.island, v.cid, sum(CASE WHEN v.rose >= 0.5 THEN 1 ELSE 0 END) AS rose
        FROM bad_slot b JOIN slot_vote v ON v.half = b.half AND v.prefix = b.prefix AND v.slot = b.slot WHERE v.high > 0 GROUP BY b.half, b.prefix, b.island, v.cid)
    GROUP BY half, prefix, island) c ON c.half = b.half AND c.prefix = b.prefix AND c.island = b.island
WHERE b.slots >= 2 AND (c.rose >= 2 OR b.slots_of_two >= 2 OR (b.half = 'client' AND c.connections >= 2));
DROP TABLE slot_vote;

-- step: time series
CREATE TABLE slot_bin AS
SELECT f.half, (s.t // 1000000000) // (SELECT slot_s FROM study) * (SELECT slot_s FROM study) AS sec, s.bin // 8 AS bin, count(*) AS n
FROM sample s JOIN flow f ON f.fid = s.fid WHERE s.t IS NOT NULL GROUP BY 1, 2, 3;

CREATE TABLE rtt_series AS
SELECT half, sec, max(total) AS samples,
    -- the middle of the bin, which is 2.2 % wide
    exp((min(CASE WHEN upto >= 0.05 * total THEN bin END) + 0.5) / 46.16624130844683) / 1e6 AS p5_ms,
    exp((min(CASE WHEN upto >= 0.50 * total THEN bin END) + 0.5) / 46.16624130844683) / 1e6 AS p50_ms,
    exp((min(CASE WHEN upto >= 0.95 * total THEN bin END) + 0.5) / 46.16624130844683) / 1e6 AS p95_ms
FROM (SELECT half, sec, bin, sum(n) OVER (PARTITION BY half, sec ORDER BY bin ROWS UNBOUNDED PRECEDING) AS upto,
    sum(n) OVER (PARTITION BY half, sec ORDER BY bin ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS total FROM slot_bin)
GROUP BY half, sec;
DROP TABLE slot_bin;
