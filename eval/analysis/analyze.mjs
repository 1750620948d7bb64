// SPDX-License-Identifier: GPL-2.0-or-later
// eval/analyze: files that pping wrote -> tables (Parquet, CSV) and report.html.
import fs from 'node:fs';
import path from 'node:path';
import { Engine, peakRss, quote, statements } from './engine.mjs';
import { entry, help, number, parse, Usage } from './arguments.mjs';
import { createTables, describe, ingest } from './ingest.mjs';
import { range } from './networks.mjs';
import { collect } from './report.mjs';
import { page } from './page.mjs';

const rows = {
    output: { short: 'o', value: 'DIR', help: 'where report.html and tables/ go (report)' },
    'client-net': { value: 'PREFIX', multiple: true, help: 'addresses of clients, also several with commas; tells the halves apart' },
    tz: { value: '[+-]HH[:MM]', help: 'for times of day, from UTC (+00:00)' },
    title: { value: 'TEXT', help: 'of the report' },
    memory: { value: 'MIB', help: 'bound of the whole process (1024)' },
    threads: { value: 'N', help: 'as many as there are processors' },
    work: { value: 'DIR', help: 'for the database meanwhile: about a fifth of the lines\' size (in the output directory)' },
    together: { help: 'no reports of single interfaces, only of all together' },
    events: { help: 'write all RTTs as a table too (tables/sample.parquet)' },
    help: { short: 'h', help: 'this' },
};

const INTRO = `eval/analyze FILES... [-o DIR] [OPTION...]: what pping wrote (jsonl or json; plain, zstd or gzip) as a report

Files of several interfaces are told apart by their run records, or by their names without times and numbers, and by their
directories; then there is a report of each and one of all together. Runs with --relative-time are told apart, too.`;

// Steps of the analysis, in order.
const SQL = ['10_quality.sql', '20_flows.sql', '30_rtt.sql', '40_variation.sql', '45_aggregates.sql', '50_load.sql', '60_pairs.sql', '70_traffic.sql'];

// What is written, with a name of a query or table for each file.
const TABLES = {
    files: 'SELECT * FROM file_summary ORDER BY file_id', runs: 'SELECT * FROM run_summary ORDER BY source_id, from_s', gaps: 'SELECT * FROM gap ORDER BY source_id, from_s',
    clock_steps: 'SELECT * FROM clock_step ORDER BY file_id, t_after', overlaps: 'SELECT * FROM overlap', not_json: 'SELECT * FROM not_json',
    rtt: 'SELECT * EXCLUDE (gid) FROM rtt_summary ORDER BY gid', rtt_differences: 'SELECT * FROM rtt_difference ORDER BY found DESC, errors DESC',
    rtt_ecdf: 'SELECT s.dimension, s.half, s.what, e.* EXCLUDE (gid) FROM ecdf e JOIN rtt_summary s USING (gid) ORDER BY e.gid, rtt_ms',
    rtt_series: 'SELECT * FROM rtt_series ORDER BY half, sec',
    variation: 'SELECT * FROM variation_summary ORDER BY half', variation_ecdf: 'SELECT * FROM variation_ecdf ORDER BY half, variation_ms',
    worst_flows: 'SELECT * FROM worst_flow ORDER BY rank',
    prefixes: 'SELECT * FROM prefix_variation ORDER BY found DESC, share_over_50_ms DESC, flows DESC', episodes: 'SELECT * FROM episode ORDER BY from_s, prefix',
    load: 'SELECT * FROM load_second ORDER BY source_id, sec', concurrent: 'SELECT * FROM concurrent ORDER BY source_id, sec',
    load_classes: 'SELECT * FROM load_class ORDER BY ALL', load_correlation: 'SELECT * FROM load_correlation ORDER BY ALL',
    servers: 'SELECT *, abs(z) > 5 AND abs(difference_ms) >= greatest(2, 0.2 * least(p50_ms, others_p50_ms)) AS found FROM server_clients ORDER BY found DESC, abs(z) DESC, server, clients',
    pair_changes: 'SELECT *, abs(z) > 5 AND abs(difference_ms) >= greatest(2, 0.2 * least(before_ms, after_ms)) AS found FROM pair_change ORDER BY found DESC, abs(z) DESC, server, clients',
    pair_series: 'SELECT * FROM pair_series ORDER BY server, eighth',
    hours: 'SELECT * FROM hour_of_day ORDER BY half, hour', hour_agreement: 'SELECT * FROM hour_agreement ORDER BY half',
    connections: 'SELECT * FROM connection_summary ORDER BY connections DESC', connection_ecdf: 'SELECT * FROM connection_ecdf ORDER BY what, x',
    unmeasured: 'SELECT * FROM unmeasured ORDER BY connections DESC, what, why', traffic_kinds: 'SELECT * FROM traffic_kind',
    traffic_protocols: 'SELECT * FROM traffic_protocol ORDER BY bytes DESC', unreadable: 'SELECT * FROM unreadable',
    aggregates: 'SELECT * FROM aggregate_summary ORDER BY samples DESC', aggregate_ecdf: 'SELECT * FROM aggregate_ecdf ORDER BY rtt_ms',
    aggregate_load: 'SELECT * FROM report_load ORDER BY source_id, sec',
    flows: 'SELECT * EXCLUDE (fid, cid) FROM flow',
};

