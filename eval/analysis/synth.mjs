// SPDX-License-Identifier: GPL-2.0-or-later
// Study data with known truth: lines as pping writes them, made by the engine, and truth.json beside them.
import fs from 'node:fs';
import path from 'node:path';
import { Engine, quote } from './engine.mjs';
import { entry, help, number, parse, Usage } from './arguments.mjs';

const EFFECTS = ['bloat', 'load', 'ipv6', 'change', 'route', 'hours', 'faults'];

const rows = {
    output: { short: 'o', value: 'DIR', help: 'where the files go; made if it is not there' },
    size: { value: 'BYTES', help: 'about so much JSON in all, before compression (20M); K, M, G' },
    seconds: { value: 'S', help: 'time the study covers (600)' },
    files: { value: 'N', help: 'files it is rotated into (4)' },
    compress: { value: 'none|zstd|gzip', help: 'of the files (none)' },
    effects: { value: 'LIST', help: `what to plant: some of ${EFFECTS.join(',')}; none (all but hours)` },
    counters: { help: 'with packets and bytes, as --counters' },
    aggregates: { value: 'S', help: 'with aggregates of every S seconds' },
    'relative-time': { help: 'times count from the start of the run' },
    seed: { value: 'N', help: 'of the random numbers (1)' },
    help: { short: 'h', help: 'this' },
};

// One client prefix's downstream queue fills twice; milliseconds, shares of the study's time.
const TRUTH = {
    client_nets: ['10.64.0.0/10', '2001:db8:1000::/36'],
    client_ms: 8, server_ms: 25,
    bloat: { prefix: '10.67.6.0/24', prefix6: '2001:db8:1003::/48', extra_ms: 200, episodes: [[0.30, 0.36], [0.80, 0.86]] },
    load: { extra_ms: 10, period_s: 60, swing: 0.8 },
    ipv6: { extra_ms: 15 },
    change: { server: '198.51.100.2', server6: '2001:db8:ffff::2', extra_ms: 40, from: 0.5 },
    route: { server: '198.51.100.1', server6: '2001:db8:ffff::1', prefix: '10.69.6.0/24', prefix6: '2001:db8:1005::/48', extra_ms: 60 },
    hours: { amplitude: 1.0, from_hour: 18, to_hour: 23 },
};

const start = (options) => options['relative-time'] ? 0 : 1767225600; // 2026-01-01 00:00 UTC

// Random numbers are hashes: the same for the same seed, whatever the order of execution.
const macros = (seed) => `
    CREATE MACRO u(x, salt) AS ((hash(x, salt, ${seed}) % 1000000007) + 0.5) / 1000000007.0;
    CREATE MACRO z(x, salt) AS sqrt(-2 * ln(u(x, salt))) * cos(6.283185307 * u(x, salt + 1000))`;

// rate_c, rate_s: samples a second of the client half and the Internet half
const flowTable = (flows, seconds) => `CREATE OR REPLACE TABLE flow AS
    SELECT f, k, host, s, v6, icmp, start_s, duration, byte_rate, download,
        CASE WHEN icmp THEN 1.0 WHEN download THEN 10.0 ELSE 2.0 END AS rate_c,
        CASE WHEN icmp THEN 1.0 WHEN download THEN 2.0 ELSE 10.0 END AS rate_s,
        ${TRUTH.client_ms} * (0.6 + 0.8 * u(k, 11)) AS client_ms,
        ${TRUTH.server_ms} * exp(0.5 * z(s, 12)) AS server_ms,
        CASE WHEN icmp THEN 1 + f % 30000 WHEN p < 0.75 THEN 443 WHEN p < 0.93 THEN 80 ELSE 22 END AS sport,
        CASE WHEN icmp THEN 1 + f % 30000 ELSE 32768 + f % 28000 END AS cport,
        CASE WHEN icmp THEN CASE WHEN v6 THEN 'ICMPv6' ELSE 'ICMP' END ELSE 'TCP' END AS proto,
        CASE WHEN v6 THEN '2001:db8:10' || lpad(to_hex(k), 2, '0') || '::' || to_hex(host)
            ELSE '10.' || (64 + k) || '.6.' || host END AS client,
        CASE WHEN v6 THEN '2001:db8:ffff::' || to_hex(s + 1) ELSE '198.51.100.' || (s + 1) END AS server
    FROM (SELECT range AS f, CAST(floor(20 * u(range, 1)) AS INTEGER) AS k,
            1 + CAST(floor(50 * u(range, 2)) AS INTEGER) AS host,
            CASE WHEN CAST(floor(20 * u(range, 1)) AS INTEGER) = 5 AND u(range, 13) < 0.3 THEN 0
                ELSE CAST(floor(40 * power(u(range, 3), 2)) AS INTEGER) END AS s,
            u(range, 4) < 0.4 AS v6, u(range, 5) < 0.03 AS icmp, u(range, 6) < 0.8 AS download,
            ${seconds} * u(range, 7) AS start_s,
            least(300, 0.4 + 4 * exp(1.2 * z(range, 8))) AS duration,
            200000 * exp(0.6 * z(range, 9)) AS byte_rate, u(range, 10) AS p
        FROM range(${flows}))`;

