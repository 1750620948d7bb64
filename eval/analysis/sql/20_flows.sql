-- SPDX-License-Identifier: GPL-2.0-or-later
-- Lines -> samples and flows. A flow here is one direction: who answers (src) and who was answered (dst).

-- step: who talks to whom
CREATE TABLE direction AS
SELECT row_number() OVER () AS tid, dir, source_id, src_ip, src_port, dst_ip, dst_port, proto,
    coalesce(ip_version, CASE WHEN src_ip LIKE '%:%' THEN 6 WHEN src_ip LIKE '%.%' THEN 4
        WHEN proto = 'ICMPv6' THEN 6 WHEN proto = 'ICMP' THEN 4 END) AS ipv,
    -- both directions of a connection have the same
    hash(source_id, proto, flow_id, least(src_end, dst_end), greatest(src_end, dst_end)) AS conn,
    openings, handshakes, egress, src_scope, dst_scope, interface
FROM (SELECT *, coalesce(src_ip, '-') || ' ' || coalesce(src_port, 0) AS src_end,
        coalesce(dst_ip, '-') || ' ' || coalesce(dst_port, 0) AS dst_end
    FROM (SELECT dir, any_value(source_id) AS source_id, any_value(src_ip) AS src_ip, any_value(src_port) AS src_port,
            any_value(dst_ip) AS dst_ip, any_value(dst_port) AS dst_port, any_value(proto) AS proto,
            any_value(ip_version) AS ip_version, any_value(flow_id) AS flow_id,
            any_value(src_scope) AS src_scope, any_value(dst_scope) AS dst_scope,
            -- where the replies were seen, if one run had several interfaces
            any_value(interface) AS interface, sum(CASE WHEN opening THEN 1 ELSE 0 END) AS openings,
            sum(CASE WHEN opening AND reason IN ('SYN', 'SYN-ACK') THEN 1 ELSE 0 END) AS handshakes,
            avg(CASE WHEN egress THEN 1.0 WHEN NOT egress THEN 0.0 END) AS egress
        FROM line WHERE dir IS NOT NULL GROUP BY dir));

CREATE TABLE connection_tuple AS
SELECT conn, row_number() OVER () AS cnum, sum(openings) AS openings,
    -- the opening is named from its first reply: its source did not begin
    max(CASE WHEN handshakes > 0 THEN tid END) AS server_tid, min(CASE WHEN handshakes > 0 THEN tid END) AS server_tid_also
FROM direction GROUP BY conn;

-- step: addresses and sides
CREATE TABLE address AS
SELECT ip, family, hex,
    CASE WHEN family = 4 THEN regexp_replace(ip, '\.[0-9]+$', '.0/24')
        WHEN family = 6 THEN regexp_replace(substr(hex, 1, 4), '^0{1,3}', '') || ':' || regexp_replace(substr(hex, 5, 4), '^0{1,3}', '')
            || ':' || regexp_replace(substr(hex, 9, 4), '^0{1,3}', '') || '::/48' END AS prefix,
    CASE WHEN family = 4 AND (hex LIKE '0a%' OR hex LIKE 'c0a8%' OR hex BETWEEN 'ac100000' AND 'ac1fffff'
            OR hex BETWEEN '64400000' AND '647fffff') THEN 1
        WHEN family = 6 AND (hex LIKE 'fc%' OR hex LIKE 'fd%') THEN 1 ELSE 0 END AS is_private,
    EXISTS (SELECT 1 FROM client_net c WHERE c.family = a.family AND a.hex BETWEEN c.lo AND c.hi) AS is_client
FROM (SELECT ip, family,
        CASE WHEN family = 4 THEN lpad(lower(to_hex(TRY_CAST(split_part(ip, '.', 1) AS INTEGER))), 2, '0') || lpad(lower(to_hex(TRY_CAST(split_part(ip, '.', 2) AS INTEGER))), 2, '0')
                || lpad(lower(to_hex(TRY_CAST(split_part(ip, '.', 3) AS INTEGER))), 2, '0') || lpad(lower(to_hex(TRY_CAST(split_part(ip, '.', 4) AS INTEGER))), 2, '0')
            WHEN family = 6 THEN head || repeat('0', 32 - length(head) - length(tail)) || tail END AS hex
    FROM (SELECT ip, CASE WHEN ip LIKE '%:%' THEN 6 WHEN ip LIKE '%.%' THEN 4 END AS family,
            CASE WHEN ip LIKE '%:%' AND split_part(ip, '::', 1) <> '' THEN array_to_string(list_transform(string_split(lower(split_part(ip, '::', 1)), ':'), lambda g: lpad(g, 4, '0')), '') ELSE '' END AS head,
            CASE WHEN ip LIKE '%::%' AND split_part(ip, '::', 2) <> '' THEN array_to_string(list_transform(string_split(lower(split_part(ip, '::', 2)), ':'), lambda g: lpad(g, 4, '0')), '') ELSE '' END AS tail
        FROM (SELECT src_ip AS ip FROM direction UNION SELECT dst_ip FROM direction) WHERE ip IS NOT NULL)) a;

