// SPDX-License-Identifier: GPL-2.0-or-later
// node duckdb.mjs MODULES FILE.sql QUERY: the statements of FILE, then QUERY's first row, as JSON
import fs from 'node:fs';
import { createRequire } from 'node:module';

const [, , modules, file, query] = process.argv;
const { DuckDBInstance } = createRequire(`${modules}/`)('@duckdb/node-api');
const instance = await DuckDBInstance.create(':memory:', {
    autoinstall_known_extensions: 'false', autoload_known_extensions: 'false', memory_limit: '512MiB',
});
const connection = await instance.connect();
await connection.run(fs.readFileSync(file, 'utf8'));
const result = await connection.runAndReadAll(query);
console.log(JSON.stringify(result.getRowObjects()[0], (key, value) => typeof value === 'bigint' ? String(value)
    : value !== null && typeof value === 'object' && 'nanos' in value ? String(value.nanos) : value));
