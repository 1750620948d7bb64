// SPDX-License-Identifier: GPL-2.0-or-later
// Results in the database -> what the page shows: a section for each question with a verdict, a sentence, charts and tables.
import path from 'node:path';

const ms = (value) => value === null || value === undefined ? '-' : `${Number(value.toPrecision(3))} ms`;
const percent = (value) => `${Number((100 * value).toPrecision(2))} %`;
const count = (n, what) => `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`;
const HALF = { client: 'client half', internet: 'Internet half', unknown: 'half unknown', all: 'all' };
const names = (rows, key, most = 3) => [...new Set(rows.map((row) => row[key]))].slice(0, most).join(', ') + (new Set(rows.map((row) => row[key])).size > most ? ', ...' : '');

// A table of the page: columns [key, title, kind]; kind: text, int, ms, percent, time, seconds, bytes or number.
const table = (caption, csv, columns, rows) => ({ caption, csv, columns, rows: rows.map((row) => columns.map(([key]) => row[key] ?? null)) });

// Rows with a key, an x and a y -> series over one common axis.
function lines(rows, key, x, y, label = (k) => k) {
    const keys = [...new Set(rows.map((row) => row[key]))];
    const xs = [...new Set(rows.map((row) => row[x]))].sort((a, b) => a - b);
    const place = new Map(xs.map((value, i) => [value, i]));
    const series = keys.map((k) => ({ label: label(k), y: Array(xs.length).fill(null) }));
    for (const row of rows)
        series[keys.indexOf(row[key])].y[place.get(row[x])] = row[y];
    return { x: xs.map((value) => Number(value.toPrecision(13))), series: series.map((s) => ({ ...s, y: s.y.map(short) })) };
}

// A share that has reached 1 stays there, one that has not begun is 0: for curves over one axis.
function curves(rows, key, x, y, label) {
    const chart = lines(rows, key, x, y, label);
    for (const series of chart.series) {
        let last = 0;
        series.y = series.y.map((value) => last = value ?? last);
    }
    return chart;
}

const short = (value) => typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;

// A missing second is a hole in the line, not a straight line through it.
function holes(chart, step) {
    const x = [], ys = chart.series.map(() => []);
    chart.x.forEach((value, i) => {
        if (i && value - chart.x[i - 1] > 3 * step) {
            x.push(chart.x[i - 1] + step);
            ys.forEach((y) => y.push(null));
        }
        x.push(value);
        ys.forEach((y, k) => y.push(chart.series[k].y[i]));
    });
    return { ...chart, x, series: chart.series.map((s, k) => ({ ...s, y: ys[k] })) };
}

const RTT_COLUMNS = [['dimension', 'by', 'text'], ['half', 'half', 'text'], ['what', '', 'text'], ['flows', 'flows', 'int'], ['samples', 'RTTs', 'int'],
    ['p5_ms', '5 %', 'ms'], ['p50_ms', 'median', 'ms'], ['p50_lo_ms', 'from', 'ms'], ['p50_hi_ms', 'to', 'ms'], ['p95_ms', '95 %', 'ms'], ['p99_ms', '99 %', 'ms'],
    ['sample_p50_ms', 'median of RTTs', 'ms'], ['sample_p95_ms', '95 % of RTTs', 'ms']];

async function rttSection(engine) {
    const rows = await engine.rows('SELECT * FROM rtt_summary ORDER BY CASE dimension WHEN \'all\' THEN 0 WHEN \'half\' THEN 1 ELSE 2 END, dimension, half, samples DESC');
    const found = await engine.rows('SELECT * FROM rtt_difference WHERE found ORDER BY errors DESC');
    const curve = await engine.rows(`SELECT s.half, e.* FROM ecdf e JOIN rtt_summary s USING (gid) WHERE s.dimension = 'half' ORDER BY e.gid, rtt_ms`);
    const halves = rows.filter((row) => row.dimension === 'half' && row.half !== 'unknown');
    const ipv = found.filter((row) => row.dimension === 'IP version');
    const sentence = !rows.length ? 'There is no RTT in these files.' :
        `Counting each flow once, ${halves.map((row) => `the ${HALF[row.half]} has a median of ${ms(row.p50_ms)} (${ms(row.p50_lo_ms)} to ${ms(row.p50_hi_ms)}) and 95 % below ${ms(row.p95_ms)}`).join('; ') ||
            `the median is ${ms(rows[0].p50_ms)} and 95 % are below ${ms(rows[0].p95_ms)}`}. ` +
        (found.length ? found.slice(0, 3).map((row) => `On the ${HALF[row.half]} ${row.dimension} ${row.b} takes ${ms(Math.abs(row.difference_ms))} ${row.difference_ms > 0 ? 'longer' : 'less'} than ${row.a} in the median`).join('; ') + '. '
            : 'Protocols, versions of IP and services do not differ by more than chance, a millisecond and a tenth. ');
    const split = curve.flatMap((row) => [{ key: `${HALF[row.half]}, each flow once`, x: row.rtt_ms, y: row.by_flow }, { key: `${HALF[row.half]}, each RTT once`, x: row.rtt_ms, y: row.by_sample }]);
    return { id: 'rtt', title: 'RTT distributions', question: 'What are the RTTs, overall and on either half, by protocol, version of IP and service?',
        verdict: !rows.length ? 'cannot tell' : found.length ? 'found' : 'not found', sentence,
        caveat: 'Which half: how long it takes from the monitor to the end that answers, and back; delayed acknowledgements are in it. Groups differ in their servers and clients, too: a difference is no cause. ' +
            'Bulk flows give more RTTs: where curves of flows and of RTTs differ, that is why. Percentiles are exact; the intervals (95 %) are a bootstrap over flows, and too narrow where many flows share one server.',
        charts: rows.length ? [{ kind: 'line', title: 'Share of RTTs at or below', xlabel: 'RTT (ms)', xlog: true, yrange: [0, 1], yformat: 'percent',
            ...curves(split, 'key', 'x', 'y'), dashed: 'each RTT once' }] : [],
        tables: rows.length ? [table('By half, protocol, version of IP and service', 'rtt.csv', RTT_COLUMNS, rows.map((row) => ({ ...row, half: HALF[row.half] })))] : [],
        data: { differences: found, ipv } };
}

