-- SPDX-License-Identifier: GPL-2.0-or-later
-- One server and many clients; one pair over time; hours of the day. All by flows: a flow is its median RTT.
-- Tests are Mann and Whitney's on ranks; as many are made at once, z must be above 5.

-- step: one server, many clients
CREATE TABLE server_flow AS
SELECT fid, src_ip AS server, dst_prefix AS clients, t_first, rtt_p50 AS rtt FROM flow
WHERE half <> 'client' AND src_ip IS NOT NULL AND src_ip <> '-' AND t_first IS NOT NULL;

CREATE TABLE server_rank AS
SELECT *, row_number() OVER (PARTITION BY server ORDER BY rtt, fid) AS k, count(*) OVER (PARTITION BY server) AS flows FROM server_flow;

CREATE TABLE server_clients AS
SELECT s.server, s.clients, s.n AS flows, s.p50 / 1e6 AS p50_ms, s.flows - s.n AS others_flows, o.others_p50 / 1e6 AS others_p50_ms, (s.p50 - o.others_p50) / 1e6 AS difference_ms,
    (s.ranks - s.n * (s.n + 1) / 2.0 - s.n * (s.flows - s.n) / 2.0) / sqrt(greatest(1, s.n * CAST(s.flows - s.n AS DOUBLE) * (s.flows + 1) / 12.0)) AS z
FROM (SELECT server, clients, count(*) AS n, max(flows) AS flows, sum(k) AS ranks, percentile_disc(0.5) WITHIN GROUP (ORDER BY rtt) AS p50
    FROM server_rank WHERE flows >= 12 GROUP BY server, clients HAVING count(*) >= 6 AND max(flows) - count(*) >= 6) s
JOIN (SELECT server, percentile_disc(0.5) WITHIN GROUP (ORDER BY rtt) AS others_p50 FROM server_rank GROUP BY server) o ON o.server = s.server;

-- step: pairs over time
CREATE TABLE pair_flow AS
SELECT server || ' and ' || clients AS pair, server, clients, t_first, rtt, fid FROM server_flow WHERE clients IS NOT NULL
UNION ALL SELECT server || ' and all', server, 'all', t_first, rtt, fid FROM server_flow;

CREATE TABLE pair_rank AS
SELECT pair, server, clients, t_first, rtt, k, n, floor(8 * (t_first - (SELECT t_min FROM study)) / (1.0 + (SELECT t_max - t_min FROM study))) AS eighth
FROM (SELECT *, row_number() OVER (PARTITION BY pair ORDER BY rtt, fid) AS k, count(*) OVER (PARTITION BY pair) AS n FROM pair_flow) WHERE n >= 16;

CREATE TABLE pair_split AS
SELECT pair, split, sum(CASE WHEN eighth >= split THEN 1 ELSE 0 END) AS after, max(n) AS n, sum(CASE WHEN eighth >= split THEN k ELSE 0 END) AS ranks
FROM pair_rank, (SELECT unnest([1, 2, 3, 4, 5, 6, 7]) AS split) GROUP BY pair, split;

CREATE TABLE pair_best AS
SELECT pair, split, z FROM (
    SELECT pair, split, z, row_number() OVER (PARTITION BY pair ORDER BY abs(z) DESC, split) AS place FROM (
        SELECT pair, split, (ranks - after * (after + 1) / 2.0 - after * (n - after) / 2.0) / sqrt(after * CAST(n - after AS DOUBLE) * (n + 1) / 12.0) AS z
        FROM pair_split WHERE after >= 6 AND n - after >= 6)) WHERE place = 1;

CREATE TABLE pair_change AS
SELECT server, clients, flows, before_ms, after_ms, after_ms - before_ms AS difference_ms, z, at_s FROM (
    SELECT r.server, r.clients, count(*) AS flows, percentile_disc(0.5) WITHIN GROUP (ORDER BY CASE WHEN r.eighth < b.split THEN rtt END) / 1e6 AS before_ms,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY CASE WHEN r.eighth >= b.split THEN rtt END) / 1e6 AS after_ms, max(b.z) AS z,
        ((SELECT t_min FROM study) + max(b.split) * (SELECT t_max - t_min FROM study) / 8) / 1e9 AS at_s
    FROM pair_rank r JOIN pair_best b ON b.pair = r.pair GROUP BY r.server, r.clients);

CREATE TABLE pair_series AS
SELECT server, eighth, count(*) AS flows, percentile_disc(0.5) WITHIN GROUP (ORDER BY rtt) / 1e6 AS p50_ms
FROM pair_rank WHERE clients = 'all' GROUP BY server, eighth;

-- step: hours of the day
CREATE TABLE hour_flow AS
SELECT half, (t_first // 1000000000 + $tz_offset) // 86400 AS day, ((t_first // 1000000000 + $tz_offset) % 86400) // 3600 AS hour, rtt_p50 AS rtt
FROM flow WHERE t_first IS NOT NULL AND (SELECT absolute_time FROM study);

CREATE TABLE hour_day AS
SELECT half, day, hour, count(*) AS flows, percentile_disc(0.5) WITHIN GROUP (ORDER BY rtt) / 1e6 AS p50_ms FROM hour_flow GROUP BY half, day, hour;

CREATE TABLE hour_of_day AS
SELECT h.half, h.hour, count(*) AS flows, max(d.days) AS days, percentile_disc(0.5) WITHIN GROUP (ORDER BY h.rtt) / 1e6 AS p50_ms,
    percentile_disc(0.95) WITHIN GROUP (ORDER BY h.rtt) / 1e6 AS p95_ms
FROM hour_flow h JOIN (SELECT half, hour, count(*) AS days FROM hour_day GROUP BY half, hour) d ON d.half = h.half AND d.hour = h.hour GROUP BY h.half, h.hour;

-- Do days agree? Each day against the mean of the others, hour by hour: a time of day is only what comes again.
CREATE TABLE hour_agreement AS
SELECT half, count(DISTINCT day) AS days, count(*) AS points, corr(y, (total - y) / (n - 1)) AS agreement
FROM (SELECT half, day, hour, ln(p50_ms) AS y, sum(ln(p50_ms)) OVER (PARTITION BY half, hour) AS total, count(*) OVER (PARTITION BY half, hour) AS n
    FROM hour_day WHERE flows >= 5) WHERE n > 1 GROUP BY half;