-- Addresses that were exchanged for others don't tell whether the true ones are private.
CREATE TABLE exchanged AS
SELECT DISTINCT source_id FROM run_record WHERE anonymized IN ('cryptopan', 'ipcrypt', 'ipcrypt-pfx');

-- Which end answered. 1: the server's, on the Internet half; -1: the client's.
CREATE TABLE direction_side AS
SELECT d.tid, d.source_id, d.egress, CASE WHEN by_net IS NOT NULL OR $client_nets > 0 THEN by_net ELSE coalesce(by_opening, by_port, by_scope) END AS side,
    CASE WHEN by_net IS NOT NULL THEN 'client net' WHEN $client_nets > 0 THEN NULL WHEN by_opening IS NOT NULL THEN 'handshake'
        WHEN by_port IS NOT NULL THEN 'port' WHEN by_scope IS NOT NULL THEN 'private address' END AS side_by
FROM (SELECT d.tid, d.source_id, d.egress,
        CASE WHEN s.is_client AND NOT coalesce(r.is_client, false) THEN -1 WHEN r.is_client AND NOT coalesce(s.is_client, false) THEN 1 END AS by_net,
        CASE WHEN d.proto = 'TCP' AND c.server_tid = c.server_tid_also THEN CASE WHEN c.server_tid = d.tid THEN 1 ELSE -1 END END AS by_opening,
        CASE WHEN d.proto <> 'TCP' THEN NULL WHEN src_port < 1024 AND dst_port >= 1024 THEN 1 WHEN dst_port < 1024 AND src_port >= 1024 THEN -1
            WHEN src_port < 32768 AND dst_port >= 32768 THEN 1 WHEN dst_port < 32768 AND src_port >= 32768 THEN -1 END AS by_port,
        CASE WHEN s_private > r_private THEN -1 WHEN s_private < r_private THEN 1 END AS by_scope
    FROM (SELECT d.*, CASE WHEN src_scope IN ('private', 'CGNAT') THEN 1 WHEN src_scope IS NOT NULL THEN 0 WHEN x.source_id IS NULL THEN s.is_private END AS s_private,
            CASE WHEN dst_scope IN ('private', 'CGNAT') THEN 1 WHEN dst_scope IS NOT NULL THEN 0 WHEN x.source_id IS NULL THEN r.is_private END AS r_private
        FROM direction d LEFT JOIN address s ON s.ip = d.src_ip LEFT JOIN address r ON r.ip = d.dst_ip LEFT JOIN exchanged x ON x.source_id = d.source_id) d JOIN connection_tuple c ON c.conn = d.conn
        LEFT JOIN address s ON s.ip = d.src_ip LEFT JOIN address r ON r.ip = d.dst_ip) d;

-- What is still open goes by the way its replies crossed the interface, where nearly all others of a side agree on one.
CREATE TABLE egress_side AS
SELECT source_id, CASE WHEN client_out >= 0.95 AND server_out <= 0.05 THEN 1 WHEN client_out <= 0.05 AND server_out >= 0.95 THEN -1 END AS sign
FROM (SELECT source_id, avg(CASE WHEN side = -1 THEN egress END) AS client_out, avg(CASE WHEN side = 1 THEN egress END) AS server_out
    FROM direction_side GROUP BY source_id);

CREATE TABLE direction_final AS
SELECT d.tid, c.cnum, d.dir, c.openings AS conn_openings, d.source_id, d.src_ip, d.src_port, d.dst_ip, d.dst_port, d.proto, d.ipv, d.interface,
    CASE side WHEN -1 THEN 'client' WHEN 1 THEN 'internet' ELSE 'unknown' END AS half, side_by,
    s.prefix AS src_prefix, r.prefix AS dst_prefix,
    CASE WHEN d.proto <> 'TCP' OR d.proto IS NULL THEN NULL WHEN side = 1 THEN d.src_port WHEN side = -1 THEN d.dst_port
        ELSE least(d.src_port, d.dst_port) END AS service_port
FROM (SELECT d.*,
        CASE WHEN f.side IS NOT NULL THEN f.side WHEN d.egress >= 0.95 THEN -e.sign WHEN d.egress <= 0.05 THEN e.sign END AS side,
        CASE WHEN f.side IS NOT NULL THEN f.side_by WHEN (d.egress >= 0.95 OR d.egress <= 0.05) AND e.sign IS NOT NULL THEN 'direction at the interface' END AS side_by
    FROM direction d JOIN direction_side f ON f.tid = d.tid LEFT JOIN egress_side e ON e.source_id = d.source_id) d
    JOIN connection_tuple c ON c.conn = d.conn
    LEFT JOIN address s ON s.ip = d.src_ip LEFT JOIN address r ON r.ip = d.dst_ip;

-- Ports that were used again: a new flow begins with each opening. All others need no sorting.
-- step: samples
CREATE TABLE sample AS
SELECT d.tid AS fid, l.t, l.rtt, l.min_rtt, l.sent_bytes, l.rec_bytes,
    -- 256 bins in each power of two: a bin is 0.27 % wide
    CAST(floor(369.3299304675746 * ln(l.rtt)) AS INTEGER) AS bin
