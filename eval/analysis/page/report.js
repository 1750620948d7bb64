// SPDX-License-Identifier: GPL-2.0-or-later
'use strict';
(() => {
    const data = JSON.parse(document.getElementById('data').textContent);
    const main = document.getElementById('main');
    let report = data.reports[0];
    let charts = [];

    // --- elements and numbers ---------------------------------------------------------------

    const element = (tag, attributes = {}, ...children) => {
        const node = document.createElement(tag);
        for (const [key, value] of Object.entries(attributes))
            if (key === 'class')
                node.className = value;
            else
                node.setAttribute(key, value);
        node.append(...children);
        return node;
    };

    const precise = (value) => {
        const size = Math.abs(value);
        return value === 0 ? '0' : size >= 1e6 || size < 1e-3 ? value.toPrecision(3) : size >= 1000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(4)));
    };

    const bytes = (value) => {
        const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
        const unit = value < 1000 ? 0 : Math.min(5, Math.floor(Math.log10(value) / 3));
        return `${Number((value / 1000 ** unit).toPrecision(4))} ${units[unit]}`;
    };

    const clock = (seconds) => report.absolute ? new Date((seconds + data.tzOffset) * 1000).toISOString().slice(0, 19).replace('T', ' ') : `${precise(seconds)} s`;

    const duration = (s) => s >= 172800 ? `${(s / 86400).toFixed(1)} days` : s >= 7200 ? `${(s / 3600).toFixed(1)} hours` : s >= 120 ? `${(s / 60).toFixed(1)} minutes` : `${s.toFixed(1)} s`;

    const show = {
        text: (value) => String(value), int: (value) => value.toLocaleString('en'), ms: precise, number: precise, seconds: precise, bytes,
        percent: (value) => `${Number((100 * value).toPrecision(4))} %`, time: clock,
    };

    // --- charts -----------------------------------------------------------------------------

    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const dashed = (chart, series) => chart.dashed !== undefined && series.label.endsWith(chart.dashed);
    // the two curves of one half have one colour
    const hue = (chart, i) => chart.dashed !== undefined ? `--s${(i >> 1) % 4}` : `--s${i % 4}`;

    // the time of day, and below it the date where it changes
    const dates = (u, splits, axis, space, step) => splits.map((t, i) => {
        const text = (at) => new Date((at + data.tzOffset) * 1000).toISOString();
        const day = text(t).slice(0, 10);
        return (step < 60 ? text(t).slice(11, 19) : text(t).slice(11, 16)) + (i && text(splits[i - 1]).slice(0, 10) === day ? '' : `\n${day}`);
    });

    // One digit of its decade: the marks of a logarithmic axis are counted from its beginning, and got lost from 0.0964 on.
    const roundDown = (v) => {
        const unit = 10 ** Math.floor(Math.log10(v));
        return Number((Math.max(1, Math.floor(v / unit)) * unit).toPrecision(1));
    };

    function options(chart, width, hidden) {
        const axis = { stroke: colour('--soft'), grid: { stroke: colour('--line'), width: 1 }, ticks: { stroke: colour('--line') } };
        const values = (log) => (u, splits) => splits.map((v) => v === null ? '' : log && !/^1|^2|^5/.test(v.toExponential()) ? '' : chart.xbytes ? bytes(v) : precise(v));
        const x = { ...axis, label: chart.xlabel, labelSize: chart.xlabel ? 24 : 0 };
        x.values = chart.time && report.absolute ? dates : values(chart.xlog);
        x.space = chart.time ? 90 : 50;
        const y = { ...axis, label: chart.ylabel, labelSize: chart.ylabel ? 24 : 0, size: 56, values: chart.yformat === 'percent' ? (u, splits) => splits.map((v) => `${Math.round(100 * v)} %`) : values(chart.ylog) };
        return {
            width, height: width < 500 ? 240 : 320, ms: 1e-3,
            tzDate: (ts) => uPlot.tzDate(new Date((ts + data.tzOffset) * 1e3), 'Etc/UTC'),
            cursor: { drag: { x: true, y: false }, focus: { prox: 24 } }, legend: { show: false },
            scales: { x: { time: Boolean(chart.time && report.absolute), distr: chart.xlog ? 3 : 1, ...(chart.xlog && { range: (u, lo, hi) => [roundDown(lo), hi] }) },
                y: { distr: chart.ylog ? 3 : 1, ...(chart.yrange && { range: chart.yrange }), ...(!chart.yrange && !chart.ylog && { range: (u, lo, hi) => [Math.min(0, lo), hi > 0 ? hi * 1.05 : 1] }) } },
            axes: [x, y],
            series: [{}, ...chart.series.map((s, i) => ({ label: s.label, show: !hidden.has(i), stroke: colour(hue(chart, i)), width: dashed(chart, s) ? 1.5 : 2, dash: dashed(chart, s) ? [6, 4] : undefined,
                // a share jumps where a value is; it does not rise in between
                ...(chart.yformat === 'percent' && { paths: uPlot.paths.stepped({ align: 1 }) }),
                points: chart.points ? { show: true, size: 7 } : { show: undefined, size: 4 }, spanGaps: Boolean(chart.join) }))],
            hooks: { setCursor: [(u) => readout(u)] },
        };
    }

    function readout(u) {
        const state = charts.find((c) => c.plot === u);
        if (!state)
            return;
        const i = u.cursor.idx;
        state.read.textContent = i === null || i === undefined ? '' : `${state.chart.time ? clock(u.data[0][i]) : precise(u.data[0][i])}${state.chart.xlabel ? ` ${/\(([^)]*)\)/.exec(state.chart.xlabel)?.[1] ?? ''}` : ''} - ` +
            state.chart.series.map((s, k) => u.data[k + 1][i] === null || state.hidden.has(k) ? null : `${s.label}: ${state.chart.yformat === 'percent' ? show.percent(u.data[k + 1][i]) : precise(u.data[k + 1][i])}`).filter(Boolean).join(', ');
    }

    function draw(state) {
        const { min, max } = state.plot?.scales.x ?? {};
        const zoomed = state.plot && (min > state.plot.data[0][0] || max < state.plot.data[0].at(-1));
        state.plot?.destroy();
        state.plot = new uPlot(options(state.chart, state.box.clientWidth, state.hidden), [state.chart.x, ...state.chart.series.map((s) => s.y)], state.box);
        if (zoomed)
            state.plot.setScale('x', { min, max });
    }

    const reset = (state) => state.plot.setScale('x', { min: state.chart.x[0], max: state.chart.x.at(-1) });

    // Narrower or wider around the cursor, or the middle.
    function zoom(state, factor) {
        const { plot, chart } = state;
        const log = chart.xlog, to = (v) => log ? Math.log(v) : v, back = (v) => log ? Math.exp(v) : v;
        const min = to(plot.scales.x.min), max = to(plot.scales.x.max);
        const middle = plot.cursor.idx === null || plot.cursor.idx === undefined ? (min + max) / 2 : to(chart.x[plot.cursor.idx]);
        const lo = Math.max(to(chart.x[0]), middle - (middle - min) * factor), hi = Math.min(to(chart.x.at(-1)), middle + (max - middle) * factor);
        if (hi > lo)
            plot.setScale('x', { min: back(lo), max: back(hi) });
    }

    function step(state, by) {
        const { plot, chart } = state;
        const first = chart.x.findIndex((v) => v >= plot.scales.x.min), last = chart.x.findLastIndex((v) => v <= plot.scales.x.max);
        const at = plot.cursor.idx === null || plot.cursor.idx === undefined ? (by > 0 ? first : last) : Math.max(first, Math.min(last, plot.cursor.idx + by));
        const k = Math.max(0, chart.series.findIndex((s, i) => !state.hidden.has(i) && s.y[at] !== null));
        plot.setCursor({ left: plot.valToPos(chart.x[at], 'x'), top: plot.valToPos(chart.series[k].y[at] ?? 0, 'y') });
    }

    function keys(state, event) {
        const many = Math.max(1, Math.round(state.chart.x.length / 20));
        const action = { ArrowLeft: () => step(state, -1), ArrowRight: () => step(state, 1), PageUp: () => step(state, -many), PageDown: () => step(state, many),
            '+': () => zoom(state, 0.5), '=': () => zoom(state, 0.5), '-': () => zoom(state, 2), 0: () => reset(state), Escape: () => reset(state) }[event.key];
        if (!action || event.ctrlKey || event.metaKey || event.altKey)
            return;
        event.preventDefault();
        action();
    }

    function line(chart) {
        const box = element('div', { class: 'chart', tabindex: '0', role: 'img', 'aria-label': `${chart.title}: ${chart.series.map((s) => s.label).join(', ')}. Arrow keys read values, plus and minus zoom, 0 shows all.` });
        const read = element('div', { class: 'read', role: 'status' });
        const state = { chart, box, read, hidden: new Set(), plot: null };
        const buttons = chart.series.map((s, i) => {
            const button = element('button', { type: 'button', 'aria-pressed': 'true', style: `--key: var(${hue(chart, i)})`, class: dashed(chart, s) ? 'dash' : '' }, s.label);
            button.addEventListener('click', () => {
                state.hidden.has(i) ? state.hidden.delete(i) : state.hidden.add(i);
                button.setAttribute('aria-pressed', String(!state.hidden.has(i)));
                state.plot.setSeries(i + 1, { show: !state.hidden.has(i) });
            });
            return button;
        });
        const all = element('button', { type: 'button', class: 'plain' }, 'Show all');
        all.addEventListener('click', () => reset(state));
        box.addEventListener('keydown', (event) => keys(state, event));
        charts.push(state);
        return element('figure', { style: 'margin: 0' }, element('h3', {}, chart.title), box, read, element('div', { class: 'keys' }, ...buttons, all));
    }

    function bars(chart) {
        const most = Math.max(...chart.rows.map((row) => row[1] ?? 0), 1e-9);
        return element('figure', { style: 'margin: 0' }, element('h3', {}, chart.title), element('div', { class: 'bars' }, ...chart.rows.flatMap(([name, value]) =>
            [element('div', { class: 'name' }, name), element('div', { class: 'bar' }, element('i', { style: `width: ${(80 * (value ?? 0) / most).toFixed(2)}%` }), `${precise(value ?? 0)} ${chart.unit ?? ''}`)])));
    }

    // --- the page ---------------------------------------------------------------------------

    function table({ caption, csv, columns, rows }) {
        const kind = (column) => column[2] === 'text' || column[2] === 'time' ? 'text' : column[2];
        const head = element('tr', {}, ...columns.map((c) => element('th', { scope: 'col', class: kind(c) }, c[1] + (c[2] === 'ms' ? ' (ms)' : c[2] === 'seconds' ? ' (s)' : ''))));
        const body = rows.map((row) => element('tr', {}, ...row.map((value, i) => element('td', { class: kind(columns[i]) }, value === null || value === '' ? '' : show[columns[i][2]](value)))));
        return element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption },
            element('table', { 'data-csv': csv }, element('caption', {}, caption, ' ', element('span', {}, `${report.dir}${report.dir && '/'}tables/${csv}`)), element('thead', {}, head), element('tbody', {}, ...body)));
    }

    const words = { found: 'found', 'not found': 'none found', 'cannot tell': 'can\u2019t tell', described: 'described' };
    const badge = (verdict) => element('span', { class: `verdict ${verdict.replace(' ', '-')}` }, words[verdict]);

    function facts() {
        const f = report.facts;
        const list = [['files', f.files.toLocaleString('en')], ['lines', f.lines.toLocaleString('en')], ['RTTs', f.rtts.toLocaleString('en')], ['connections', f.connections.toLocaleString('en')],
            ['interfaces or sources', f.sources.toLocaleString('en')], ['from', f.from ?? '-'], ['to', f.to ?? '-'], ['covers', duration(f.span_s)]];
        return [...(data.reports.length > 1 ? [element('p', { class: 'which' }, report.name)] : []), element('dl', { class: 'facts' }, ...list.map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value)))),
            element('p', { class: 'caveat' }, `Sides were told apart by: ${f.sides || 'nothing'}${f.nets.length ? `; clients are in ${f.nets.join(', ')}` : ''}. The client half is what lies between the monitor and the client, who answers there; the Internet half is what lies between the monitor and the server.` +
                (f.sources > 1 ? ' Sources are taken together here, so that a packet which two of them saw counts twice; choose one above to see it alone.' : ''))];
    }

    // What the reports of the single sources found, where this one is of all together.
    function elsewhere(id) {
        const others = data.reports.filter((r) => r !== report && report === data.reports[0]).map((r) => [r.name, r.sections.find((s) => s.id === id)]).filter(([, s]) => s);
        return others.length ? element('div', { class: 'each' }, ...others.map(([name, s]) => element('span', {}, `${name}: ${words[s.verdict]}`))) : '';
    }

    function present() {
        charts.forEach((state) => state.plot?.destroy());
        charts = [];
        main.replaceChildren(...facts(),
            element('nav', { 'aria-label': 'Results' }, element('ul', { class: 'summary' }, ...report.sections.map((s) => element('li', {}, badge(s.verdict),
                element('div', {}, element('a', { href: `#${s.id}` }, s.title), ` ${s.question}`, elsewhere(s.id)))))),
            ...report.sections.map((s) => element('section', { id: s.id, 'aria-labelledby': `${s.id}-title` }, element('h2', { id: `${s.id}-title` }, s.title), element('p', { class: 'question' }, s.question), badge(s.verdict),
                element('p', { class: 'sentence' }, s.sentence), element('p', { class: 'caveat' }, s.caveat), ...s.charts.map((c) => c.kind === 'bars' ? bars(c) : line(c)), ...s.tables.map(table))));
    }

    // One of several interfaces, or runs.
    if (data.reports.length > 1) {
        const choice = element('select', { id: 'choice' }, ...data.reports.map((r, i) => element('option', { value: String(i) }, r.name)));
        choice.addEventListener('change', () => {
            report = data.reports[Number(choice.value)];
            present();
            paint(theme);
        });
        document.getElementById('theme').before(element('label', { class: 'choice' }, 'Source ', choice));
    }

    function paint(theme) {
        document.documentElement.dataset.theme = theme;
        document.getElementById('theme').textContent = theme === 'dark' ? 'Light' : 'Dark';
        charts.forEach(draw);
    }

    const preferred = matchMedia('(prefers-color-scheme: dark)');
    let theme = preferred.matches ? 'dark' : 'light';
    present();
    paint(theme);
    preferred.addEventListener('change', () => paint(theme = preferred.matches ? 'dark' : 'light'));
    document.getElementById('theme').addEventListener('click', () => paint(theme = theme === 'dark' ? 'light' : 'dark'));
    // paper is white
    addEventListener('beforeprint', () => paint('light'));
    addEventListener('afterprint', () => paint(theme));
    let width = innerWidth;
    addEventListener('resize', () => {
        if (innerWidth !== width) {
            width = innerWidth;
            charts.forEach(draw);
        }
    });
})();
