// SPDX-License-Identifier: GPL-2.0-or-later
// Files -> the tables "file" and "line". Each file is one stream through one statement; what can't be read is counted.
import { spawn, execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { quote } from './engine.mjs';

const MAGIC = [['zstd', [0x28, 0xb5, 0x2f, 0xfd]], ['gzip', [0x1f, 0x8b]]];
const PEEK = 65536;

// The fields of all records that are taken apart here; aggregates stay text until later.
const FIELDS = {
    timestamp: 'BIGINT', src_ip: 'VARCHAR', src_port: 'INTEGER', dest_ip: 'VARCHAR', dest_port: 'INTEGER',
    protocol: 'VARCHAR', rtt: 'BIGINT', min_rtt: 'BIGINT', sent_packets: 'BIGINT', sent_bytes: 'BIGINT',
    rec_packets: 'BIGINT', rec_bytes: 'BIGINT', match_on_egress: 'BOOLEAN', flow_event: 'VARCHAR', reason: 'VARCHAR',
    triggered_by: 'VARCHAR', lost_events: 'BIGINT', ip_version: 'INTEGER', flow_id: 'VARCHAR', ip_prefix: 'VARCHAR',
    count_rtt: 'BIGINT', aggregation: 'JSON', run: 'VARCHAR',
};

export const KIND = { rtt: 1, flow: 2, lost: 3, aggregate: 4, totals: 5, description: 6, run: 7, other: 8, bad: 9 };

export async function createTables(engine) {
    await engine.run(`CREATE TABLE file (file_id INTEGER, source_id INTEGER, path VARCHAR, source VARCHAR,
        compression VARCHAR, bytes BIGINT, ends_open BOOLEAN, problem VARCHAR, rejected BIGINT)`);
    await engine.run(`CREATE TABLE line (file_id INTEGER, source_id INTEGER, kind TINYINT, t BIGINT, dir UBIGINT,
        src_ip VARCHAR, src_port INTEGER, dst_ip VARCHAR, dst_port INTEGER, proto VARCHAR, ip_version INTEGER,
        flow_id VARCHAR, rtt BIGINT, min_rtt BIGINT, sent_packets BIGINT, sent_bytes BIGINT, rec_packets BIGINT,
        rec_bytes BIGINT, egress BOOLEAN, opening BOOLEAN, reason VARCHAR, triggered_by VARCHAR, lost BIGINT, rest VARCHAR)`);
}

function compressionOf(name) {
    const fd = fs.openSync(name, 'r');
    const head = Buffer.alloc(4);
    try {
        fs.readSync(fd, head, 0, 4, 0);
    } finally {
        fs.closeSync(fd);
    }
    return MAGIC.find(([, magic]) => magic.every((byte, i) => head[i] === byte))?.[0] ?? 'none';
}

// The first bytes of what is in the file.
function peek(name, compression) {
    if (compression !== 'none')
        return spawnSync('sh', ['-c', `${compression} -dc < "$1" 2>/dev/null | head -c ${PEEK}`, 'sh', name]).stdout.toString('latin1');
    const fd = fs.openSync(name, 'r');
    const head = Buffer.alloc(PEEK);
    const length = fs.readSync(fd, head, 0, PEEK, 0);
    fs.closeSync(fd);
    return head.toString('latin1', 0, length);
}

// Whether the last line has no end, as far as that can be seen: inside a compressed file it can't.
function endsOpen(file) {
    if (file.compression !== 'none')
        return true;
    const fd = fs.openSync(file.path, 'r');
    const last = Buffer.alloc(1);
    const length = file.bytes ? fs.readSync(fd, last, 0, 1, file.bytes - 1) : 0;
    fs.closeSync(fd);
    return length === 1 && last[0] !== 10;
}

// Whose file it is: the interface that its run record names, or its name without times and numbers of rotation.
function sourceOf(name, head) {
    const stem = path.basename(name).replace(/\.(zst|gz|zstd)$/, '').replace(/\.part$/, '').replace(/\.\d+$/, '')
        .replace(/\.(jsonl|json|log|txt)$/, '').replace(/[-_.]?(\d{4}-\d\d-\d\d|\d{4,})([-_T.:]?\d{2,})*Z?/g, '') || 'study';
    const run = head.split('\n', 3).find((line) => line.includes('"run":"begin"'));
    const match = run && /"interface":"((?:[^"\\]|\\.)*)"/.exec(run);
    return { source: match ? JSON.parse(`"${match[1]}"`) : stem, options: run };
}

