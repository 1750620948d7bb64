-- SPDX-License-Identifier: GPL-2.0-or-later
-- Connections: how long, how much, which way, and which gave no RTT.

-- step: connections
CREATE TABLE connection_end AS
SELECT cid, max(CASE WHEN opening THEN t END) AS opened, max(CASE WHEN NOT opening THEN t END) AS closed,
    max(CASE WHEN opening THEN reason END) AS opened_by, max(CASE WHEN NOT opening THEN reason END) AS closed_by, (min(fid) - 1) % max(directions) + 1 AS tid,
    -- totals that closings have with --counters: sent is by dst, rec by src
    max(CASE WHEN NOT opening THEN duration END) AS duration, max(CASE WHEN NOT opening THEN rtts END) AS rtts,
    max(CASE WHEN opening THEN NULL WHEN half = 'client' THEN rec_bytes WHEN half = 'internet' THEN sent_bytes END) AS up_bytes,
    max(CASE WHEN opening THEN NULL WHEN half = 'client' THEN sent_bytes WHEN half = 'internet' THEN rec_bytes END) AS down_bytes,
    max(CASE WHEN NOT opening THEN sent_bytes + rec_bytes END) AS bytes
FROM (SELECT e.*, n.directions, d.half FROM flow_event e, (SELECT count(*) AS directions FROM direction_final) n, direction_final d
    WHERE d.tid = (e.fid - 1) % n.directions + 1) GROUP BY cid;

CREATE TABLE connection_flow AS
SELECT cid, max(proto) AS proto, max(ipv) AS ipv, min(t_first) AS t_first, max(t_last) AS t_last, sum(n) AS samples,
    sum(CASE WHEN half = 'client' THEN n ELSE 0 END) AS client_samples, sum(CASE WHEN half = 'internet' THEN n ELSE 0 END) AS internet_samples,
    sum(CASE WHEN half = 'unknown' THEN n ELSE 0 END) AS unknown_samples,
    max(CASE half WHEN 'client' THEN rec_bytes WHEN 'internet' THEN sent_bytes END) AS up_bytes,
    max(CASE half WHEN 'client' THEN sent_bytes WHEN 'internet' THEN rec_bytes END) AS down_bytes
FROM flow GROUP BY cid;

CREATE TABLE connection AS
SELECT coalesce(f.cid, e.cid) AS cid, coalesce(f.proto, d.proto) AS proto, coalesce(f.ipv, d.ipv) AS ipv, e.opened, e.closed, e.opened_by, e.closed_by,
    coalesce(f.samples, 0) AS samples, coalesce(f.client_samples, 0) AS client_samples, coalesce(f.internet_samples, 0) AS internet_samples,
    coalesce(f.unknown_samples, 0) AS unknown_samples,
    -- a timeout closes long after the last packet: without a total the last RTT is the end then
    coalesce(e.duration / 1e9, greatest(0, (CASE WHEN e.closed_by <> 'timeout' AND e.closed >= coalesce(e.opened, f.t_first) THEN e.closed
        ELSE greatest(f.t_last, coalesce(e.opened, f.t_last)) END - coalesce(e.opened, f.t_first)) / 1e9)) AS seconds,
    e.opened IS NOT NULL AND e.closed IS NOT NULL AND (e.closed_by <> 'timeout' OR e.duration IS NOT NULL) AS whole,
    coalesce(e.up_bytes, f.up_bytes) AS up_bytes, coalesce(e.down_bytes, f.down_bytes) AS down_bytes,
    coalesce(e.bytes, f.up_bytes + f.down_bytes) AS bytes, e.duration IS NOT NULL AS has_totals, e.rtts
FROM connection_flow f FULL JOIN connection_end e ON e.cid = f.cid
    LEFT JOIN direction_final d ON d.tid = e.tid;

CREATE TABLE connection_summary AS
SELECT coalesce(proto, 'unknown') AS proto, count(*) AS connections, sum(CASE WHEN whole THEN 1 ELSE 0 END) AS seen_whole,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY CASE WHEN whole THEN seconds END) AS p50_s, percentile_disc(0.95) WITHIN GROUP (ORDER BY CASE WHEN whole THEN seconds END) AS p95_s,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY down_bytes) AS p50_down_bytes, percentile_disc(0.95) WITHIN GROUP (ORDER BY down_bytes) AS p95_down_bytes,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY up_bytes) AS p50_up_bytes, percentile_disc(0.95) WITHIN GROUP (ORDER BY up_bytes) AS p95_up_bytes,
    sum(down_bytes) AS down_bytes, sum(up_bytes) AS up_bytes, sum(CASE WHEN has_totals THEN 1 ELSE 0 END) AS with_totals
FROM connection GROUP BY coalesce(proto, 'unknown');

CREATE TABLE connection_ecdf AS
SELECT what, exp((bin + 1) / 11.541560327111707) AS x, max(k) / CAST(max(n) AS DOUBLE) AS share
FROM (SELECT what, floor(11.541560327111707 * ln(x)) AS bin, row_number() OVER (PARTITION BY what ORDER BY x) AS k, count(*) OVER (PARTITION BY what) AS n
    FROM (SELECT 'seconds' AS what, greatest(0.001, seconds) AS x FROM connection WHERE whole
        UNION ALL SELECT 'download', greatest(1, down_bytes) FROM connection WHERE down_bytes IS NOT NULL
        UNION ALL SELECT 'upload', greatest(1, up_bytes) FROM connection WHERE up_bytes IS NOT NULL))
GROUP BY what, bin;

-- step: what could not be measured
CREATE TABLE unmeasured AS
SELECT what, why, count(*) AS connections, sum(bytes) AS bytes, sum(CASE WHEN bytes IS NULL THEN 0 ELSE 1 END) AS with_totals FROM (
    SELECT CASE WHEN samples = 0 THEN 'no RTT' WHEN unknown_samples > 0 THEN 'RTTs, half unknown'
            WHEN client_samples = 0 THEN 'Internet half only' WHEN internet_samples = 0 THEN 'client half only' ELSE 'both halves' END AS what,
        CASE WHEN samples > 0 THEN '' WHEN closed_by = 'RST' THEN 'ended by RST' WHEN closed_by = 'timeout' THEN 'went silent' WHEN closed_by = 'SYN' THEN 'ports used again'
            WHEN closed_by IS NULL THEN 'not closed in these files' WHEN seconds < 1 THEN 'shorter than a second' ELSE 'a second or longer' END AS why, CASE WHEN has_totals THEN bytes END AS bytes
    FROM connection WHERE opened IS NOT NULL) GROUP BY what, why;