async function timeSection(engine, study) {
    const rows = await engine.rows('SELECT * FROM rtt_series ORDER BY half, sec');
    const charts = ['client', 'internet', 'unknown'].filter((half) => rows.some((row) => row.half === half)).map((half) => {
        const mine = rows.filter((row) => row.half === half);
        return holes({ kind: 'line', time: true, title: HALF[half], ylabel: 'RTT (ms)', ylog: true, x: mine.map((row) => row.sec),
            series: [['p95_ms', '95 %'], ['p50_ms', 'median'], ['p5_ms', '5 %']].map(([key, label]) => ({ label, y: mine.map((row) => short(row[key])) })) }, study?.slot_s ?? 1);
    });
    return { id: 'time', title: 'RTTs over time', question: 'When were RTTs high?', verdict: rows.length ? 'described' : 'cannot tell',
        sentence: rows.length ? `Percentiles of the RTTs of each ${study.slot_s === 1 ? 'second' : `${study.slot_s} seconds`}; a hole is a time without RTTs.` : 'No RTT has a time.',
        caveat: 'These are percentiles of RTTs, not of flows, out of bins 2.2 % wide: a single bulk flow can move them.', charts, tables: [] };
}

async function variationSection(engine, clock) {
    const rows = await engine.rows('SELECT * FROM variation_summary ORDER BY half');
    const curve = await engine.rows('SELECT * FROM variation_ecdf ORDER BY half, variation_ms');
    const prefixes = await engine.rows('SELECT * FROM prefix_variation ORDER BY found DESC, share_over_50_ms DESC, flows DESC, prefix LIMIT 12');
    const found = await engine.rows('SELECT * FROM prefix_variation WHERE found ORDER BY z DESC');
    const episodes = await engine.rows('SELECT * FROM episode ORDER BY from_s, prefix');
    const worst = await engine.rows('SELECT * FROM worst_flow WHERE rank <= 12 ORDER BY rank');
    const enough = rows.reduce((sum, row) => sum + row.flows, 0);
    const verdict = !enough ? 'cannot tell' : found.length || episodes.length ? 'found' : 'not found';
    const sentence = !enough ? 'No flow has the twenty RTTs that a 95th percentile needs.' :
        `${rows.map((row) => `On the ${HALF[row.half]} RTTs of a flow rise ${ms(row.p50_ms)} above its least in the median flow, and more than 50 ms in ${percent(row.share_over_50_ms)} of flows`).join('; ')}. ` +
        (verdict === 'not found' ? 'No prefix stands out, and no episode of high RTTs towards one was found.' :
            `${found.length ? `Flows towards ${names(found, 'prefix')} vary more than those elsewhere. ` : ''}${episodes.length ? `${count(episodes.length, 'episode')} of RTTs over 50 ms above the least: ${episodes.slice(0, 3).map((e) => `${e.prefix} (${HALF[e.half]}) ${clock(e.from_s)} to ${clock(e.to_s)}`).join('; ')}${episodes.length > 3 ? `; and ${episodes.length - 3} more` : ''}.` : ''}`);
    return { id: 'variation', title: 'Variation within flows', question: 'Do RTTs of one flow rise far above its least: are buffers filled?', verdict, sentence,
        caveat: 'Shown is the 95th percentile minus the least RTT of flows with at least 20 RTTs. Delayed acknowledgements add about 40 ms of their own, so that less than 50 ms says nothing. Short flows are not in it, and a queue that is always full shows nowhere. An episode is measured from the least RTT of the address that answers, in the whole study: a lasting change of its path looks like one. One connection alone can be one, if it rose itself: its own download fills the queue as well as another\'s.',
        charts: curve.length ? [{ kind: 'line', title: 'Share of flows that vary by at most', xlabel: '95th percentile minus least RTT (ms)', xlog: true, yrange: [0, 1], yformat: 'percent', ...curves(curve, 'half', 'variation_ms', 'share', (h) => HALF[h]) }] : [],
        tables: [table('Prefixes that answer', 'prefixes.csv', [['prefix', 'prefix', 'text'], ['half', 'half', 'text'], ['flows', 'flows', 'int'], ['p50_ms', 'median variation', 'ms'], ['p90_ms', '90 %', 'ms'],
            ['share_over_50_ms', 'over 50 ms', 'percent'], ['others_share_over_50_ms', 'elsewhere', 'percent'], ['found', 'stands out', 'text']], prefixes.map((row) => ({ ...row, half: HALF[row.half], found: row.found ? 'yes' : '' }))),
        table('Episodes', 'episodes.csv', [['prefix', 'prefix', 'text'], ['half', 'half', 'text'], ['from_s', 'from', 'time'], ['to_s', 'to', 'time'], ['most_flows', 'connections at once', 'int'], ['connections', 'connections', 'int'], ['mean_excess_ms', 'mean above least', 'ms']],
            episodes.slice(0, 20).map((row) => ({ ...row, half: HALF[row.half] }))),
        table('Flows that vary most', 'worst_flows.csv', [['src', 'who answered', 'text'], ['dst', 'who was answered', 'text'], ['half', 'half', 'text'], ['samples', 'RTTs', 'int'], ['min_ms', 'least', 'ms'], ['p50_ms', 'median', 'ms'], ['p95_ms', '95 %', 'ms'], ['variation_ms', 'variation', 'ms']],
            worst.map((row) => ({ ...row, half: HALF[row.half], src: `${row.src_ip ?? '-'} ${row.src_port ?? ''}`, dst: `${row.dst_ip ?? '-'} ${row.dst_port ?? ''}` })))].filter((t) => t.rows.length),
        data: { prefixes: found, episodes } };
}