FROM line l JOIN direction_final d ON d.dir = l.dir WHERE l.kind = 1 AND d.conn_openings < 2;

-- step: flows
CREATE TABLE flow_event AS
SELECT d.tid AS fid, d.cnum AS cid, l.t, l.opening, l.reason, l.triggered_by, l.sent_bytes, l.rec_bytes, l.duration, l.rtts
FROM line l JOIN direction_final d ON d.dir = l.dir WHERE l.kind = 2 AND d.conn_openings < 2;

CREATE TABLE reused AS
SELECT l.kind, l.t, d.tid, d.cnum, l.rtt, l.min_rtt, l.sent_bytes, l.rec_bytes, l.opening, l.reason, l.triggered_by, l.duration, l.rtts,
    greatest(1, sum(CASE WHEN l.opening THEN 1 ELSE 0 END) OVER (PARTITION BY d.cnum ORDER BY l.t ROWS UNBOUNDED PRECEDING)) AS instance
FROM line l JOIN direction_final d ON d.dir = l.dir WHERE d.conn_openings >= 2;

INSERT INTO sample SELECT tid + (instance - 1) * (SELECT count(*) FROM direction_final), t, rtt, min_rtt, sent_bytes, rec_bytes,
    CAST(floor(369.3299304675746 * ln(rtt)) AS INTEGER) FROM reused WHERE kind = 1;

INSERT INTO flow_event SELECT tid + (instance - 1) * (SELECT count(*) FROM direction_final),
    cnum + (instance - 1) * (SELECT count(*) FROM connection_tuple), t, opening, reason, triggered_by, sent_bytes, rec_bytes, duration, rtts FROM reused WHERE kind = 2;

-- Percentiles of each flow by rank: the k-th least of n is the p-quantile for k = ceil(p n). Exact, and in sorted runs that spill.
CREATE TABLE flow_rank AS
SELECT fid, max(n) AS n, min(rtt) AS rtt_min, max(rtt) AS rtt_max,
    max(CASE WHEN k = CAST(ceil(0.50 * n) AS BIGINT) THEN rtt END) AS rtt_p50,
    max(CASE WHEN k = CAST(ceil(0.95 * n) AS BIGINT) THEN rtt END) AS rtt_p95
FROM (SELECT fid, rtt, row_number() OVER (PARTITION BY fid ORDER BY rtt) AS k,
        count(*) OVER (PARTITION BY fid ORDER BY rtt ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS n FROM sample)
GROUP BY fid;

CREATE TABLE flow_time AS
SELECT fid, min(t) AS t_first, max(t) AS t_last, max(sent_bytes) AS sent_bytes, max(rec_bytes) AS rec_bytes, min(min_rtt) AS min_rtt
FROM sample GROUP BY fid;

CREATE TABLE flow AS
SELECT r.fid, d.cnum + r.instance * r.connections AS cid,
    d.source_id, d.half, d.side_by, d.proto, d.ipv, d.service_port, d.src_ip, d.src_port, d.dst_ip, d.dst_port, d.src_prefix, d.dst_prefix, d.interface,
    r.n, t.t_first, t.t_last, least(r.rtt_min, coalesce(t.min_rtt, r.rtt_min)) AS rtt_min, r.rtt_p50, r.rtt_p95, r.rtt_max,
    t.sent_bytes, t.rec_bytes
FROM (SELECT *, (fid - 1) % directions + 1 AS tid, (fid - 1) // directions AS instance
    FROM flow_rank, (SELECT count(*) AS directions FROM direction_final), (SELECT count(*) AS connections FROM connection_tuple)) r
    JOIN flow_time t ON t.fid = r.fid JOIN direction_final d ON d.tid = r.tid;

CREATE TABLE service AS
SELECT service_port, n, CASE WHEN k <= 8 THEN CAST(service_port AS VARCHAR) ELSE 'other' END AS service
FROM (SELECT service_port, count(*) AS n, row_number() OVER (ORDER BY count(*) DESC, service_port) AS k
    FROM flow WHERE service_port IS NOT NULL GROUP BY service_port);

CREATE TABLE flow_class AS
SELECT f.fid, f.half,
    -- one protocol of pings: the version of IP is a question of its own
    CASE WHEN f.proto LIKE 'ICMP%' THEN 'ICMP' ELSE coalesce(f.proto, 'unknown') END AS proto, coalesce(CAST(f.ipv AS VARCHAR), 'unknown') AS ipv,
    CASE WHEN f.service_port IS NULL THEN '-' ELSE s.service END AS service, coalesce(f.interface, o.source) AS source, f.n
FROM flow f JOIN (SELECT DISTINCT source_id, source FROM file) o ON o.source_id = f.source_id LEFT JOIN service s ON s.service_port = f.service_port;

DROP TABLE flow_rank;
DROP TABLE flow_time;
DROP TABLE reused;
