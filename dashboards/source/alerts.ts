//! The names of the alerts that alerts/ defines, read from there: the panels on alerts know no others.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(__dirname, '..', '..', 'alerts');

/** Each name once, sorted. */
export const ALERTS: string[] = [
  ...new Set(
    readdirSync(FOLDER)
      .filter((name) => name.endsWith('.yml') && name !== 'seed.yml')
      .flatMap((name) => [...readFileSync(join(FOLDER, name), 'utf8').matchAll(/^\s+- alert: (\w+)$/gm)].map(([, alert]) => alert as string)),
  ),
].sort();