async function loadSection(engine) {
    const correlations = await engine.rows('SELECT c.*, f.source FROM load_correlation c JOIN (SELECT DISTINCT source_id, source FROM file) f USING (source_id) ORDER BY ALL');
    const classes = await engine.rows('SELECT * FROM load_class ORDER BY source_id, half, against, class');
    const counters = (await engine.row('SELECT count(*) AS n FROM load_second')).n > 0;
    const load = correlations.some((row) => row.against === 'load');
    for (const row of correlations)
        row.found = row.rho >= 0.3 && row.lo > 0 && row.blocks >= 12;
    const found = correlations.filter((row) => row.found);
    const told = correlations.filter((row) => row.blocks >= 12);
    const word = (row) => `${row.against === 'load' ? 'the load' : 'the number of connections'} (${HALF[row.half]}, correlation of ranks ${row.rho.toFixed(2)}, ${row.lo.toFixed(2)} to ${row.hi.toFixed(2)})`;
    const source = counters ? 'Load is from --counters.' : load ? 'There are no --counters: load is that of the reports of --aggregate.' : 'Load is not known: it needs --counters or --aggregate. Only the number of connections could be compared.';
    const chart = (against) => {
        const mine = classes.filter((row) => row.against === against && row.source_id === classes[0].source_id);
        if (!mine.length)
            return null;
        const keys = [...new Set(mine.map((row) => row.half))];
        const data = lines(mine.map((row) => ({ ...row, x: against === 'load' ? row.x / 1e6 : row.x })), 'half', 'x', 'p50_excess_ms', (h) => HALF[h]);
        return { kind: 'line', points: true, join: true, title: against === 'load' ? 'RTT above the least against load' : 'RTT above the least against connections', xlabel: against === 'load' ? 'load towards who answers (Mbit/s)' : 'connections at once', ylabel: 'median (ms)', ...data, keys };
    };
    return { id: 'load', title: 'RTT against load', question: 'Do RTTs rise with the load, or with the number of connections?',
        verdict: found.length ? 'found' : !told.length ? 'cannot tell' : load ? 'not found' : 'cannot tell',
        sentence: `${source} ${found.length ? `RTTs rise with ${found.map(word).join(' and with ')}.` : told.length ? 'No correlation of 0.3 or more was found that is beyond chance.' : 'There is too little of it to tell.'}`,
        caveat: 'Compared are seconds: the mean, over flows, of RTTs above the least of their flow, with what passed in that second. Intervals (99 %) are a bootstrap over blocks of time. Traffic that pping does not count as TCP or ping is load that is not seen here; and a correlation does not say which came first.',
        charts: [chart('load'), chart('connections')].filter(Boolean),
        tables: correlations.length ? [table('Correlation of ranks', 'load_correlation.csv', [['source', 'source', 'text'], ['half', 'half', 'text'], ['against', 'RTT against', 'text'], ['seconds', 'seconds', 'int'], ['rho', 'correlation', 'number'], ['lo', 'from', 'number'], ['hi', 'to', 'number']],
            correlations.map((row) => ({ ...row, half: HALF[row.half] })))] : [], data: { correlations: found, counters, load } };
}