const inside = (values, seconds) => values.map(([a, b]) =>
    `(t_s >= ${a * seconds} AND t_s < ${b * seconds})`).join(' OR ');

function rttOf(has, seconds, epoch) {
    const { bloat, load, ipv6, change, route, hours } = TRUTH;
    const client = ['client_ms'], server = ['server_ms'];
    if (has('bloat'))
        client.push(`CASE WHEN k = 3 AND (${inside(bloat.episodes, seconds)}) THEN ${bloat.extra_ms} * (0.8 + 0.4 * noise) ELSE 0 END`);
    if (has('load'))
        client.push(`${load.extra_ms} * (1 + ${load.swing} * sin(t_s * ${2 * Math.PI / load.period_s}))`);
    if (has('hours'))
        client.push(`CASE WHEN (${epoch} + t_s) % 86400 BETWEEN ${hours.from_hour * 3600} AND ${hours.to_hour * 3600}
            THEN ${hours.amplitude} * client_ms ELSE 0 END`);
    if (has('ipv6'))
        server.push(`CASE WHEN v6 THEN ${ipv6.extra_ms} ELSE 0 END`);
    if (has('change'))
        server.push(`CASE WHEN s = 1 AND t_s >= ${change.from * seconds} THEN ${change.extra_ms} ELSE 0 END`);
    if (has('route'))
        server.push(`CASE WHEN s = 0 AND k = 5 THEN ${route.extra_ms} ELSE 0 END`);
    return `CAST(1e6 * (CASE WHEN d = 0 THEN ${client.join(' + ')} ELSE ${server.join(' + ')} END
        + 0.3 - 1.0 * ln(u(f * 100003 + i, 20 + d))) AS BIGINT)`;
}

// Bytes of a flow follow the load: the integral of rate * (1 + swing * sin).
const bytesAt = (t) => {
    const w = 2 * Math.PI / TRUTH.load.period_s;
    return `byte_rate * ((${t} - start_s) + ${TRUTH.load.swing / w} * (cos(${w} * start_s) - cos(${w} * (${t}))))`;
};

const sampleTable = (has, seconds, epoch, from, to) => `CREATE OR REPLACE TABLE sample AS
    SELECT *, ${rttOf(has, seconds, epoch)} AS rtt, ${bytesAt('t_s')} AS bytes FROM
        (SELECT *, start_s + (i + u(f * 100003 + i, 30 + d)) / rate AS t_s, u(f * 100003 + i, 40) AS noise FROM
            (SELECT *, unnest(range(CAST(greatest(0, floor((${from} - start_s) * rate) - 1) AS BIGINT),
                CAST(greatest(0, ceil((least(start_s + duration, ${to}) - start_s) * rate)) AS BIGINT))) AS i FROM
                (SELECT *, unnest([0, 1]) AS d, unnest([rate_c, rate_s]) AS rate FROM flow
                    WHERE start_s < ${to} AND start_s + duration >= ${from})))
        WHERE t_s >= ${from} AND t_s < least(${to}, start_s + duration)`;

