-- SPDX-License-Identifier: GPL-2.0-or-later
-- Reports per prefix (--aggregate): every RTT, in histograms.

-- step: aggregates
-- (Before the load, which may come from here.)
CREATE TABLE report AS
SELECT file_id, source_id, t, rest ->> '$.ip_prefix' AS prefix, CAST(rest ->> '$.count_rtt' AS BIGINT) AS n,
    CAST(rest ->> '$.min_rtt' AS BIGINT) AS rtt_min, CAST(rest ->> '$.mean_rtt' AS DOUBLE) AS rtt_mean, CAST(rest ->> '$.max_rtt' AS BIGINT) AS rtt_max,
    CAST(rest ->> '$.rx_stats.tcp_ts.bytes' AS BIGINT) AS rx_tcp_ts, CAST(rest ->> '$.rx_stats.tcp_no_ts.bytes' AS BIGINT) AS rx_tcp_no_ts, CAST(rest ->> '$.rx_stats.other.bytes' AS BIGINT) AS rx_other,
    CAST(rest ->> '$.tx_stats.tcp_ts.bytes' AS BIGINT) AS tx_tcp_ts, CAST(rest ->> '$.tx_stats.tcp_no_ts.bytes' AS BIGINT) AS tx_tcp_no_ts, CAST(rest ->> '$.tx_stats.other.bytes' AS BIGINT) AS tx_other,
    CAST(rest ->> '$.rx_stats.tcp_no_ts.packets' AS BIGINT) AS rx_tcp_no_ts_packets, CAST(rest ->> '$.rx_stats.tcp_ts.packets' AS BIGINT) AS rx_tcp_ts_packets, CAST(rest ->> '$.rx_stats.other.packets' AS BIGINT) AS rx_other_packets,
    CAST(coalesce(rest ->> '$.count_below', '0') AS BIGINT) AS below, CAST(coalesce(rest ->> '$.count_above', '0') AS BIGINT) AS above, rest -> '$.histogram' AS histogram
FROM line WHERE kind = 4;

CREATE TABLE report_bin AS
SELECT prefix, upper, sum(n) AS n FROM (
    SELECT prefix, CAST(pair[1] AS BIGINT) AS upper, CAST(pair[2] AS BIGINT) AS n
    FROM (SELECT prefix, unnest(CAST(histogram AS BIGINT[][])) AS pair FROM report WHERE n > 0)
    UNION ALL SELECT prefix, 512, below FROM report WHERE below > 0
    UNION ALL SELECT prefix, 137438953472, above FROM report WHERE above > 0) GROUP BY prefix, upper;

CREATE TABLE report_bin_all AS
SELECT prefix, upper, n, sum(n) OVER (PARTITION BY prefix ORDER BY upper ROWS UNBOUNDED PRECEDING) AS upto,
    sum(n) OVER (PARTITION BY prefix) AS total
FROM (SELECT prefix, upper, n FROM report_bin UNION ALL SELECT 'all', upper, sum(n) FROM report_bin GROUP BY upper);

-- A percentile is the upper bound of its bin, which is at most an eighth wide.
CREATE TABLE aggregate_summary AS
SELECT b.prefix, b.samples, r.min_ms, b.p50_ms, b.p95_ms, b.p99_ms, r.max_ms, r.mean_ms, r.rx_bytes, r.tx_bytes, r.reports
FROM (SELECT prefix, max(total) AS samples, min(CASE WHEN upto >= 0.5 * total THEN upper END) / 1e6 AS p50_ms,
        min(CASE WHEN upto >= 0.95 * total THEN upper END) / 1e6 AS p95_ms, min(CASE WHEN upto >= 0.99 * total THEN upper END) / 1e6 AS p99_ms
    FROM report_bin_all GROUP BY prefix) b
JOIN (SELECT prefix, count(*) AS reports, min(rtt_min) / 1e6 AS min_ms, max(rtt_max) / 1e6 AS max_ms, sum(rtt_mean * n) / nullif(sum(n), 0) / 1e6 AS mean_ms,
        sum(rx_tcp_ts + rx_tcp_no_ts + rx_other) AS rx_bytes, sum(tx_tcp_ts + tx_tcp_no_ts + tx_other) AS tx_bytes
    FROM (SELECT * FROM report UNION ALL SELECT * REPLACE ('all' AS prefix) FROM report) GROUP BY prefix) r ON r.prefix = b.prefix;

CREATE TABLE aggregate_ecdf AS
SELECT upper / 1e6 AS rtt_ms, upto / CAST(total AS DOUBLE) AS share FROM report_bin_all WHERE prefix = 'all';

-- What kind of packets they were: each packet is received by one prefix.
CREATE TABLE traffic_kind AS
SELECT * FROM (SELECT 'TCP with timestamps' AS kind, sum(rx_tcp_ts_packets) AS packets, sum(rx_tcp_ts) AS bytes FROM report
    UNION ALL SELECT 'TCP without timestamps', sum(rx_tcp_no_ts_packets), sum(rx_tcp_no_ts) FROM report
    UNION ALL SELECT 'other than TCP', sum(rx_other_packets), sum(rx_other) FROM report) WHERE packets > 0;

CREATE TABLE totals AS
SELECT source_id, t, CAST(rest ->> '$.flows_evicted' AS BIGINT) AS flows_evicted, CAST(rest ->> '$.prefix_table_full' AS BIGINT) AS prefix_table_full,
    CAST(rest ->> '$.flows_opened' AS BIGINT) AS flows_opened, rest -> '$.errors' AS errors
FROM line WHERE kind = 5;

CREATE TABLE traffic_protocol AS
SELECT family, key AS protocol, sum(CAST(value ->> '$.packets' AS BIGINT)) AS packets, sum(CAST(value ->> '$.bytes' AS BIGINT)) AS bytes
FROM (SELECT 'IPv4' AS family, e.key, e.value FROM line l, json_each(l.rest, '$.ipv4') e WHERE l.kind = 5
    UNION ALL SELECT 'IPv6', e.key, e.value FROM line l, json_each(l.rest, '$.ipv6') e WHERE l.kind = 5) GROUP BY family, key HAVING sum(CAST(value ->> '$.packets' AS BIGINT)) > 0;

CREATE TABLE unreadable AS
SELECT key AS what, sum(CAST(value AS BIGINT)) AS packets FROM line l, json_each(l.rest, '$.errors') WHERE l.kind = 5 GROUP BY key HAVING sum(CAST(value AS BIGINT)) > 0;

-- Load by report, for data without --counters: the bytes of all prefixes received, and the mean RTT above each prefix's least.
CREATE TABLE report_load AS
SELECT source_id, sec, bytes, samples, excess_ms, bytes * 8.0 / (sec - lag(sec) OVER (PARTITION BY source_id ORDER BY sec)) AS bits_per_s
FROM (SELECT r.source_id, r.t // 1000000000 AS sec, sum(r.rx_tcp_ts + r.rx_tcp_no_ts + r.rx_other) AS bytes, sum(r.n) AS samples,
        sum((r.rtt_mean - p.least) * r.n) / nullif(sum(r.n), 0) / 1e6 AS excess_ms
    FROM report r JOIN (SELECT source_id, prefix, min(rtt_min) AS least FROM report GROUP BY source_id, prefix) p ON p.source_id = r.source_id AND p.prefix = r.prefix
    GROUP BY r.source_id, r.t // 1000000000);
