// `run`: asks, draws, judges. Exit codes: 0 all well, 1 a panel is not, 2 could not draw, 64 usage.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Arguments, readArguments, USAGE } from './arguments';
import { collect } from './ask/collect';
import { Prometheus } from './ask/prometheus';
import { Painter } from './browser';
import { type Dashboard, readDashboard } from './model/dashboard';
import type { DrawnPage } from './model/drawn';
import { failures, type Known, report, type Report } from './model/verdict';

const home = process.env.PANELS_HOME ?? '.';
const build = process.env.PANELS_BUILD ?? 'build';
const root = join(home, '..', '..');

async function run(args: Arguments): Promise<number> {
  const boards = args.dashboards.map((file) => ({ file, dashboard: read(file) }));
  const known: Known = new Map([...shipped(), ...boards.map(({ dashboard }) => dashboard)].map((each) => [each.uid, each]));
  mkdirSync(args.out, { recursive: true });
  const prometheus = new Prometheus(args.prometheus);
  const painter = await Painter.start({ executable: args.chromium, build, packages: join(home, 'node_modules') });
  const now = Date.now();
  const reports: Report[] = [];
  const wrong: string[] = [];
  try {
    for (const { file, dashboard } of boards) {
      let sheet;
      try {
        sheet = await collect(dashboard, prometheus, { ...args, now });
      } catch (error) {
        wrong.push(`${dashboard.uid}: ${(error as Error).message}`);
        continue;
      }
      const pages: Record<string, DrawnPage> = {};
      const pictures: Record<string, string> = {};
      for (const mode of args.themes) {
        pictures[mode] = join(args.out, `${basename(file, '.json')}-${mode}.png`);
        const { page, complaints } = await painter.picture(sheet, mode, pictures[mode]);
        pages[mode] = page;
        wrong.push(...complaints.map((complaint) => `${dashboard.uid} (${mode}): ${complaint}`));
      }
      const told = { ...report(file, sheet, pages, known, { empty: args.allowEmpty }), screenshots: pictures };
      reports.push(told);
      wrong.push(...failures(told));
      console.log(summary(told));
    }
  } finally {
    await painter.close();
  }
  writeFileSync(join(args.out, 'report.json'), `${JSON.stringify({ prometheus: args.prometheus, dashboards: reports, failures: wrong }, null, 2)}\n`);
  for (const line of wrong) {
    console.error(line);
  }
  return wrong.length === 0 ? 0 : 1;
}

function summary({ file, panels, screenshots }: Report): string {
  const full = panels.filter(({ hasData }) => hasData).length;
  const byHand = panels.filter(({ drawn }) => drawn === 'approximated').length;
  return `${basename(file)}: ${full} of ${panels.length} panels have data, ${byHand} are approximated; ${Object.values(screenshots).join(', ')}`;
}

/** @throws with the file's name. */
function read(file: string): Dashboard {
  try {
    return readDashboard(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`);
  }
}

const shippedFiles = () =>
  readdirSync(join(root, 'dashboards'))
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => join(root, 'dashboards', name));
const shipped = () => shippedFiles().map(read);

async function main(): Promise<number> {
  const given = process.argv.slice(2);
  if (given.includes('--help')) {
    console.log(USAGE);
    return 0;
  }
  let args;
  try {
    args = readArguments(given, { out: join(root, 'target', 'panels'), dashboards: shippedFiles() });
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    return 64;
  }
  try {
    return await run(args);
  } catch (error) {
    console.error((error as Error).message);
    return 2;
  }
}

void main().then((code) => {
  process.exitCode = code;
});