// What anybody could see of what was planted; the test asks for that. Who looks at RTTs alone can't tell a full queue from a far client, unless that client was seen at
// another time: an episode can be seen if clients that gave RTTs at other times too give some in ten seconds of it, in two
// connections or in one that was there at another time itself. A prefix varies if four of its flows or more, and a tenth of them,
// have twenty RTTs of which a tenth to nine tenths are inside. Servers of which a pair can differ, or change, have 20 flows on
// either side of it that gave RTTs on the Internet half: with fewer it could be chance, among so many pairs.
const watch = (seconds) => `SELECT f, client, v6, CAST(floor(t_s) AS INTEGER) AS sec, CASE ${TRUTH.bloat.episodes.map(([a, b], i) =>
    `WHEN t_s >= ${a * seconds} AND t_s < ${b * seconds} THEN ${i + 1} `).join('')} ELSE 0 END AS episode, count(*) AS n
    FROM sample WHERE k = 3 AND d = 0 GROUP BY ALL`;
const serve = (seconds) => `SELECT DISTINCT f, s, k, v6, start_s >= ${TRUTH.change.from * seconds} AS late FROM sample WHERE d = 1`;

async function visible(engine, has) {
    const episodes = await engine.rows(`SELECT w.v6, w.episode, count(DISTINCT w.sec) AS seconds, count(DISTINCT w.f) AS connections, count(DISTINCT CASE WHEN o.f IS NOT NULL THEN w.sec END) AS rising
        FROM watched w JOIN (SELECT client FROM watched WHERE episode = 0 GROUP BY client HAVING sum(n) >= 5) c ON c.client = w.client
            LEFT JOIN (SELECT f FROM watched WHERE episode = 0 GROUP BY f) o ON o.f = w.f
        WHERE w.episode > 0 GROUP BY w.v6, w.episode`);
    const prefixes = await engine.rows(`SELECT v6, count(*) AS flows, sum(CASE WHEN inside BETWEEN 0.1 AND 0.9 THEN 1 ELSE 0 END) AS varying
        FROM (SELECT v6, f, sum(CASE WHEN episode > 0 THEN n ELSE 0 END) / sum(n) AS inside FROM watched GROUP BY v6, f HAVING sum(n) >= 20) GROUP BY v6`);
    const servers = await engine.rows(`SELECT s, v6, min(n) AS flows FROM
        (SELECT s, v6, s = 0 AND k = 5 OR s = 1 AND late AS other, count(DISTINCT f) AS n FROM served WHERE s < 2 GROUP BY ALL) GROUP BY s, v6 HAVING count(*) = 2`);
    const name = (row) => row.v6 ? TRUTH.bloat.prefix6 : TRUTH.bloat.prefix;
    return { episodes: episodes.filter((row) => has('bloat') && (row.seconds >= 10 && row.connections >= 2 || row.rising >= 10)).map((row) => ({ prefix: name(row), episode: row.episode - 1 })),
        prefixes: prefixes.filter((row) => has('bloat') && row.varying >= 4 && row.varying >= 0.1 * row.flows).map(name),
        servers: servers.filter((row) => has(['route', 'change'][row.s]) && row.flows >= 20).map((row) => [TRUTH.route, TRUTH.change][row.s][row.v6 ? 'server6' : 'server']) };
}

const tuple = (src, sport, dest, dport) => `',"src_ip":"' || ${src} || '","src_port":' || ${sport} ||
    ',"dest_ip":"' || ${dest} || '","dest_port":' || ${dport} || ',"protocol":"' || proto || '"'`;

