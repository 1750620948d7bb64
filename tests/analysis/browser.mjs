// SPDX-License-Identifier: GPL-2.0-or-later
// browser.mjs REPORT-DIR...: the page in a real browser. It loads without errors or requests, shows the numbers of the tables,
// can be used by keyboard alone, fits a phone, is light and dark, prints.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../eval/analysis/package.json', import.meta.url));
const { chromium } = require('playwright-core');

function csv(file) {
    const rows = fs.readFileSync(file, 'utf8').trim().split('\n').map((line) =>
        [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((m) => m[1]?.replaceAll('""', '"') ?? m[2]));
    return rows.slice(1).map((row) => Object.fromEntries(rows[0].map((key, i) => [key, row[i]])));
}

// What a cell says, as a number; grouped by commas, with a unit of bytes or a percent sign.
function read(text) {
    const match = /^(-?[\d.,e+-]+) ?(%|B|kB|MB|GB|TB|PB)?$/.exec(text);
    assert(match, `no number: ${text}`);
    const unit = { undefined: 1, '%': 0.01, B: 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, PB: 1e15 }[match[2]];
    return Number(match[1].replaceAll(',', '')) * unit;
}

const near = (a, b) => Math.abs(a - b) <= 1e-3 * Math.max(Math.abs(a), Math.abs(b)) + 1e-9;

// Each row of the page's table is a row of the file, all its numbers in it.
function compare(shown, file, columns) {
    const rows = csv(file);
    for (const cells of shown.rows) {
        const wanted = cells.map((text, i) => ['text', 'time'].includes(columns[i][2]) ? null : text === '' ? undefined : read(text));
        const match = rows.some((row) => columns.every(([key, , kind], i) => wanted[i] === null || !(key in row) ||
            (wanted[i] === undefined ? row[key] === '' : near(wanted[i], Number(row[key])))));
        assert(match, `${path.basename(file)} has no row ${JSON.stringify(cells)}`);
    }
    return shown.rows.length;
}

async function open(browser, file, options) {
    const page = await browser.newPage(options);
    const trouble = [];
    page.on('console', (message) => trouble.push(`console: ${message.text()}`));
    page.on('pageerror', (error) => trouble.push(`error: ${error.message}`));
    page.on('request', (request) => request.url().startsWith('data:') || request.url() === `file://${file}` || trouble.push(`request: ${request.url()}`));
    await page.goto(`file://${file}`);
    return { page, trouble };
}

const background = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);

// within two seconds: the page hears of a change of the preferred colours when it gets to it
async function becomes(page, colour) {
    for (let i = 0; i < 40 && await background(page) !== colour; i++)
        await page.waitForTimeout(50);
    assert.equal(await background(page), colour);
}

// What the page shows of a report.
async function shows(page, directory, report) {
    const sections = await page.locator('main section').count();
    assert.equal(sections, report.sections.length);

    // tables
    let rows = 0;
    const shown = await page.evaluate(() => [...document.querySelectorAll('table')].map((t) => ({ csv: t.dataset.csv, rows: [...t.tBodies[0].rows].map((r) => [...r.cells].map((c) => c.textContent)) })));
    const tables = report.sections.flatMap((section) => section.tables);
    assert.equal(shown.length, tables.length);
    for (const [i, { csv: name, rows: cells }] of shown.entries())
        rows += compare({ rows: cells }, path.join(directory, 'tables', name), tables[i].columns);

    // charts: something is drawn in each, and the keyboard reads values off
    const charts = await page.locator('.chart').count();
    const lines = report.sections.flatMap((section) => section.charts.filter((chart) => chart.kind === 'line'));
    assert.equal(charts, lines.length);
    const drawn = await page.evaluate(() => [...document.querySelectorAll('.chart canvas')].map((canvas) => {
        const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        let colours = 0;
        for (let i = 0; i < pixels.length; i += 4)
            // a curve is in colour, axes and grid are nearly grey
            colours += pixels[i + 3] > 200 && Math.max(pixels[i], pixels[i + 1], pixels[i + 2]) - Math.min(pixels[i], pixels[i + 1], pixels[i + 2]) > 90;
        return colours;
    }));
    drawn.forEach((colours, i) => assert(colours > 20, `nothing is drawn in chart ${lines[i].title}`));
    if (charts) {
        await page.evaluate(() => { document.activeElement.blur(); });
        for (let i = 0; i < 200 && !await page.evaluate(() => document.activeElement.classList.contains('chart')); i++)
            await page.keyboard.press('Tab');
        assert(await page.evaluate(() => document.activeElement.classList.contains('chart')), 'a chart can be reached with Tab');
        await page.keyboard.press('ArrowRight');
        await page.keyboard.press('PageDown');
        const text = await page.locator('.read').first().textContent();
        assert(/\d/.test(text), `the keyboard reads a value, not "${text}"`);
        await page.keyboard.press('+');
        await page.keyboard.press('0');
        const key = page.locator('.keys button').first();
        await key.focus();
        await page.keyboard.press('Space');
        assert.equal(await key.getAttribute('aria-pressed'), 'false');
        await page.keyboard.press('Space');
        // hover
        await page.locator('.chart').first().scrollIntoViewIfNeeded();
        await page.locator('.chart .u-over').first().hover({ position: { x: 300, y: 100 } });
        assert(/\d/.test(await page.locator('.read').first().textContent()), 'hovering reads a value');
    }
    return `${sections} sections, ${charts} charts, ${rows} rows of ${tables.length} tables; `;
}

async function check(browser, directory) {
    const file = path.resolve(directory, 'report.html');
    const { page, trouble } = await open(browser, file, { viewport: { width: 1100, height: 900 }, colorScheme: 'light' });
    const data = JSON.parse(await page.locator('#data').textContent());
    let said = '';
    // each report by itself, where there are several; chosen by keyboard
    for (const [i, report] of data.reports.entries()) {
        if (i) {
            await page.locator('#choice').focus();
            await page.keyboard.press('ArrowDown');
        }
        said += await shows(page, path.join(directory, report.dir), report);
    }
    assert.equal(await page.locator('#choice').count(), data.reports.length > 1 ? 1 : 0);

    // light, dark, and the button
    const light = await background(page);
    await page.locator('#theme').focus();
    await page.keyboard.press('Enter');
    const dark = await background(page);
    assert.notEqual(light, dark);
    await page.emulateMedia({ colorScheme: 'dark' });
    await becomes(page, dark);
    await page.emulateMedia({ colorScheme: 'light' });
    await becomes(page, light);

    // print
    const pdf = await page.pdf({ format: 'A4' });
    assert(pdf.length > 10000);
    assert.deepEqual(trouble, []);
    await page.close();

    // a phone: nothing is wider than it
    const phone = await open(browser, file, { viewport: { width: 375, height: 700 }, isMobile: true, hasTouch: true, colorScheme: 'dark' });
    await becomes(phone.page, dark);
    assert.equal(await phone.page.evaluate(() => document.documentElement.scrollWidth), 375);
    assert.deepEqual(phone.trouble, []);
    await phone.page.close();
    console.log(`${directory}: ${said}`);
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
try {
    for (const directory of process.argv.slice(2))
        await check(browser, directory);
} finally {
    await browser.close();
}