class Progress {
    constructor(total) {
        this.total = total;
        this.begun = Date.now();
        this.terminal = process.stderr.isTTY;
    }

    say(text, done) {
        const seconds = ((Date.now() - this.begun) / 1000).toFixed(0).padStart(4);
        const share = `${Math.floor(100 * Math.min(1, done / this.total))}`.padStart(3);
        process.stderr.write(`${this.terminal ? '\r\x1b[K' : ''}${share} % ${seconds} s  ${text}${this.terminal ? '' : '\n'}`);
    }

    end(text) {
        process.stderr.write(`${this.terminal ? '\r\x1b[K' : ''}${text}\n`);
    }
}

const offsetOf = (text) => {
    const match = /^([+-]?)(\d{1,2})(?::?(\d\d))?$/.exec(text);
    if (!match || Number(match[2]) > 14)
        throw new Usage(`--tz: ${text} is no offset from UTC such as +01:00`);
    return (match[1] === '-' ? -1 : 1) * (Number(match[2]) * 3600 + Number(match[3] ?? 0) * 60);
};

function settings(argv) {
    const { values, positionals } = parse(rows, argv);
    if (values.help)
        return null;
    if (!positionals.length)
        throw new Usage('name the files that pping wrote');
    for (const name of positionals)
        if (!fs.existsSync(name) || !fs.statSync(name).isFile())
            throw new Error(`${name} is not a file`);
    const nets = (values['client-net'] ?? []).flatMap((text) => text.split(',')).filter(Boolean);
    const ranges = nets.map((text) => range(text) ?? (() => {
        throw new Usage(`--client-net: ${text} is no prefix such as 10.0.0.0/8`);
    })());
    return { names: positionals, output: values.output ?? 'report', nets, ranges, tz: values.tz ?? '+00:00',
        tzOffset: offsetOf(values.tz ?? '+00:00'), title: values.title ?? 'Round-trip times', work: values.work,
        memory: number('memory', values.memory ?? '1024', 512, 1e6), events: values.events, together: values.together,
        threads: values.threads ? number('threads', values.threads, 1, 1024) : undefined };
}

// Files -> the tables that all else is made of.
async function read(engine, set, files, work, progress) {
    await createTables(engine);
    let done = 0;
    for (const file of files) {
        progress.say(`reading ${path.basename(file.path)}`, done);
        await ingest(engine, file, work);
        done += file.bytes;
    }
    await engine.run('CREATE TABLE client_net (family INTEGER, lo VARCHAR, hi VARCHAR)');
    for (const net of set.ranges)
        await engine.run(`INSERT INTO client_net VALUES (${net.family}, ${quote(net.lo)}, ${quote(net.hi)})`);
}

// What is reported: all files, and each source by itself if there are several. dir: under the output directory.
function views(files, set) {
    const sources = [...new Map(files.map((file) => [file.source_id, file.source])).entries()];
    const whole = { name: sources.length > 1 ? 'all together' : sources[0][1], dir: '', sources: sources.length };
    if (sources.length === 1 || set.together)
        return [whole];
    const taken = new Set();
    return [whole, ...sources.map(([id, name]) => {
        const plain = name.replace(/[^\w.-]+/g, '_').replace(/^\.+/, '_');
        const dir = taken.has(plain) ? `${plain}-${id}` : plain;
        taken.add(dir);
        return { id, name, dir: path.join('sources', dir), sources: 1 };
    })];
}

