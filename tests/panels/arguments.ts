// The command line of `run`.

import { parseArgs } from 'node:util';
import type { Mode } from './browser';

export const USAGE = `usage: run --prometheus URL [--out DIR] [--dashboards FILE…] [--theme dark|light] [--time FROM..TO]
           [--var NAME=VALUE]… [--allow-empty 'DASHBOARD/PANEL TITLE']… [--scrape-interval 15s] [--chromium PATH]

Asks Prometheus all that the dashboards ask, draws them with Grafana's components, and writes
DIR/<name>-<theme>.png and DIR/report.json. Exits 1 with a list when a panel fails or has no data.

  --dashboards   files; all of dashboards/ by default
  --theme        one theme only; both by default
  --time         instead of each dashboard's own time, such as now-15m..now
  --var          the value of a variable, everywhere (name=value) or in one dashboard (uid/name=value)
  --allow-empty  a panel that may have no data; the dashboard by uid, title or file name
  --scrape-interval  what the data source is told; decides $__rate_interval`;

export interface Arguments {
  prometheus: string;
  out: string;
  dashboards: string[];
  themes: Mode[];
  time?: { from: string; to: string };
  variables: Record<string, string>;
  allowEmpty: string[];
  scrape: string;
  chromium: string;
}

/** @throws with a sentence for the user. */
export function readArguments(given: string[], usual: { out: string; dashboards: string[] }): Arguments {
  const { values, positionals } = parseArgs({
    args: given,
    allowPositionals: true,
    options: {
      prometheus: { type: 'string' },
      out: { type: 'string' },
      // Takes what follows it, so that a shell may expand a pattern.
      dashboards: { type: 'string', multiple: true },
      theme: { type: 'string' },
      time: { type: 'string' },
      var: { type: 'string', multiple: true },
      'allow-empty': { type: 'string', multiple: true },
      'scrape-interval': { type: 'string' },
      chromium: { type: 'string' },
    },
  });
  const dashboards = [...(values.dashboards ?? []), ...positionals];
  if (positionals.length > 0 && !values.dashboards) {
    throw new Error(`"${positionals[0]}" belongs to no flag`);
  }
  if (!values.prometheus || !URL.canParse(values.prometheus)) {
    throw new Error('--prometheus needs the address of a Prometheus, such as http://127.0.0.1:9090');
  }
  const { theme } = values;
  if (theme !== undefined && theme !== 'dark' && theme !== 'light') {
    throw new Error(`--theme is dark or light, not "${theme}"`);
  }
  const scrape = values['scrape-interval'] ?? '15s';
  if (!/^\d+(ms|s|m|h)$/.test(scrape)) {
    throw new Error(`--scrape-interval is a duration such as 15s, not "${scrape}"`);
  }
  return {
    prometheus: values.prometheus,
    out: values.out ?? usual.out,
    dashboards: dashboards.length > 0 ? dashboards : usual.dashboards,
    themes: theme ? [theme] : ['dark', 'light'],
    time: values.time === undefined ? undefined : range(values.time),
    variables: Object.fromEntries((values.var ?? []).map(pair)),
    allowEmpty: (values['allow-empty'] ?? []).map(entry),
    scrape,
    chromium: values.chromium ?? '/usr/bin/chromium',
  };
}

function range(text: string) {
  const parts = text.split('..');
  if (parts.length !== 2 || parts.includes('')) {
    throw new Error(`--time is FROM..TO, such as now-6h..now, not "${text}"`);
  }
  return { from: parts[0], to: parts[1] };
}

function pair(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) {
    throw new Error(`--var is NAME=VALUE, not "${text}"`);
  }
  return [text.slice(0, at), text.slice(at + 1)];
}

function entry(text: string): string {
  if (!text.includes('/')) {
    throw new Error(`--allow-empty is DASHBOARD/PANEL TITLE, not "${text}"`);
  }
  return text;
}
