// Whether a drawn dashboard is one that its reader can use.
//
// Pure: the answers, what the page said, and what the caller allows to be empty.

import type { Answer, Sheet } from './answers';
import type { Dashboard } from './dashboard';
import type { DrawnPage, DrawnPanel } from './drawn';

export interface PanelReport {
  id: number;
  title: string;
  type: string;
  /** `grafana`: by its own component. `approximated`: by hand, from the same data. */
  drawn: 'grafana' | 'approximated';
  hasData: boolean;
  frames: number;
  rows: number;
  queries: { refId: string; expr: string; series: number; error?: string }[];
  text: string;
  links: string[];
  problems: string[];
}

export interface Report {
  file: string;
  uid: string;
  title: string;
  variables: Record<string, string | string[]>;
  annotations: { name: string; events: number; error?: string }[];
  screenshots: Record<string, string>;
  panels: PanelReport[];
  /** Of the page as a whole. */
  problems: string[];
}

export interface Allowed {
  /** `dashboard/panel title`; the dashboard by uid, title or file name. */
  empty: string[];
}

/** Other dashboards that links may lead to, by uid. */
export type Known = Map<string, Dashboard>;

// What a reader must never see: numbers that are none, and texts that a program wrote for itself.
const BROKEN = /\bNaN\b|\bundefined\b|\[object |\bInfinity\b|Invalid date|\$\{\w|\$__\w/;

// Kinds that say what they show in words, and not on a canvas alone.
const SPOKEN = new Set(['stat', 'bargauge', 'gauge', 'table', 'text']);

export function report(file: string, sheet: Sheet, pages: Record<string, DrawnPage>, known: Known, allowed: Allowed): Report {
  const { dashboard } = sheet;
  const drawn = Object.values(pages);
  return {
    file,
    uid: dashboard.uid,
    title: dashboard.title,
    variables: Object.fromEntries(dashboard.variables.map(({ name }) => [name, sheet.values[name].text])),
    annotations: sheet.marks.map(({ name, events, error }) => ({ name, events: events.length, ...(error && { error }) })),
    screenshots: {},
    panels: dashboard.panels.map(({ id, title, type }) => {
      const [first, ...others] = drawn.map(({ panels }) => panels.find((panel) => panel.id === id) as DrawnPanel);
      const names = [dashboard.uid, dashboard.title, file.replace(/^.*\//, ''), file.replace(/^.*\/|\.json$/g, '')];
      const mayBeEmpty = allowed.empty.some((entry) => names.some((name) => entry === `${name}/${title}`));
      return {
        id,
        title,
        type,
        drawn: first.original ? 'grafana' : 'approximated',
        hasData: first.hasData,
        frames: first.frames,
        rows: first.rows,
        queries: (sheet.answers[id] ?? []).map(asked),
        text: first.text,
        links: first.links,
        problems: once([
          ...[first, ...others].flatMap(({ problems }) => problems),
          ...(first.hasData || mayBeEmpty ? [] : ['no data']),
          ...[first, ...others].flatMap(({ text }) => readable(text, first.hasData)),
          ...(first.hasData && SPOKEN.has(type) && first.text.trim() === '' ? ['it has data and shows nothing'] : []),
          ...first.links.flatMap((link) => leads(link, known)),
        ]),
      };
    }),
    problems: once([
      ...sheet.marks.flatMap(({ name, error }) => (error === undefined ? [] : [`annotation ${name}: ${error}`])),
      ...drawn.flatMap(({ links }) => links).flatMap((link) => leads(link, known)),
      ...drawn.flatMap(({ text }) => readable(text, false)),
    ]),
  };
}

/** Everything that is wrong, a line each. */
export function failures({ uid, panels, problems }: Report): string[] {
  return [
    ...problems.map((problem) => `${uid}: ${problem}`),
    ...panels.flatMap(({ title, id, problems: own }) => own.map((problem) => `${uid}/${title || `panel ${id}`}: ${problem}`)),
  ];
}

const once = (texts: string[]) => [...new Set(texts)];

function asked({ refId, expr, result, error }: Answer): PanelReport['queries'][number] {
  const series = Array.isArray(result?.result) && result.resultType !== 'scalar' && result.resultType !== 'string' ? result.result.length : result ? 1 : 0;
  return { refId, expr, series, ...(error !== undefined && { error }) };
}

function readable(text: string, full: boolean): string[] {
  const found = BROKEN.exec(text);
  const around = (at: number) => text.slice(Math.max(0, at - 20), at + 30).replace(/\s+/g, ' ');
  return [
    ...(found ? [`it shows "${around(found.index)}"`] : []),
    // A part of the panel says so, though the panel as a whole has data.
    ...(full && /\bNo data\b/.test(text) ? ['it shows "No data"'] : []),
  ];
}

/** A link to a dashboard of Grafana must lead to one that exists, with variables that it has. */
function leads(link: string, known: Known): string[] {
  const unwritten = /\$\{?[a-zA-Z_]\w*/.exec(decoded(link));
  if (unwritten && unwritten[0] !== '$__all') {
    return [`a link holds ${unwritten[0]}: ${link}`];
  }
  const inside = /^\/d\/([\w-]+)(?:\/[^?#]*)?(?:\?([^#]*))?/.exec(link);
  if (!inside) {
    return [];
  }
  const target = known.get(inside[1]);
  if (!target) {
    return [`a link leads to no dashboard: ${link}`];
  }
  const names = [...new URLSearchParams(inside[2] ?? '').keys()].filter((name) => name.startsWith('var-')).map((name) => name.slice(4));
  return names
    .filter((name) => !target.variables.some((variable) => variable.name === name))
    .map((name) => `a link sets ${name}, which ${inside[1]} does not have: ${link}`);
}

function decoded(link: string): string {
  try {
    return decodeURIComponent(link);
  } catch {
    return link;
  }
}