const lines = (epoch, from, to, counters) => {
    const stamp = (t) => `'{"timestamp":' || CAST((${epoch} + ${t}) * 1000000 AS BIGINT) * 1000 ||`;
    // of a connection, seen from its server: dest sends up
    const up = 'CASE WHEN download THEN bytes / 40 ELSE bytes END', down = 'CASE WHEN download THEN bytes ELSE bytes / 40 END';
    const sent = `CASE WHEN download = (d = 0) THEN bytes ELSE bytes / 40 END`;
    const rec = `CASE WHEN download = (d = 0) THEN bytes / 40 ELSE bytes END`;
    const count = (name, expr) => `',"${name}_packets":' || CAST(ceil(${expr} / 1400) AS BIGINT) ||
        ',"${name}_bytes":' || CAST(${expr} AS BIGINT)`;
    return `
    SELECT t_s, ${stamp('t_s')} CASE WHEN d = 0 THEN ${tuple('client', 'cport', 'server', 'sport')}
        ELSE ${tuple('server', 'sport', 'client', 'cport')} END || ',"rtt":' || rtt || ',"min_rtt":' ||
        min(rtt) OVER (PARTITION BY f, d ORDER BY t_s) ||
        ${counters ? `${count('sent', sent)} || ${count('rec', rec)} ||` : ''}
        CASE WHEN d = 0 THEN ',"match_on_egress":true}' ELSE ',"match_on_egress":false}' END AS line FROM sample
    UNION ALL SELECT start_s, ${stamp('start_s')} ${tuple('server', 'sport', 'client', 'cport')} ||
        CASE WHEN icmp THEN ',"flow_event":"opening","reason":"first observed packet","triggered_by":"src"}'
            ELSE ',"flow_event":"opening","reason":"SYN-ACK","triggered_by":"src"}' END
        FROM flow WHERE start_s >= ${from} AND start_s < ${to}
    UNION ALL SELECT start_s + duration, ${stamp('start_s + duration')} ${tuple('server', 'sport', 'client', 'cport')} ||
        CASE WHEN icmp THEN ',"flow_event":"closing","reason":"timeout","triggered_by":"garbage collection"'
            ELSE ',"flow_event":"closing","reason":"FIN","triggered_by":"dest"' END ||
        ${counters ? `${count('sent', up)} || ${count('rec', down)} || ',"duration":' || CAST(1e9 * duration AS BIGINT) ||
            ',"rtts":' || CAST(duration * (rate_c + rate_s) AS BIGINT) ||` : ''} '}'
        FROM (SELECT *, ${bytesAt('start_s + duration')} AS bytes FROM flow) WHERE start_s + duration >= ${from} AND start_s + duration < ${to}`;
};