async function serverSection(engine) {
    const query = (where, rest) => `SELECT * FROM (SELECT *, abs(z) > 5 AND abs(difference_ms) >= greatest(2, 0.2 * least(p50_ms, others_p50_ms)) AS found FROM server_clients) ${where} ORDER BY found DESC, abs(z) DESC, server, clients ${rest}`;
    const all = (await engine.row('SELECT count(*) AS n FROM server_clients')).n;
    const found = await engine.rows(query('WHERE found', ''));
    const rows = await engine.rows(query('', 'LIMIT 12'));
    return { id: 'servers', title: 'One server, many clients', question: 'Do clients get similar RTTs from one server?',
        verdict: !all ? 'cannot tell' : found.length ? 'found' : 'not found',
        sentence: !all ? 'No server was used from two prefixes by six flows or more.' : found.length ?
            `Not all do: ${found.slice(0, 3).map((row) => `${row.clients} sees ${row.server} ${ms(Math.abs(row.difference_ms))} ${row.difference_ms > 0 ? 'farther' : 'nearer'} than others do`).join('; ')}.` :
            `They do: none of ${count(all, 'pair')} of a server and a prefix of clients differs from the server's others.`,
        caveat: 'Compared is the Internet half: from the monitor to the server, which clients share unless they are routed differently or an address stands for several servers. Ranks of flows\' medians, with 5 standard errors as the bound, and 2 ms and a fifth of difference.',
        charts: rows.length ? [{ kind: 'bars', title: 'Median RTT of the prefix\'s flows, and of others', unit: 'ms', rows: rows.slice(0, 8).flatMap((row) => [[`${row.server} from ${row.clients}`, row.p50_ms], ['from others', row.others_p50_ms]]) }] : [],
        tables: rows.length ? [table('Servers and prefixes of clients', 'servers.csv', [['server', 'server', 'text'], ['clients', 'clients', 'text'], ['flows', 'flows', 'int'], ['p50_ms', 'median', 'ms'], ['others_flows', 'others\' flows', 'int'], ['others_p50_ms', 'their median', 'ms'], ['difference_ms', 'difference', 'ms'], ['z', 'z', 'number']], rows)] : [],
        data: { servers: found } };
}

async function changeSection(engine, clock) {
    const query = (where, rest) => `SELECT * FROM (SELECT *, abs(z) > 5 AND abs(difference_ms) >= greatest(2, 0.2 * least(before_ms, after_ms)) AS found FROM pair_change) ${where} ORDER BY found DESC, abs(z) DESC, server, clients ${rest}`;
    const all = (await engine.row('SELECT count(*) AS n FROM pair_change')).n;
    const found = await engine.rows(query('WHERE found', ''));
    const rows = await engine.rows(query('', 'LIMIT 12'));
    const shown = [...new Set(rows.map((row) => row.server))].slice(0, 4);
    const series = shown.length ? await engine.rows(`SELECT p.server, (s.t_min + (p.eighth + 0.5) * (s.t_max - s.t_min) / 8) / 1e9 AS at_s, p.p50_ms FROM pair_series p, study s WHERE p.server IN (${shown.map((s) => `'${s}'`).join(', ')}) ORDER BY p.server, p.eighth`) : [];
    return { id: 'change', title: 'Pairs over time', question: 'Do RTTs of the same pair change?',
        verdict: !all ? 'cannot tell' : found.length ? 'found' : 'not found',
        sentence: !all ? 'No pair has the sixteen flows, six before and six after some time, that this needs.' : found.length ?
            `Some do: ${found.slice(0, 3).map((row) => `${row.server} (clients: ${row.clients}) from ${ms(row.before_ms)} to ${ms(row.after_ms)} at about ${clock(row.at_s)}`).join('; ')}.` :
            `None of ${count(all, 'pair')} of a server and clients changed for good.`,
        caveat: 'For each pair the eighth of the study is sought from which on medians of flows differ most (ranks, 5 standard errors, 2 ms and a fifth). What changes and changes back within an eighth is not found here; see the episodes above.',
        charts: series.length ? [{ kind: 'line', points: true, join: true, time: true, title: 'Median of flows in each eighth of the study', ylabel: 'RTT (ms)', ...lines(series, 'server', 'at_s', 'p50_ms') }] : [],
        tables: rows.length ? [table('Pairs', 'pair_changes.csv', [['server', 'server', 'text'], ['clients', 'clients', 'text'], ['flows', 'flows', 'int'], ['at_s', 'changed at', 'time'], ['before_ms', 'before', 'ms'], ['after_ms', 'after', 'ms'], ['difference_ms', 'difference', 'ms'], ['z', 'z', 'number']], rows)] : [],
        data: { pairs: found } };
}

