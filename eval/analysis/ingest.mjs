// SPDX-License-Identifier: GPL-2.0-or-later
// Files -> the tables "file" and "line". Each file is one stream through one statement; what can't be read is counted.
import { spawn, execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { quote } from './engine.mjs';
import { salvage } from './salvage.mjs';

const MAGIC = [['zstd', [0x28, 0xb5, 0x2f, 0xfd]], ['gzip', [0x1f, 0x8b]]];
const PEEK = 65536;

// The fields of all records that are taken apart here; aggregates stay text until later.
const FIELDS = {
    timestamp: 'BIGINT', src_ip: 'VARCHAR', src_port: 'INTEGER', dest_ip: 'VARCHAR', dest_port: 'INTEGER',
    protocol: 'VARCHAR', rtt: 'BIGINT', min_rtt: 'BIGINT', sent_packets: 'BIGINT', sent_bytes: 'BIGINT',
    rec_packets: 'BIGINT', rec_bytes: 'BIGINT', match_on_egress: 'BOOLEAN', flow_event: 'VARCHAR', reason: 'VARCHAR',
    triggered_by: 'VARCHAR', lost_events: 'BIGINT', ip_version: 'INTEGER', flow_id: 'VARCHAR', ip_prefix: 'VARCHAR',
    count_rtt: 'BIGINT', aggregation: 'JSON', run: 'VARCHAR', status_interval: 'BIGINT', duration: 'BIGINT', rtts: 'BIGINT',
    src_scope: 'VARCHAR', dest_scope: 'VARCHAR', interface: 'VARCHAR',
};

export const KIND = { rtt: 1, flow: 2, lost: 3, aggregate: 4, totals: 5, description: 6, run: 7, other: 8, bad: 9, status: 10 };

export async function createTables(engine) {
    await engine.run(`CREATE TABLE file (file_id INTEGER, source_id INTEGER, path VARCHAR, source VARCHAR,
        compression VARCHAR, bytes BIGINT, ends_open BOOLEAN, problem VARCHAR, rejected BIGINT, damaged_bytes BIGINT)`);
    await engine.run(`CREATE TABLE line (file_id INTEGER, source_id INTEGER, kind TINYINT, t BIGINT, dir UBIGINT,
        src_ip VARCHAR, src_port INTEGER, dst_ip VARCHAR, dst_port INTEGER, proto VARCHAR, ip_version INTEGER,
        flow_id VARCHAR, rtt BIGINT, min_rtt BIGINT, sent_packets BIGINT, sent_bytes BIGINT, rec_packets BIGINT,
        rec_bytes BIGINT, egress BOOLEAN, opening BOOLEAN, reason VARCHAR, triggered_by VARCHAR, lost BIGINT, duration BIGINT,
        rtts BIGINT, src_scope VARCHAR, dst_scope VARCHAR, interface VARCHAR, rest VARCHAR)`);
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

// Times and numbers of rotation, in names of files and directories.
const TIMES = /[-_.]?(\d{4}-\d\d-\d\d|\d{4,})([-_T.:]?\d{2,})*Z?/g;
const RELATIVE_BELOW = 100000000000000000;

// Where a file is from: the interface that its run record names, or its name; and the directory.
function originOf(name, head) {
    const stem = path.basename(name).replace(/\.(zst|gz|zstd)$/, '').replace(/\.part$/, '').replace(/\.\d+$/, '')
        .replace(/\.(jsonl|json|log|txt)$/, '').replace(TIMES, '') || 'study';
    const dir = path.dirname(path.resolve(name)).replace(TIMES, '');
    for (const line of head.split('\n', 3)) {
        if (!line.includes('"run":"begin"'))
            continue;
        try {
            const run = JSON.parse(line.trim().replace(/,$/, ''));
            return { dir, label: run.interface ?? stem, number: run.file, relative: run.timestamp < RELATIVE_BELOW };
        } catch {
            // cut or damaged
        }
    }
    return { dir, label: stem };
}

// "b.jsonl" before "b-2.jsonl" before "b-10.jsonl": the order in which pping numbers them
const byNumber = new Intl.Collator('en', { numeric: true });
const unnumbered = (name) => path.basename(name).replace(/\.[^/]*$/, '');

// With times from the start of the run, every run begins at 0: each is a source of its own, told by the number of its first file.
function splitRuns(files) {
    const runs = new Map();
    for (const file of files.filter((f) => f.relative).sort((a, b) => byNumber.compare(unnumbered(a.path), unnumbered(b.path)))) {
        const key = `${file.dir}/${file.label}`;
        const last = runs.get(key);
        const run = { n: last && file.number > last.number ? last.n : (last?.n ?? 0) + 1, number: file.number };
        runs.set(key, run);
        file.run = run.n;
    }
    for (const file of files.filter((f) => f.run))
        if (runs.get(`${file.dir}/${file.label}`).n > 1)
            file.label += `, run ${file.run}`;
}

// The same interface in several directories: these tell them apart, from where they differ.
function splitDirectories(files) {
    for (const label of new Set(files.map((file) => file.label))) {
        const mine = files.filter((file) => file.label === label);
        const dirs = mine.map((file) => file.dir.split('/'));
        let common = 0;
        while (common < Math.min(...dirs.map((dir) => dir.length)) && dirs.every((dir) => dir[common] === dirs[0][common]))
            common++;
        mine.forEach((file, i) => { file.source = [...dirs[i].slice(common), label].join('/'); });
    }
}

export function describe(names) {
    const files = names.map((name, i) => {
        const compression = compressionOf(name);
        if (compression !== 'none')
            need(compression);
        return { file_id: i + 1, path: name, compression, bytes: fs.statSync(name).size, ...originOf(name, peek(name, compression)) };
    });
    splitRuns(files);
    splitDirectories(files);
    const sources = [...new Set(files.map((file) => file.source))];
    for (const file of files)
        file.source_id = sources.indexOf(file.source) + 1;
    return files;
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
            WHEN j.count_rtt IS NOT NULL THEN ${KIND.totals}
            WHEN j.status_interval IS NOT NULL THEN ${KIND.status} ELSE ${KIND.other} END,
        j.timestamp, CASE WHEN j.rtt >= 1000 OR j.flow_event IS NOT NULL THEN
            hash(${file.source_id}, j.src_ip, j.src_port, j.dest_ip, j.dest_port, j.protocol, j.flow_id) END,
        j.src_ip, j.src_port, j.dest_ip, j.dest_port, j.protocol, j.ip_version, j.flow_id, j.rtt, j.min_rtt,
        j.sent_packets, j.sent_bytes, j.rec_packets, j.rec_bytes, j.match_on_egress,
        j.flow_event = 'opening', j.reason, j.triggered_by, j.lost_events,
        j.duration, j.rtts, j.src_scope, j.dest_scope, j.interface,
        CASE WHEN NOT ok THEN substr(text, 1, 40) WHEN j.rtt >= 1000 OR j.flow_event IS NOT NULL THEN NULL ELSE text END
        FROM (SELECT text, ok, json_transform(CASE WHEN ok THEN text END, ${structure}) AS j
            FROM (SELECT text, json_valid(text) AS ok FROM (SELECT CASE WHEN line LIKE '%}' THEN line ELSE rtrim(line, ', ' || chr(13)) END AS text FROM
                read_csv(${quote(from)}, columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, delim = e'\\x01',
                    quote = '', escape = '', comment = '', max_line_size = 262144, buffer_size = 16777216, store_rejects = true, rejects_limit = 10000,
                    compression = 'none'))
                WHERE text NOT IN ('', '[', ']')))`;
};

// What a program says when its input ends too early, and what it gave is right.
const CUT = /premature end|unexpected end of file/i;

// What write() gives to a named pipe, through the engine into the table.
async function through(engine, file, work, write) {
    const pipe = path.join(work, `pipe-${file.file_id}`);
    execFileSync('mkfifo', [pipe]);
    const writing = write(pipe);
    try {
        await engine.run(`INSERT INTO line ${select(file, pipe)}`);
    } finally {
        writing.abandon();
        fs.rmSync(pipe, { force: true });
    }
    return writing.done;
}

// The decompressor's own program. Says what went wrong, if anything did.
function decompress(file, pipe) {
    // the shell opens the pipe for writing, which waits for the engine to open it for reading
    const child = spawn('sh', ['-c', 'exec "$0" -dc <"$1" >"$2"', file.compression, file.path, pipe],
        { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (data) => { said = (said + data).slice(0, 500); });
    const done = new Promise((resolve) => child.on('close', (status) => resolve(status === 0 ? null
        : said.trim().split('\n')[0].replaceAll('\r', ' ').slice(0, 120) || `status ${status}`)));
    // a reader that failed before it opened the pipe must not leave the writer waiting
    const abandon = () => child.exitCode === null && setTimeout(() => child.kill(), 1000).unref();
    return { done, abandon };
}

// Piece by piece.
function pieces(file, pipe) {
    const out = fs.createWriteStream(pipe);
    const done = (async () => {
        try {
            return await salvage(file.path, file.compression, out);
        } finally {
            await new Promise((resolve) => out.end(resolve));
        }
    })();
    out.on('error', () => {});
    // a reader that failed before it opened the pipe: whoever opens it for writing would wait for ever
    return { done, abandon: () => fs.closeSync(fs.openSync(pipe, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)) };
}

const size = (bytes) => bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

// A damaged file is read a second time, piece by piece; nothing of the first time stays.
async function decompressed(engine, file, work) {
    await engine.run('BEGIN');
    const problem = await through(engine, file, work, (pipe) => decompress(file, pipe));
    await engine.run(!problem || CUT.test(problem) ? 'COMMIT' : 'ROLLBACK');
    if (!problem)
        return;
    if (CUT.test(problem)) {
        file.problem = `${file.compression}: ${problem}; it was cut off, what came before was read`;
        return;
    }
    const found = await through(engine, file, work, (pipe) => pieces(file, pipe));
    const kind = file.compression === 'zstd' ? 'frame' : 'member';
    file.damaged_bytes = found.bytes;
    file.problem = `${file.compression}: ${problem}; of ${found.pieces} ${kind}${found.pieces === 1 ? '' : 's'} ${found.damaged} ` +
        `${found.damaged === 1 ? 'is' : 'are'} damaged (${size(found.bytes)} in the file), of which what came before the damage was read, as far as it is sure`;
}

export async function ingest(engine, file, work) {
    try {
        if (file.compression === 'none')
            await engine.run(`INSERT INTO line ${select(file, file.path)}`);
        else
            await decompressed(engine, file, work);
    } catch (error) {
        await engine.run('ROLLBACK').catch(() => {});
        if (/Out of Memory|No space/i.test(error.message))
            throw error;
        file.problem = `${error.message.split('\n')[0].slice(0, 200)}`;
    }
    file.rejected = (await engine.row('SELECT count(DISTINCT line) AS n FROM reject_errors').catch(() => ({ n: 0 }))).n;
    await engine.run('DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans').catch(() => {});
    await engine.run(`INSERT INTO file VALUES (${file.file_id}, ${file.source_id}, ${quote(file.path)}, ${quote(file.source)},
        ${quote(file.compression)}, ${file.bytes}, ${endsOpen(file)}, ${file.problem ? quote(file.problem) : 'NULL'}, ${file.rejected}, ${file.damaged_bytes ?? 0})`);
}
