// SPDX-License-Identifier: GPL-2.0-or-later
// The database engine: DuckDB in this process, with a bound on its memory and a directory to spill to.
import { DuckDBInstance } from '@duckdb/node-api';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const here = path.dirname(fileURLToPath(import.meta.url));

// What the engine's own bound does not cover: Node.js, the library, the allocator's slack.
const OUTSIDE_MIB = 500;

export const quote = (text) => `'${String(text).replaceAll("'", "''")}'`;

export class Engine {
    // dir: for the database and what spills; memory in MiB, of the whole process
    static async open(dir, { memory = 1024, threads = os.availableParallelism() } = {}) {
        const engine = new Engine();
        fs.mkdirSync(dir, { recursive: true });
        engine.instance = await DuckDBInstance.create(path.join(dir, 'study.db'), {
            memory_limit: `${Math.max(128, memory - OUTSIDE_MIB)}MiB`,
            threads: String(threads),
            temp_directory: path.join(dir, 'spill'),
            preserve_insertion_order: 'true',
            autoinstall_known_extensions: 'false',
            autoload_known_extensions: 'false',
        });
        engine.connection = await engine.instance.connect();
        return engine;
    }

    async run(sql) {
        await this.connection.run(sql);
    }

    // all rows as objects; 64-bit integers as numbers, which nanoseconds since 1970 do not fit: divide in the query
    async rows(sql) {
        const result = await this.connection.runAndReadAll(sql);
        return result.getRowObjects().map((row) => {
            for (const key in row)
                row[key] = plain(row[key]);
            return row;
        });
    }

    async row(sql) {
        return (await this.rows(sql))[0];
    }

    close() {
        this.connection.closeSync();
        this.instance.closeSync();
    }
}

function plain(value) {
    if (typeof value === 'bigint')
        return Number(value);
    if (value !== null && typeof value === 'object')
        return 'items' in value ? value.items.map(plain)
            : 'value' in value && 'scale' in value ? Number(value.value) / 10 ** value.scale : String(value);
    return value;
}

// The statements of a file of sql/, each with the "-- step: ..." line before it, $NAME replaced.
export function statements(file, parameters) {
    const text = fs.readFileSync(path.join(here, 'sql', file), 'utf8')
        .replace(/\$([a-z_]+)/g, (all, name) => {
            if (!(name in parameters))
                throw new Error(`${file}: no value for ${all}`);
            return String(parameters[name]);
        });
    return text.split(/;[ \t]*(?:\n|$)/).map((sql) => ({
        sql: sql.trim(), step: sql.match(/^-- step: (.*)$/m)?.[1],
    })).filter(({ sql }) => sql.replace(/^--.*$/gm, '').trim());
}

export function peakRss() {
    return Math.round(process.resourceUsage().maxRSS / 1024);
}