async function hourSection(engine, study, tz) {
    const rows = await engine.rows('SELECT * FROM hour_of_day ORDER BY half, hour');
    const agreement = await engine.rows('SELECT * FROM hour_agreement ORDER BY half');
    const found = agreement.filter((row) => row.days >= 2 && row.points >= 24 && row.agreement >= 0.6).filter((row) => {
        const values = rows.filter((r) => r.half === row.half && r.days >= 2).map((r) => r.p50_ms);
        row.swing = Math.max(...values) / Math.min(...values) - 1;
        return row.swing >= 0.2 && Math.max(...values) - Math.min(...values) >= 2;
    });
    const enough = agreement.some((row) => row.days >= 2 && row.points >= 24);
    const why = !study ? 'No RTT has a time.' : !study.absolute_time ? 'Times are relative to the start of the run: hours of the day are not known.' :
        enough ? '' : `The study covers ${study.span_s < 7200 ? count(Math.max(1, Math.round(study.span_s / 60)), 'minute') : `${(study.span_s / 3600).toFixed(1)} hours`}: an effect of the hour shows only if it comes again on another day, for twelve hours of two days at least.`;
    return { id: 'hours', title: 'Time of day', question: 'Do RTTs depend on the time of day?', verdict: !enough ? 'cannot tell' : found.length ? 'found' : 'not found',
        sentence: why || (found.length ? found.map((row) => {
            const mine = rows.filter((r) => r.half === row.half).sort((a, b) => b.p50_ms - a.p50_ms);
            return `On the ${HALF[row.half]} the median goes from ${ms(mine.at(-1).p50_ms)} at ${mine.at(-1).hour}:00 to ${ms(mine[0].p50_ms)} at ${mine[0].hour}:00, and days agree (correlation ${row.agreement.toFixed(2)})`;
        }).join('; ') + '.' : 'Hours differ no more than days do.'),
        caveat: `Hours are those of UTC${tz}. Medians of flows by the hour in which they began; who uses the network at an hour differs, too.`,
        charts: study?.absolute_time && rows.length ? [{ kind: 'line', points: true, join: true, title: 'Median RTT by hour', xlabel: 'hour of the day', ylabel: 'RTT (ms)', ...lines(rows, 'half', 'hour', 'p50_ms', (h) => HALF[h]) }] : [],
        tables: study?.absolute_time && rows.length ? [table('Hours', 'hours.csv', [['half', 'half', 'text'], ['hour', 'hour', 'int'], ['days', 'days', 'int'], ['flows', 'flows', 'int'], ['p50_ms', 'median', 'ms'], ['p95_ms', '95 % of flows', 'ms']], rows.map((row) => ({ ...row, half: HALF[row.half] })))] : [],
        data: { halves: found } };
}

async function sizeSection(engine) {
    const rows = await engine.rows('SELECT * FROM connection_summary ORDER BY connections DESC');
    const curve = await engine.rows('SELECT * FROM connection_ecdf ORDER BY what, x');
    const tcp = rows.find((row) => row.proto === 'TCP');
    const bytes = rows.some((row) => row.down_bytes !== null);
    const totals = rows.reduce((sum, row) => sum + row.with_totals, 0);
    const total = rows.reduce((sum, row) => sum + (row.down_bytes ?? 0) + (row.up_bytes ?? 0), 0);
    const down = rows.reduce((sum, row) => sum + (row.down_bytes ?? 0), 0);
    const seconds = curve.filter((row) => row.what === 'seconds'), sizes = curve.filter((row) => row.what !== 'seconds');
    return { id: 'sizes', title: 'Flow lengths and sizes', question: 'How long and how large are flows, and which way do bytes go?', verdict: rows.length ? 'described' : 'cannot tell',
        sentence: !rows.length ? 'There is no flow in these files.' : `${tcp?.seen_whole ? `Of ${count(tcp.connections, 'TCP connection')} ${tcp.seen_whole.toLocaleString('en')} were seen whole; half of those last less than ${Number(tcp.p50_s.toPrecision(3))} s, 95 % less than ${Number(tcp.p95_s.toPrecision(3))} s. ` : 'No connection was seen from its opening to its closing. '}` +
            (bytes && total ? `${percent(down / total)} of the bytes counted were downloaded.` : 'Sizes and directions are not known: they need --counters.'),
        caveat: `${totals ? `Of ${count(totals, 'connection')} the closing event tells what passed in all and how long it took; of the others a` : 'A'} size is what was counted at the flow\'s last RTT, the end of it is missing, and those without an RTT have no size. Connections that began before the study or did not end in it are left out of lengths.`,
        charts: [seconds.length && { kind: 'line', title: 'Share of connections that last at most', xlabel: 'seconds', xlog: true, yrange: [0, 1], yformat: 'percent', ...curves(seconds, 'what', 'x', 'share') },
            sizes.length && { kind: 'line', title: 'Share of connections with at most', xlabel: 'bytes', xlog: true, yrange: [0, 1], yformat: 'percent', ...curves(sizes, 'what', 'x', 'share') }].filter(Boolean),
        tables: rows.length ? [table('Connections', 'connections.csv', [['proto', 'protocol', 'text'], ['connections', 'connections', 'int'], ['seen_whole', 'seen whole', 'int'], ['p50_s', 'median length', 'seconds'], ['p95_s', '95 %', 'seconds'],
            ['p50_down_bytes', 'median download', 'bytes'], ['p95_down_bytes', '95 %', 'bytes'], ['p50_up_bytes', 'median upload', 'bytes'], ['p95_up_bytes', '95 %', 'bytes'], ['down_bytes', 'all download', 'bytes'], ['up_bytes', 'all upload', 'bytes']], rows)] : [] };
}

