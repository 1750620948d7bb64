-- SPDX-License-Identifier: GPL-2.0-or-later
-- RTT against load and against concurrent flows, second by second. The load is what --counters counted: bytes are known at each RTT
-- of a flow, so that what passed since the one before counts to the second of the later.

-- step: load by second
CREATE TABLE connection_second AS
SELECT f.source_id, f.cid, x.sec,
    max(CASE WHEN f.half = 'client' THEN x.rec_bytes ELSE x.sent_bytes END) AS up, max(CASE WHEN f.half = 'client' THEN x.sent_bytes ELSE x.rec_bytes END) AS down
FROM flow_second x JOIN flow f ON f.fid = x.fid WHERE x.sent_bytes IS NOT NULL AND x.rec_bytes IS NOT NULL GROUP BY f.source_id, f.cid, x.sec;

CREATE TABLE load_second AS
SELECT source_id, sec, sum(greatest(0, up - up_before)) AS up_bytes, sum(greatest(0, down - down_before)) AS down_bytes
FROM (SELECT source_id, sec, up, down, coalesce(lag(up) OVER (PARTITION BY cid ORDER BY sec), 0) AS up_before,
    coalesce(lag(down) OVER (PARTITION BY cid ORDER BY sec), 0) AS down_before FROM connection_second)
GROUP BY source_id, sec;
DROP TABLE connection_second;

CREATE TABLE connection_time AS
SELECT source_id, cid, min(t_first) AS t_first, max(t_last) AS t_last FROM flow WHERE t_first IS NOT NULL GROUP BY source_id, cid;

-- step: concurrent flows
CREATE TABLE concurrent AS
SELECT source_id, sec, sum(change) OVER (PARTITION BY source_id ORDER BY sec ROWS UNBOUNDED PRECEDING) AS connections
FROM (SELECT source_id, sec, sum(change) AS change FROM (
    SELECT source_id, t_first // 1000000000 AS sec, 1 AS change FROM connection_time
    UNION ALL SELECT source_id, t_last // 1000000000 + 1, -1 FROM connection_time
    -- seconds in which nothing changes, too
    UNION ALL SELECT source_id, sec, 0 FROM busy_second) GROUP BY source_id, sec);

-- Each flow has one say a second. Flows with less than ten samples have no least RTT worth the name.
CREATE TABLE excess_second AS
SELECT f.source_id, f.half, x.sec, count(*) AS flows, avg(x.excess) / 1e6 AS excess_ms
FROM flow_second x JOIN flow f ON f.fid = x.fid WHERE f.n >= 10 AND f.half <> 'unknown' GROUP BY f.source_id, f.half, x.sec;

-- x: bytes a second towards who answers (what the queue on the way there holds), or connections
CREATE TABLE load_point AS
-- Without --counters the load is that of the reports of --aggregate, and so is the RTT then.
SELECT source_id, 'all' AS half, sec, 'load' AS against, bits_per_s AS x, excess_ms AS y FROM report_load
WHERE excess_ms IS NOT NULL AND bits_per_s IS NOT NULL AND NOT EXISTS (SELECT 1 FROM load_second)
UNION ALL SELECT e.source_id, e.half, e.sec, 'load' AS against, CAST(CASE WHEN e.half = 'client' THEN l.down_bytes ELSE l.up_bytes END AS DOUBLE) * 8 AS x, e.excess_ms AS y
FROM excess_second e JOIN load_second l ON l.source_id = e.source_id AND l.sec = e.sec
UNION ALL SELECT e.source_id, e.half, e.sec, 'connections', CAST(c.connections AS DOUBLE), e.excess_ms
FROM excess_second e JOIN concurrent c ON c.source_id = e.source_id AND c.sec = e.sec;

-- Ten classes of seconds, from the least load to the most.
CREATE TABLE load_class AS
SELECT source_id, half, against, class, count(*) AS seconds, avg(x) AS x, percentile_disc(0.5) WITHIN GROUP (ORDER BY y) AS p50_excess_ms,
    percentile_disc(0.9) WITHIN GROUP (ORDER BY y) AS p90_excess_ms
FROM (SELECT *, ntile(10) OVER (PARTITION BY source_id, half, against ORDER BY x) AS class FROM load_point) GROUP BY source_id, half, against, class;

-- Correlation of ranks, and its interval by a bootstrap over blocks of time: seconds that follow each other are not independent.
-- step: correlation
CREATE TABLE load_rank AS
SELECT source_id, half, against, (sec - min(sec) OVER (PARTITION BY source_id)) // (SELECT greatest(10, CAST(span_s / 25 AS BIGINT)) FROM study) AS block,
    CAST(row_number() OVER (PARTITION BY source_id, half, against ORDER BY x, hash(sec)) AS DOUBLE) / count(*) OVER (PARTITION BY source_id, half, against) AS x,
    CAST(row_number() OVER (PARTITION BY source_id, half, against ORDER BY y, hash(sec + 1)) AS DOUBLE) / count(*) OVER (PARTITION BY source_id, half, against) AS y
FROM load_point;

CREATE TABLE load_block AS
SELECT source_id, half, against, block, count(*) AS n, sum(x) AS x, sum(y) AS y, sum(x * x) AS xx, sum(y * y) AS yy, sum(x * y) AS xy
FROM load_rank GROUP BY source_id, half, against, block;

CREATE TABLE load_correlation AS
SELECT c.source_id, c.half, c.against, c.blocks, c.seconds, max(CASE WHEN rep = 0 THEN rho END) AS rho,
    quantile_cont(CASE WHEN rep > 0 THEN rho END, 0.005) AS lo, quantile_cont(CASE WHEN rep > 0 THEN rho END, 0.995) AS hi
FROM (SELECT source_id, half, against, rep, (sum(k * n) * sum(k * xy) - sum(k * x) * sum(k * y)) / nullif(sqrt(greatest(0, sum(k * n) * sum(k * xx) - sum(k * x) * sum(k * x)))
        * sqrt(greatest(0, sum(k * n) * sum(k * yy) - sum(k * y) * sum(k * y))), 0) AS rho
    FROM (SELECT *, CASE WHEN rep = 0 THEN 1 WHEN u < 0.36787944 THEN 0 WHEN u < 0.73575888 THEN 1 WHEN u < 0.91969860 THEN 2
            WHEN u < 0.98101184 THEN 3 ELSE 4 END AS k
        FROM (SELECT b.*, r.rep, (hash(b.block, r.rep, $seed) % 100000007) / 100000007.0 AS u
            FROM load_block b, (SELECT unnest(range(0, 1001)) AS rep) r))
    GROUP BY source_id, half, against, rep) x
    JOIN (SELECT source_id, half, against, count(*) AS blocks, sum(n) AS seconds FROM load_block GROUP BY source_id, half, against) c
        USING (source_id, half, against)
GROUP BY c.source_id, c.half, c.against, c.blocks, c.seconds;
