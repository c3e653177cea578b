// Checks the text of dashboards against types.ts, with the compiler. Touches one folder that it is given, and starts tsc.

import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** The folder of package.json. */
export interface Tools {
  home: string;
  /** Emptied at the start of a check. */
  work: string;
}

export interface Source {
  name: string;
  json: string;
}

/** One place where a dashboard differs from the schema; lines are those of the JSON. */
export interface Mistake {
  name: string;
  line: number;
  column: number;
  text: string;
}

/**
 * Every mistake in the dashboards.
 *
 * Each text becomes a module that starts on the JSON's own first line, so that the compiler's lines are the file's.
 *
 * @throws when the compiler cannot run or speaks of anything but the dashboards.
 */
export function check(sources: Source[], tools: Tools): Mistake[] {
  rmSync(tools.work, { recursive: true, force: true });
  mkdirSync(tools.work, { recursive: true });
  const types = relative(tools.work, join(tools.home, 'schema', 'types'));
  const before = `import type { File } from '${types}'; export default `;
  const names = sources.map((source, at) => {
    JSON.parse(source.json);
    writeFileSync(join(tools.work, `d${at}.ts`), `${before}${source.json.trimEnd()} satisfies File;\n`);
    return `d${at}.ts`;
  });
  writeFileSync(
    join(tools.work, 'tsconfig.json'),
    JSON.stringify({ extends: relative(tools.work, join(tools.home, 'tsconfig.json')), compilerOptions: { types: [] }, include: [], files: names })
  );
  return readMistakes(compile(tools), sources, before.length);
}

function compile(tools: Tools): string {
  const tsc = join(tools.home, 'node_modules', '.bin', 'tsc');
  const ran = spawnSync(tsc, ['--project', tools.work, '--pretty', 'false'], { cwd: tools.work, encoding: 'utf8', timeout: 120_000 });
  if (ran.error || ran.signal) {
    throw new Error(`tsc did not run: ${ran.error?.message ?? ran.signal}`);
  }
  if (ran.stderr.trim() !== '') {
    throw new Error(`tsc: ${ran.stderr.trim()}`);
  }
  return ran.stdout;
}

function readMistakes(output: string, sources: Source[], shift: number): Mistake[] {
  const mistakes: Mistake[] = [];
  for (const line of output.split('\n')) {
    const place = /^d(\d+)\.ts\((\d+),(\d+)\): error (.*)$/.exec(line);
    if (place) {
      const at = Number(place[2]);
      const column = Number(place[3]) - (at === 1 ? shift : 0);
      mistakes.push({ name: sources[Number(place[1])].name, line: at, column, text: place[4] });
    } else if (/error/.test(line)) {
      throw new Error(`tsc: ${line}`);
    } else if (line.startsWith('  ') && mistakes.length > 0) {
      mistakes[mistakes.length - 1].text += ` ${line.trim()}`;
    }
  }
  return mistakes;
}