// The log-linear bins of the kernel's histograms: eight of equal width in each power of two.
const aggregateLines = (epoch, interval) => {
    const power = 'floor(log2(rtt))';
    return `
    SELECT at_s AS t_s, '{"timestamp":' || CAST((${epoch} + at_s) * 1000000 AS BIGINT) * 1000 || ',"ip_prefix":"' || prefix ||
        '","rx_stats":{"tcp_ts":{"packets":' || n * 10 || ',"bytes":' || n * 14000 ||
        '},"tcp_no_ts":{"packets":' || n || ',"bytes":' || n * 1000 || '},"other":{"packets":' || n || ',"bytes":' || n * 500 ||
        '}},"tx_stats":{"tcp_ts":{"packets":' || n * 10 || ',"bytes":' || n * 1000 ||
        '},"tcp_no_ts":{"packets":' || n || ',"bytes":' || n * 100 || '},"other":{"packets":' || n || ',"bytes":' || n * 500 ||
        '}},"count_rtt":' || n || ',"min_rtt":' || least_rtt || ',"mean_rtt":' || mean_rtt || ',"median_rtt":' || mean_rtt ||
        ',"p95_rtt":' || max_rtt || ',"p99_rtt":' || max_rtt || ',"max_rtt":' || max_rtt || ',"histogram":[' || bins ||
        '],"count_below":0,"count_above":0}' AS line
    FROM (SELECT at_s, prefix, CAST(sum(n) AS BIGINT) AS n, min(least_rtt) AS least_rtt, max(max_rtt) AS max_rtt,
            CAST(sum(total) / sum(n) AS BIGINT) AS mean_rtt,
            string_agg('[' || upper || ',' || n || ']', ',' ORDER BY upper) AS bins
        FROM (SELECT at_s, prefix, upper, count(*) AS n, min(rtt) AS least_rtt, max(rtt) AS max_rtt, sum(rtt) AS total
            FROM (SELECT (floor(t_s / ${interval}) + 1) * ${interval} AS at_s, rtt,
                CASE WHEN d = 0 AND v6 THEN '2001:db8:10' || lpad(to_hex(k), 2, '0') || '::/48'
                    WHEN d = 0 THEN '10.' || (64 + k) || '.6.0/24'
                    WHEN v6 THEN '2001:db8:ffff::/48' ELSE '198.51.100.0/24' END AS prefix,
                CAST((floor(rtt / power(2, ${power} - 3)) + 1) * power(2, ${power} - 3) AS BIGINT) AS upper FROM sample)
            GROUP BY ALL) GROUP BY ALL)
    UNION ALL SELECT at_s, '{"timestamp":' || CAST((${epoch} + at_s) * 1000000 AS BIGINT) * 1000 ||
        ',"ipv4":{"TCP":{"packets":' || n * 12 || ',"bytes":' || n * 16000 || '},"UDP":{"packets":' || n * 3 || ',"bytes":' || n * 3000 ||
        '}},"ipv6":{"TCP":{"packets":0,"bytes":0}},"ecn":{"not_ect":' || n || '},"errors":{"fragments":3},"count_rtt":' || n ||
        ',"flows_created":10,"flows_opened":10,"flows_closed":9,"flows_timed_out":1,"flows_evicted":2,"prefixes":40,"prefix_table_full":0}'
    FROM (SELECT (floor(t_s / ${interval}) + 1) * ${interval} AS at_s, count(*) AS n FROM sample GROUP BY ALL)`;
};

const stampName = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', '-').replaceAll(':', '');

async function copy(engine, query, file, compress) {
    await engine.run(`COPY (SELECT line FROM (${query}) ORDER BY t_s) TO ${quote(file)}
        (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER e'\\x01', COMPRESSION ${compress})`);
}

// What goes wrong in the field, put into plain files after the fact; returns what it was.
function plantFaults(dir, names, epoch, seconds) {
    const file = (i) => path.join(dir, names[i]);
    const faults = { lost_events: 1234, bad_lines: 3, clock_step_s: -5 };
    const n = names.length;
    fs.appendFileSync(file(0), `{"timestamp":${epoch + Math.floor(seconds / n)}000000000,"lost_events":1234}\n` +
        'a line of something else\n{"timestamp":\n{"rtt":5000000,"src_ip"\n');
    const last = file(n - 1);
    const size = fs.statSync(last).size;
    fs.truncateSync(last, size - 60);
    faults.truncated = names[n - 1];
    // set back by five seconds from the middle of the second file on
    const text = fs.readFileSync(file(1), 'utf8').split('\n');
    const half = text.length >> 1;
    fs.writeFileSync(file(1), text.map((line, i) => i < half ? line
        : line.replace(/"timestamp":(\d+)\d{9}/, (all, s) => `"timestamp":${s - 5}${all.slice(-9)}`)).join('\n'));
    faults.clock_step_in = names[1];
    // a file that never arrived
    fs.rmSync(file(2));
    faults.gap_s = [epoch + 2 * seconds / n, epoch + 3 * seconds / n];
    faults.missing = names[2];
    names.splice(2, 1);
    return faults;
}