async function unmeasuredSection(engine) {
    const rows = await engine.rows('SELECT * FROM unmeasured ORDER BY connections DESC, what, why');
    const kinds = await engine.rows('SELECT * FROM traffic_kind'), protocols = await engine.rows('SELECT * FROM traffic_protocol ORDER BY bytes DESC');
    const unreadable = await engine.rows('SELECT * FROM unreadable ORDER BY packets DESC');
    const all = rows.reduce((sum, row) => sum + row.connections, 0);
    const none = rows.filter((row) => row.what === 'no RTT').reduce((sum, row) => sum + row.connections, 0);
    const carried = rows.reduce((sum, row) => sum + (row.bytes ?? 0), 0);
    const told = rows.reduce((sum, row) => sum + row.with_totals, 0);
    const unseen = rows.filter((row) => row.what === 'no RTT').reduce((sum, row) => sum + (row.bytes ?? 0), 0);
    const bytes = kinds.reduce((sum, row) => sum + row.bytes, 0);
    const share = (kind) => (kinds.find((row) => row.kind === kind)?.bytes ?? 0) / bytes;
    return { id: 'unmeasured', title: 'What could not be measured', question: 'How much traffic gave no RTT, and why?', verdict: rows.length || kinds.length ? 'described' : 'cannot tell',
        sentence: `${all ? `Of ${count(all, 'connection')} that opened, ${none.toLocaleString('en')} (${percent(none / all)}) gave no RTT at all${carried && told >= all / 2 ? `; of the bytes in ${count(told, 'closing event')}, ${percent(unseen / carried)} were theirs` : ''}.` : 'There are no flow events: connections without an RTT are not known.'} ` +
            (bytes ? `Of the bytes, ${percent(share('TCP without timestamps'))} were of TCP without timestamps and ${percent(share('other than TCP'))} not of TCP: neither can be measured.` : 'How much was UDP, or TCP without timestamps, is known only with --aggregate.'),
        caveat: 'A connection opens in the output with its first reply; what never got one is not counted. No RTT: nothing with data and a new timestamp was answered, or the sample fell to --rate-limit, or to a lost event. Bytes received, as the reports count them.',
        charts: rows.length ? [{ kind: 'bars', title: 'Connections that opened', rows: rows.map((row) => [[row.what, row.why].filter(Boolean).join(': '), row.connections]) }] : kinds.length ? [{ kind: 'bars', title: 'Bytes', rows: kinds.map((row) => [row.kind, row.bytes]) }] : [],
        tables: [table('Connections', 'unmeasured.csv', [['what', 'RTTs', 'text'], ['why', 'why not', 'text'], ['connections', 'connections', 'int'], ...(carried ? [['bytes', 'bytes', 'bytes']] : [])], rows), table('Kinds of traffic', 'traffic_kinds.csv', [['kind', 'kind', 'text'], ['packets', 'packets', 'int'], ['bytes', 'bytes', 'bytes']], kinds),
            table('Protocols', 'traffic_protocols.csv', [['family', 'version', 'text'], ['protocol', 'protocol', 'text'], ['packets', 'packets', 'int'], ['bytes', 'bytes', 'bytes']], protocols),
            table('Packets that could not be read', 'unreadable.csv', [['what', 'why', 'text'], ['packets', 'packets', 'int']], unreadable)].filter((t) => t.rows.length),
        data: { opened: all, without: none } };
}

async function aggregateSection(engine) {
    const rows = await engine.rows(`SELECT * FROM aggregate_summary ORDER BY CASE WHEN prefix = 'all' THEN 0 ELSE 1 END, samples DESC LIMIT 20`);
    if (!rows.length)
        return null;
    const curve = await engine.rows('SELECT rtt_ms, share FROM aggregate_ecdf ORDER BY rtt_ms');
    const all = rows.find((row) => row.prefix === 'all');
    return { id: 'aggregates', title: 'Every RTT, by prefix', question: 'What do the histograms of --aggregate say?', verdict: 'described',
        sentence: `${count(all.samples, 'RTT')} in the reports: the median is at most ${ms(all.p50_ms)}, the 95th percentile at most ${ms(all.p95_ms)}.`,
        caveat: 'No RTT is missing here for sampling, but bulk flows have more of them than others, and flows are not told apart. A percentile is the upper bound of its bin, at most an eighth above the true value; least, mean and greatest are exact.',
        charts: [{ kind: 'line', title: 'Share of RTTs at or below', xlabel: 'RTT (ms)', xlog: true, yrange: [0, 1], yformat: 'percent', x: curve.map((row) => short(row.rtt_ms)), series: [{ label: 'all prefixes', y: curve.map((row) => short(row.share)) }] }],
        tables: [table('Prefixes', 'aggregates.csv', [['prefix', 'prefix', 'text'], ['reports', 'reports', 'int'], ['samples', 'RTTs', 'int'], ['min_ms', 'least', 'ms'], ['p50_ms', 'median', 'ms'], ['p95_ms', '95 %', 'ms'], ['p99_ms', '99 %', 'ms'], ['max_ms', 'greatest', 'ms'], ['mean_ms', 'mean', 'ms'], ['rx_bytes', 'received', 'bytes'], ['tx_bytes', 'sent', 'bytes']], rows)] };
}

