-- SPDX-License-Identifier: GPL-2.0-or-later
-- What was read, and what was wrong with it. Times are ns since 1970 (t), seconds (sec) or ms (_ms).

-- step: what the files hold
CREATE TABLE file_kind AS
SELECT file_id, kind, count(*) AS n, min(t) AS t_min, max(t) AS t_max, coalesce(sum(lost), 0) AS lost,
    sum(CASE WHEN t IS NULL THEN 1 ELSE 0 END) AS no_time,
    sum(CASE WHEN src_ip IS NULL OR dst_ip IS NULL OR src_ip = '-' THEN 1 ELSE 0 END) AS no_address,
    sum(CASE WHEN src_port IS NULL OR dst_port IS NULL THEN 1 ELSE 0 END) AS no_port,
    sum(CASE WHEN min_rtt IS NULL THEN 1 ELSE 0 END) AS no_min,
    sum(CASE WHEN sent_bytes IS NULL THEN 1 ELSE 0 END) AS no_counters,
    sum(CASE WHEN egress IS NULL THEN 1 ELSE 0 END) AS no_egress
FROM line GROUP BY file_id, kind;

-- Lines of a file are in order of time: a time before the one of the line before it means that the clock was set back.
-- OVER () without an order is the order of the lines in this table, which is that of the files.
-- step: clock steps
CREATE TABLE clock_step AS
SELECT file_id, t AS t_after, before - t AS back_ns
FROM (SELECT file_id, kind, t, lag(t) OVER () AS before, lag(file_id) OVER () AS file_before
    FROM line WHERE t IS NOT NULL AND kind IN (1, 2))
WHERE file_id = file_before AND t < before - 100000000;

-- 1 for files whose last line can't be read and has no end: cut off while it was written.
CREATE TABLE last_line AS
SELECT l.file_id, CASE WHEN l.kind = 9 AND f.ends_open THEN 1 ELSE 0 END AS cut FROM line l JOIN file f ON f.file_id = l.file_id
WHERE l.rowid IN (SELECT max(rowid) FROM line GROUP BY file_id);

-- What the program said about itself, at the beginning and at the end of each file.
CREATE TABLE run_record AS
SELECT file_id, source_id, t, rest ->> '$.run' AS what, CAST(rest ->> '$.file' AS BIGINT) AS number, CAST(rest ->> '$.file_events' AS BIGINT) AS file_events,
    rest ->> '$.version' AS version, rest ->> '$.kernel' AS kernel, rest ->> '$.methods' AS methods, rest ->> '$.anonymized' AS anonymized, rest ->> '$.options' AS options
FROM line WHERE kind = 7;

CREATE TABLE run_summary AS
SELECT source_id, version, kernel, methods, anonymized, options, count(*) AS files, min(t) / 1e9 AS from_s, max(t) / 1e9 AS last_s
FROM run_record WHERE what = 'begin' GROUP BY source_id, version, kernel, methods, anonymized, options;

-- Files of a run have numbers from 0 on.
CREATE TABLE missing_file AS
SELECT source_id, number_before AS after_number, number - number_before - 1 AS files
FROM (SELECT source_id, number, lag(number) OVER (PARTITION BY source_id ORDER BY t, number) AS number_before FROM run_record WHERE what = 'begin')
WHERE number > number_before + 1;

CREATE TABLE file_summary AS
SELECT f.file_id, f.source_id, f.path, f.source, f.compression, f.bytes, f.problem, f.rejected, f.damaged_bytes,
    coalesce(sum(k.n), 0) + f.rejected AS lines,
    coalesce(sum(CASE WHEN kind = 1 THEN n END), 0) AS rtts,
    coalesce(sum(CASE WHEN kind = 2 THEN n END), 0) AS flow_events,
    coalesce(sum(CASE WHEN kind IN (4, 5, 6) THEN n END), 0) AS aggregate_records,
    coalesce(sum(CASE WHEN kind = 7 THEN n END), 0) AS run_records,
    coalesce(sum(CASE WHEN kind = 10 THEN n END), 0) AS status_records,
    coalesce(sum(CASE WHEN kind = 8 THEN n END), 0) AS other_objects,
    -- the file's own count of its events tells how many of them could not be read
    greatest(0, coalesce(max(e.file_events), 0) - coalesce(sum(CASE WHEN kind IN (1, 2, 8) THEN n END), 0)) AS missing_events,
    coalesce(sum(CASE WHEN kind = 9 THEN n END), 0) + f.rejected - coalesce(max(l.cut), 0) AS bad_lines,
    coalesce(max(l.cut), 0) AS truncated_last_line,
    coalesce(sum(lost), 0) AS lost_events,
    min(CASE WHEN kind IN (1, 2) THEN t_min END) AS t_min, max(CASE WHEN kind IN (1, 2) THEN t_max END) AS t_max,
    coalesce(max(s.steps), 0) AS clock_steps
