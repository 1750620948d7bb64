// SPDX-License-Identifier: GPL-2.0-or-later
// One file with everything in it: no network, no other file.
import fs from 'node:fs';
import path from 'node:path';
import { here } from './engine.mjs';

const part = (name) => fs.readFileSync(path.join(here, name), 'utf8');
const escape = (text) => String(text).replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);

export function page(data) {
    const shown = { ...data, reports: data.reports.map(({ findings, ...rest }) => rest) };
    const json = JSON.stringify(shown).replaceAll('<', '\\u003c').replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
    const parts = { title: escape(data.title), style: part('node_modules/uplot/dist/uPlot.min.css') + part('page/report.css'),
        uplot: part('node_modules/uplot/dist/uPlot.iife.min.js'), script: part('page/report.js'), data: json };
    return part('page/report.html').replace(/\{\{(\w+)\}\}/g, (all, name) => parts[name]);
}