export function describe(names) {
    const sources = [];
    return names.map((name, i) => {
        const compression = compressionOf(name);
        if (compression !== 'none')
            need(compression);
        const { source } = sourceOf(name, peek(name, compression));
        if (!sources.includes(source))
            sources.push(source);
        return { file_id: i + 1, source_id: sources.indexOf(source) + 1, path: name, source, compression,
            bytes: fs.statSync(name).size };
    });
}

function need(tool) {
    if (spawnSync(tool, ['--version']).error)
        throw new Error(`files compressed by ${tool} need ${tool}; install it (Debian: apt-get install ${tool})`);
}

const select = (file, from) => {
    const structure = quote(JSON.stringify(FIELDS));
    return `SELECT ${file.file_id}, ${file.source_id},
        CASE WHEN NOT ok THEN ${KIND.bad} WHEN j.rtt >= 1000 THEN ${KIND.rtt} WHEN j.flow_event IN ('opening', 'closing') THEN ${KIND.flow}
            WHEN j.lost_events IS NOT NULL THEN ${KIND.lost} WHEN j.ip_prefix IS NOT NULL THEN ${KIND.aggregate}
            WHEN j.aggregation IS NOT NULL THEN ${KIND.description} WHEN j.run IS NOT NULL THEN ${KIND.run}
            WHEN j.count_rtt IS NOT NULL THEN ${KIND.totals} ELSE ${KIND.other} END,
        j.timestamp, CASE WHEN j.rtt >= 1000 OR j.flow_event IS NOT NULL THEN
            hash(${file.source_id}, j.src_ip, j.src_port, j.dest_ip, j.dest_port, j.protocol, j.flow_id) END,
        j.src_ip, j.src_port, j.dest_ip, j.dest_port, j.protocol, j.ip_version, j.flow_id, j.rtt, j.min_rtt,
        j.sent_packets, j.sent_bytes, j.rec_packets, j.rec_bytes, j.match_on_egress,
        j.flow_event = 'opening', j.reason, j.triggered_by, j.lost_events,
        CASE WHEN NOT ok THEN substr(text, 1, 40) WHEN j.rtt >= 1000 OR j.flow_event IS NOT NULL THEN NULL ELSE text END
        FROM (SELECT text, ok, json_transform(CASE WHEN ok THEN text END, ${structure}) AS j
            FROM (SELECT text, json_valid(text) AS ok FROM (SELECT CASE WHEN line LIKE '%}' THEN line ELSE rtrim(line, ', ' || chr(13)) END AS text FROM
                read_csv(${quote(from)}, columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, delim = e'\\x01',
                    quote = '', escape = '', comment = '', max_line_size = 262144, buffer_size = 16777216, store_rejects = true, rejects_limit = 10000,
                    compression = 'none'))
                WHERE text NOT IN ('', '[', ']')))`;
};

// Through a decompressor and a named pipe, which the engine reads; says if the decompressor failed.
async function through(engine, file, work) {
    const pipe = path.join(work, `pipe-${file.file_id}`);
    execFileSync('mkfifo', [pipe]);
    // the shell opens the pipe for writing, which waits for the engine to open it for reading
    const child = spawn('sh', ['-c', 'exec "$0" -dc <"$1" >"$2"', file.compression, file.path, pipe],
        { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (data) => { said = (said + data).slice(0, 500); });
    const ended = new Promise((resolve) => child.on('close', (status) => resolve(status)));
    try {
        await engine.run(`INSERT INTO line ${select(file, pipe)}`);
    } finally {
        // a reader that failed before it opened the pipe must not leave the writer waiting
        if (child.exitCode === null)
            setTimeout(() => child.kill(), 1000).unref();
        fs.rmSync(pipe, { force: true });
    }
    const status = await ended;
    if (status !== 0)
        file.problem = `${file.compression}: ${said.trim().split('\n')[0].replaceAll('\r', ' ').slice(0, 120) || `status ${status}`}; what came before it was read`;
}

export async function ingest(engine, file, work) {
    try {
        if (file.compression === 'none')
            await engine.run(`INSERT INTO line ${select(file, file.path)}`);
        else
            await through(engine, file, work);
    } catch (error) {
        if (/Out of Memory|No space/i.test(error.message))
            throw error;
        file.problem = `${error.message.split('\n')[0].slice(0, 200)}`;
    }
    file.rejected = (await engine.row('SELECT count(DISTINCT line) AS n FROM reject_errors').catch(() => ({ n: 0 }))).n;
    await engine.run('DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans').catch(() => {});
    await engine.run(`INSERT INTO file VALUES (${file.file_id}, ${file.source_id}, ${quote(file.path)}, ${quote(file.source)},
        ${quote(file.compression)}, ${file.bytes}, ${endsOpen(file)}, ${file.problem ? quote(file.problem) : 'NULL'}, ${file.rejected})`);
}
