// `check FILE…`: prints what in the dashboards the schema does not know; exits 1 when there is anything.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { check } from './typecheck';

const home = process.env.PANELS_HOME ?? '.';
const work = join(process.env.PANELS_BUILD ?? 'build', 'types');
const files = process.argv.slice(2);
if (files.length === 0) {
  console.error('usage: check DASHBOARD.json…');
  process.exit(64);
}
const mistakes = check(
  files.map((name) => ({ name, json: readFileSync(name, 'utf8') })),
  { home, work }
);
for (const { name, line, column, text } of mistakes) {
  console.error(`${name}:${line}:${column}: ${text}`);
}
process.exit(mistakes.length === 0 ? 0 : 1);