// All questions, asked of a view's lines in a schema of its own.
async function analyse(engine, set, view, say) {
    await engine.run('CREATE SCHEMA view_');
    if (view.id) {
        await engine.run(`CREATE VIEW view_.line AS SELECT rowid, * FROM main.line WHERE source_id = ${view.id}`);
        await engine.run(`CREATE VIEW view_.file AS SELECT * FROM main.file WHERE source_id = ${view.id}`);
    }
    await engine.run("SET search_path = 'view_,main'");
    const parameters = { client_nets: set.nets.length, seed: 1, boot_flows: 1000, replicates: 200, variation_samples: 20, tz_offset: set.tzOffset };
    const all = SQL.flatMap((file) => statements(file, parameters));
    for (const [i, { sql, step }] of all.entries()) {
        if (step)
            say(step, i / all.length);
        const begun = Date.now();
        try {
            await engine.run(sql);
        } catch (error) {
            error.message = `${sql.slice(0, 60).split('\n')[0]}: ${error.message}`;
            throw error;
        }
        if (process.env.ANALYZE_TRACE)
            process.stderr.write(`${String(Date.now() - begun).padStart(7)} ms ${peakRss()} MiB  ${sql.replace(/^--.*\n/gm, '').slice(0, 60).split('\n')[0]}\n`);
    }
}

async function write(engine, set, view) {
    const tables = path.join(set.output, view.dir, 'tables');
    fs.mkdirSync(tables, { recursive: true });
    for (const [name, query] of Object.entries(TABLES)) {
        await engine.run(`CREATE OR REPLACE TABLE written AS ${query}`);
        await engine.run(`COPY written TO ${quote(path.join(tables, `${name}.parquet`))} (FORMAT parquet, COMPRESSION zstd)`);
        await engine.run(`COPY written TO ${quote(path.join(tables, `${name}.csv`))} (FORMAT csv, HEADER)`);
    }
    if (set.events)
        await engine.run(`COPY (SELECT f.half, f.src_ip, f.src_port, f.dst_ip, f.dst_port, f.proto, s.t, s.rtt, s.min_rtt, s.sent_bytes, s.rec_bytes
            FROM sample s JOIN flow f USING (fid)) TO ${quote(path.join(tables, 'sample.parquet'))} (FORMAT parquet, COMPRESSION zstd)`);
}

async function report(engine, set, work) {
    const files = describe(set.names);
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    const shown = views(files, set);
    // reading is about half of the work, and all sources by themselves are as much as all together
    const progress = new Progress((shown.length > 1 ? 3 : 2) * bytes + 1);
    await read(engine, set, files, work, progress);
    for (const dir of ['tables', 'sources'])
        fs.rmSync(path.join(set.output, dir), { recursive: true, force: true });
    const reports = [];
    let done = bytes;
    for (const view of shown) {
        const mine = files.reduce((sum, file) => sum + (!view.id || view.id === file.source_id ? file.bytes : 0), 0);
        const say = (step, share) => progress.say(`${shown.length > 1 ? `${view.name}: ` : ''}${step}`, done + mine * share);
        await analyse(engine, set, view, say);
        say('writing tables', 1);
        await write(engine, set, view);
        const data = await collect(engine, set, view);
        fs.writeFileSync(path.join(set.output, view.dir, 'findings.json'), `${JSON.stringify(data.findings, null, 1)}\n`);
        reports.push(data);
        await engine.run("SET search_path = 'main'");
        await engine.run('DROP SCHEMA view_ CASCADE');
        done += mine;
    }
    fs.writeFileSync(path.join(set.output, 'report.html'), page({ title: set.title, tzOffset: set.tzOffset, reports }));
    const { facts } = reports[0];
    progress.end(`${path.join(set.output, 'report.html')}: ${facts.lines} lines, ${facts.rtts} RTTs, ${facts.flows} flows; ` +
        `${((Date.now() - progress.begun) / 1000).toFixed(1)} s, ${peakRss()} MiB at most`);
}

async function main(argv) {
    const set = settings(argv);
    if (!set) {
        process.stdout.write(help(INTRO, rows));
        return;
    }
    fs.mkdirSync(set.output, { recursive: true });
    const work = fs.mkdtempSync(path.join(set.work ?? set.output, '.work-'));
    const clean = () => fs.rmSync(work, { recursive: true, force: true });
    for (const [signal, status] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]])
        process.on(signal, () => process.exit(status));
    process.on('exit', clean);
    try {
        const engine = await Engine.open(work, set);
        await report(engine, set, work);
        engine.close();
    } finally {
        clean();
    }
}

entry('analyze', main);
