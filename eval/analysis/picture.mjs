// SPDX-License-Identifier: GPL-2.0-or-later
// node picture.mjs REPORT-DIR PICTURE [--section ID] [--dark] [--phone] [--report N]: a report as a PNG, or, as paper, a PDF.
// Needs chromium and "npm ci".
import path from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values, positionals: [directory, picture] } = parseArgs({ allowPositionals: true,
    options: { section: { type: 'string' }, dark: { type: 'boolean' }, phone: { type: 'boolean' }, report: { type: 'string' } } });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
try {
    const page = await browser.newPage({ viewport: values.phone ? { width: 375, height: 700 } : { width: 760, height: 900 },
        isMobile: values.phone, colorScheme: values.dark ? 'dark' : 'light' });
    await page.goto(`file://${path.resolve(directory, 'report.html')}`);
    if (values.report)
        await page.selectOption('#choice', values.report);
    if (picture.endsWith('.pdf'))
        await page.pdf({ path: picture, format: 'A4' });
    else if (values.section)
        await page.locator(`#${values.section}`).screenshot({ path: picture });
    else
        await page.screenshot({ path: picture, fullPage: true });
} finally {
    await browser.close();
}