FROM file f LEFT JOIN file_kind k ON k.file_id = f.file_id LEFT JOIN last_line l ON l.file_id = f.file_id
    LEFT JOIN (SELECT file_id, count(*) AS steps FROM clock_step GROUP BY file_id) s ON s.file_id = f.file_id
    LEFT JOIN (SELECT file_id, sum(file_events) AS file_events FROM run_record WHERE what = 'end' GROUP BY file_id) e ON e.file_id = f.file_id
GROUP BY f.file_id, f.source_id, f.path, f.source, f.compression, f.bytes, f.problem, f.rejected, f.damaged_bytes;

-- Which seconds of a source have a line, and where the silences are.
-- step: silences
CREATE TABLE busy_second AS
SELECT source_id, t // 1000000000 AS sec, count(*) AS n FROM line WHERE t IS NOT NULL AND kind IN (1, 2) GROUP BY source_id, t // 1000000000;

CREATE TABLE silence AS
SELECT source_id, sec_before AS from_s, sec AS to_s, sec - sec_before AS silent_s
FROM (SELECT source_id, sec, lag(sec) OVER (PARTITION BY source_id ORDER BY sec) AS sec_before FROM busy_second)
WHERE sec - sec_before > 1;

-- A gap is a silence of ten seconds or more that is ten times as long as all but one in a hundred pauses.
CREATE TABLE pause_usual AS
SELECT source_id, coalesce(max(CASE WHEN k <= 0.99 * n THEN pause END), 1) AS usual_s
FROM (SELECT source_id, pause, row_number() OVER (PARTITION BY source_id ORDER BY pause) AS k, count(*) OVER (PARTITION BY source_id) AS n
    FROM (SELECT source_id, sec - lag(sec) OVER (PARTITION BY source_id ORDER BY sec) AS pause FROM busy_second) WHERE pause IS NOT NULL)
GROUP BY source_id;

CREATE TABLE gap AS
SELECT s.source_id, s.from_s, s.to_s, s.silent_s, max(CASE WHEN f.file_id IS NULL THEN 0 ELSE 1 END) AS at_a_file
FROM silence s JOIN pause_usual p ON p.source_id = s.source_id
    LEFT JOIN file_summary f ON f.source_id = s.source_id AND f.t_min // 1000000000 = s.to_s
WHERE s.silent_s >= 10 AND s.silent_s >= 10 * p.usual_s GROUP BY s.source_id, s.from_s, s.to_s, s.silent_s;

-- Files of one source whose times overlap: the same file twice, or two runs at once.
CREATE TABLE overlap AS
SELECT a.file_id AS file_a, b.file_id AS file_b, (least(a.t_max, b.t_max) - b.t_min) / 1e9 AS overlap_s
FROM file_summary a JOIN file_summary b ON a.source_id = b.source_id AND a.file_id <> b.file_id
    AND (a.t_min < b.t_min OR (a.t_min = b.t_min AND a.file_id < b.file_id))
WHERE b.t_min < a.t_max - 1000000000 AND a.clock_steps = 0 AND b.clock_steps = 0;

CREATE TABLE not_json AS
SELECT CASE WHEN regexp_matches(rest, '^[0-9]{9,10}\.[0-9]{9} ') THEN 'ppviz format'
        WHEN regexp_matches(rest, '^[0-9]{2}:[0-9]{2}:[0-9]{2}\.') THEN 'standard format'
        WHEN rest LIKE '{%' THEN 'cut or damaged JSON' ELSE 'something else' END AS what, count(*) AS n
FROM line WHERE kind = 9 GROUP BY 1;