async function qualitySection(engine, clock, study) {
    const files = await engine.rows('SELECT *, t_min / 1e9 AS from_s, t_max / 1e9 AS to_s FROM file_summary ORDER BY file_id');
    const gaps = await engine.rows('SELECT g.*, f.source FROM gap g JOIN (SELECT DISTINCT source_id, source FROM file) f USING (source_id) ORDER BY from_s');
    const steps = await engine.rows('SELECT s.file_id, s.t_after / 1e9 AS at_s, s.back_ns / 1e9 AS back_s, f.path FROM clock_step s JOIN file f USING (file_id) ORDER BY s.file_id, s.t_after LIMIT 100');
    const overlaps = await engine.rows('SELECT o.*, a.path AS a, b.path AS b FROM overlap o JOIN file a ON a.file_id = o.file_a JOIN file b ON b.file_id = o.file_b');
    const strange = await engine.rows('SELECT * FROM not_json ORDER BY n DESC');
    const missing = await engine.row('SELECT sum(CASE WHEN kind = 1 THEN n END) AS n, sum(CASE WHEN kind = 1 THEN no_time END) AS time, sum(CASE WHEN kind = 1 THEN no_address END) AS address, sum(CASE WHEN kind = 1 THEN no_port END) AS port, sum(CASE WHEN kind = 1 THEN no_min END) AS least FROM file_kind');
    const evicted = (await engine.row('SELECT coalesce(sum(flows_evicted), 0) AS n FROM totals')).n;
    const series = await engine.rows(`SELECT sec // ${study?.slot_s ?? 1} * ${study?.slot_s ?? 1} AS sec, sum(n) AS n FROM busy_second GROUP BY 1 ORDER BY 1`);
    const runs = await engine.rows('SELECT r.*, f.source FROM run_summary r JOIN (SELECT DISTINCT source_id, source FROM file) f USING (source_id) ORDER BY source_id, from_s');
    const absent = (await engine.row('SELECT coalesce(sum(files), 0) AS n FROM missing_file')).n;
    const sum = (key) => files.reduce((total, file) => total + file[key], 0);
    const facts = [[sum('lost_events'), (n) => `${count(n, 'event')} lost on the way from the kernel`], [evicted, (n) => `${count(n, 'flow')} evicted, their ends unknown`],
        [sum('bad_lines'), (n) => `${count(n, 'line')} that could not be read (${strange.map((row) => `${row.what}: ${row.n}`).join(', ')})`], [sum('truncated_last_line'), (n) => `${count(n, 'file')} with a last line cut short`],
        [files.filter((file) => file.problem).length, (n) => `${count(n, 'file')} damaged: ${files.filter((file) => file.problem).map((file) => `${path.basename(file.path)}: ${file.problem}`).join('; ')}`],
        [sum('missing_events'), (n) => `${count(n, 'event')} missing from files whose last record tells how many they held`],
        [absent, (n) => `${count(n, 'file')} of a run missing, by the numbers in the others`],
        [runs.length > new Set(runs.map((run) => run.source_id)).size ? runs.length : 0, () => 'files of one interface that were made with different options or versions (see Runs)'],
        [sum('other_objects'), (n) => `${count(n, 'object')} without a known meaning or with an RTT below a microsecond`], [gaps.length, (n) => `${count(n, 'gap')} without any event, ${gaps.reduce((total, gap) => total + gap.silent_s, 0)} s in all`],
        [steps.length, (n) => `the clock set back ${n === 1 ? 'once' : `${n} times`}`], [overlaps.length, (n) => `${count(n, 'pair')} of files of one source that overlap in time, and may hold the same events twice`],
        [missing.time ?? 0, (n) => `${count(n, 'RTT')} without a time`], [missing.address ?? 0, (n) => `${count(n, 'RTT')} without addresses: flows are told apart by ports alone`], [missing.port ?? 0, (n) => `${count(n, 'RTT')} without ports`],
        [sum('rtts') === 0 ? 1 : 0, () => 'no RTT at all']].filter(([n]) => n > 0);
    return { id: 'quality', title: 'Data quality', question: 'What is wrong with the data?', verdict: facts.length ? 'found' : 'not found',
        sentence: facts.length ? `There are: ${facts.map(([n, say]) => say(n)).join('; ')}.` : 'Nothing was found: no lost events, gaps, damaged lines or steps of the clock.',
        caveat: 'A gap is a silence of ten seconds or more, ten times longer than 99 of 100 pauses: the monitor was off, or nothing was to be seen; or the clock was set forward. Of evictions only the reports of --aggregate tell.',
        charts: series.length ? [holes({ kind: 'line', time: true, title: 'Events', ylabel: `in ${study?.slot_s ?? 1} s`, x: series.map((row) => row.sec), series: [{ label: 'events', y: series.map((row) => row.n) }] }, study?.slot_s ?? 1)] : [],
        tables: [table('Files', 'files.csv', [['name', 'file', 'text'], ['source', 'source', 'text'], ['lines', 'lines', 'int'], ['rtts', 'RTTs', 'int'], ['flow_events', 'flow events', 'int'], ['aggregate_records', 'aggregates', 'int'], ['lost_events', 'lost events', 'int'], ['bad_lines', 'unreadable', 'int'], ['missing_events', 'missing', 'int'], ['truncated_last_line', 'cut short', 'int'], ['clock_steps', 'clock set back', 'int'], ['from_s', 'from', 'time'], ['to_s', 'to', 'time'], ['problem', 'problem', 'text']],
            files.map((file) => ({ ...file, name: path.basename(file.path) }))),
        table('Runs', 'runs.csv', [['source', 'source', 'text'], ['files', 'files', 'int'], ['from_s', 'from', 'time'], ['last_s', 'last file begun', 'time'], ['version', 'version', 'text'], ['kernel', 'kernel', 'text'], ['methods', 'methods', 'text'], ['anonymized', 'anonymised', 'text'], ['options', 'options', 'text']], runs),
        table('Gaps', 'gaps.csv', [['source', 'source', 'text'], ['from_s', 'from', 'time'], ['to_s', 'to', 'time'], ['silent_s', 'length', 'seconds'], ['at_a_file', 'between files', 'text']], gaps.map((gap) => ({ ...gap, at_a_file: gap.at_a_file ? 'yes' : '' }))),
        table('Clock set back', 'clock_steps.csv', [['name', 'file', 'text'], ['at_s', 'to', 'time'], ['back_s', 'by', 'seconds']], steps.map((step) => ({ ...step, name: path.basename(step.path) })))].filter((t) => t.rows.length),
        data: { facts: Object.fromEntries([['lost_events', sum('lost_events')], ['evicted', evicted], ['bad_lines', sum('bad_lines')], ['truncated', sum('truncated_last_line')], ['damaged', files.filter((f) => f.problem).length], ['missing_events', sum('missing_events')], ['missing_files', absent], ['gaps', gaps.map((g) => [g.from_s, g.to_s])], ['clock_steps', steps.map((s) => s.back_s)], ['overlaps', overlaps.length], ['no_time', missing.time ?? 0], ['no_address', missing.address ?? 0], ['other_objects', sum('other_objects')]]) } };
}