async function main(argv) {
    const { values, positionals } = parse(rows, argv);
    if (values.help) {
        process.stdout.write(help('eval/synth -o DIR [OPTION...]: study data with known truth', rows));
        return;
    }
    if (!values.output || positionals.length)
        throw new Usage(positionals.length ? `${positionals[0]}: takes options only` : 'give -o DIR');
    const dir = values.output;
    const size = number('size', values.size ?? '20M', 1e4, 1e13);
    const seconds = number('seconds', values.seconds ?? '600', 10, 1e7);
    const files = number('files', values.files ?? '4', 1, 1e4);
    const compress = values.compress ?? 'none';
    const suffix = { none: '', zstd: '.zst', gzip: '.gz' }[compress];
    if (suffix === undefined)
        throw new Usage(`--compress: ${compress} is none of none, zstd and gzip`);
    const effects = !values.effects ? EFFECTS.filter((e) => e !== 'hours') : values.effects === 'none' ? [] : values.effects.split(',');
    for (const effect of effects)
        if (!EFFECTS.includes(effect))
            throw new Usage(`--effects: ${effect} is none of ${EFFECTS.join(', ')}`);
    const has = (effect) => effects.includes(effect);
    if (has('faults') && (compress !== 'none' || files < 4 || size > 3e8))
        throw new Usage('--effects faults needs four plain files or more, of 300M at most');
    const interval = values.aggregates ? number('aggregates', values.aggregates, 1, 1e5) : 0;
    const epoch = start(values);
    fs.mkdirSync(dir, { recursive: true });
    const work = fs.mkdtempSync(path.join(dir, '.work-'));
    try {
        const engine = await Engine.open(work, { memory: 1024 });
        for (const macro of macros(number('seed', values.seed ?? '1', 0, 1e9)).split(';'))
            await engine.run(macro);
        const perLine = values.counters ? 266 : 191;
        await engine.run(flowTable(20000, seconds));
        const mean = (await engine.row(`SELECT avg(duration * (rate_c + rate_s) + 1.7) AS n FROM flow`)).n;
        const flows = Math.max(50, Math.round(size / perLine / mean));
        await engine.run(flowTable(flows, seconds));
        const names = [];
        const truth = { seed: Number(values.seed ?? 1), seconds, epoch, flows, effects, ...TRUTH, samples: 0 };
        for (let i = 0; i < files; i++) {
            const from = i * seconds / files, to = (i + 1) * seconds / files;
            const name = `eth0-${values['relative-time'] ? String(i).padStart(5, '0') : stampName(epoch + from)}.jsonl${suffix}`;
            await engine.run(sampleTable(has, seconds, epoch, from, to));
            truth.samples += (await engine.row('SELECT count(*) AS n FROM sample')).n;
            // the third file will be missing
            const kept = has('faults') && i === 2 ? ' LIMIT 0' : '';
            for (const [table, query] of [['watched', watch(seconds)], ['served', serve(seconds)]])
                await engine.run(`${i ? `INSERT INTO ${table}` : `CREATE TABLE ${table} AS`} ${query}${kept}`);
            const query = lines(epoch, from, to, values.counters) +
                (interval ? ` UNION ALL ${aggregateLines(epoch, interval)}` : '') +
                (interval && !i ? ` UNION ALL SELECT -1, '{"timestamp":${epoch}000000000,"aggregation":{"version":"synth","interval_s":${interval},"timeout_s":30,"ipv4_bits":24,"ipv6_bits":48,"rtt_belongs_to":"src_ip","histogram_from_ns":512,"histogram_to_ns":68719476736,"bins_per_power_of_two":8}}'` : '');
            await copy(engine, query, path.join(dir, name), compress);
            names.push(name);
            if (process.stderr.isTTY)
                process.stderr.write(`\r${i + 1} of ${files} files`);
        }
        // what the samples are, by an exact reading of the last table of flows
        truth.client_median_ms = (await engine.row('SELECT median(client_ms) AS m FROM flow WHERE NOT icmp')).m;
        truth.visible = await visible(engine, has);
        engine.close();
        if (has('faults'))
            truth.faults = plantFaults(dir, names, epoch, seconds);
        truth.files = names;
        fs.writeFileSync(path.join(dir, 'truth.json'), `${JSON.stringify(truth, null, 1)}\n`);
    } finally {
        fs.rmSync(work, { recursive: true, force: true });
    }
}

entry('synth', main);
