//! Writes the dashboards beside this folder; with `--check` says which differ from what would be written.

import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Dashboard } from '@grafana/schema';

import { certificate } from './certificate';
import { endpointsBoard } from './endpoints';
import { exporter } from './exporter';
import { oncall } from './oncall';
import { overview } from './overview';
import { revocation } from './revocation';
import { target } from './target';

const BOARDS: Record<string, Dashboard> = {
  'overview.json': overview,
  'on-call.json': oncall,
  'endpoints.json': endpointsBoard,
  'revocation.json': revocation,
  'exporter.json': exporter,
  'certificate.json': certificate,
  'target.json': target,
};

const FOLDER = join(__dirname, '..', '..', 'dashboards');
const check = process.argv.includes('--check');
const faults = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.json') && !(name in BOARDS))
  .map((name) => `${name} is made by nothing`);
for (const [name, board] of Object.entries(BOARDS)) {
  const path = join(FOLDER, name);
  const text = `${JSON.stringify(board, null, 1)}\n`;
  if (!check) writeFileSync(path, text);
  else if (!existsSync(path) || readFileSync(path, 'utf8') !== text) faults.push(`${name} differs from its source: run dashboards/generate`);
}
faults.forEach((fault) => console.error(fault));
process.exit(faults.length === 0 ? 0 : 1);