export async function collect(engine, set, view) {
    const study = (await engine.row('SELECT t_min / 1e9 AS from_s, t_max / 1e9 AS to_s, span_s, absolute_time, slot_s FROM study WHERE t_min IS NOT NULL')) ?? null;
    const clock = (seconds) => study?.absolute_time ? new Date((seconds + set.tzOffset) * 1000).toISOString().slice(0, 19).replace('T', ' ') : `${Math.round(seconds)} s`;
    const counts = await engine.row(`SELECT coalesce(sum(lines), 0) AS lines, coalesce(sum(rtts), 0) AS rtts, count(*) AS files, count(DISTINCT source_id) AS sources,
        sum(bytes) AS bytes FROM file_summary`);
    const flows = (await engine.row('SELECT count(*) AS n FROM flow')).n, connections = (await engine.row('SELECT count(*) AS n FROM connection')).n;
    const sides = await engine.rows('SELECT half, coalesce(side_by, \'nothing\') AS told_by, count(*) AS flows FROM flow GROUP BY 1, 2 ORDER BY 3 DESC');
    const sections = [await rttSection(engine), await timeSection(engine, study), await variationSection(engine, clock), await loadSection(engine), await serverSection(engine), await changeSection(engine, clock),
        await hourSection(engine, study, set.tz), await sizeSection(engine), await unmeasuredSection(engine), await aggregateSection(engine), await qualitySection(engine, clock, study)].filter(Boolean);
    const by = {};
    for (const row of sides)
        by[row.told_by] = (by[row.told_by] ?? 0) + row.flows;
    return { name: view.name, dir: view.dir, absolute: study?.absolute_time ?? false, facts: { ...counts, flows, connections, from: study && clock(study.from_s), to: study && clock(study.to_s), span_s: study?.span_s ?? 0,
        sides: Object.entries(by).map(([told, n]) => `${told} (${n.toLocaleString('en')})`).join(', '), nets: set.nets },
        findings: sections.map(({ id, question, verdict, sentence, data }) => ({ id, question, verdict, sentence, ...data })), sections: sections.map(({ data, ...rest }) => rest) };
}
