// SPDX-License-Identifier: GPL-2.0-or-later
// Command lines: a table of options, strict; wrong usage is one line and exit status 2.
import { parseArgs } from 'node:util';

export class Usage extends Error {}

const units = { '': 1, K: 1e3, M: 1e6, G: 1e9 };

export function number(name, text, min, max) {
    const match = /^(\d+(?:\.\d+)?)([KMG]?)$/.exec(text);
    const value = match ? Number(match[1]) * units[match[2]] : NaN;
    if (!(value >= min && value <= max))
        throw new Usage(`--${name}: ${text} is not a number from ${min} to ${max}`);
    return value;
}

// rows: name -> { short, value: 'WHAT' or undefined, multiple, help }
export function parse(rows, argv) {
    const options = {};
    for (const [name, row] of Object.entries(rows))
        options[name] = { type: row.value ? 'string' : 'boolean', multiple: row.multiple ?? false,
            ...(row.short && { short: row.short }) };
    try {
        return parseArgs({ options, args: argv, allowPositionals: true, strict: true });
    } catch (error) {
        throw new Usage(error.message.split('\n')[0].split('. To specify')[0]);
    }
}

export function help(intro, rows) {
    const lines = Object.entries(rows).map(([name, row]) =>
        `  ${row.short ? `-${row.short}, ` : '    '}--${name}${row.value ? ` ${row.value}` : ''}`.padEnd(30) + row.help);
    return `${intro}\n\n${lines.join('\n')}\n`;
}

// Runs main; an error is one line and exit status 1, wrong usage 2.
export function entry(program, main) {
    main(process.argv.slice(2)).catch((error) => {
        const usage = error instanceof Usage;
        process.stderr.write(`${program}: ${error.message.split('\n')[0]}${usage ? '; see --help' : ''}\n`);
        if (process.env.ANALYZE_TRACE)
            process.stderr.write(`${error.stack}\n`);
        process.exitCode = usage ? 2 : 1;
    });
}
