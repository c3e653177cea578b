// What the drawing tests draw: every kind of panel, and panels that are wrong.

import { answer, matrix, vector } from './support';
import type { Answer, Marks, Sheet } from '../model/answers';
import { readDashboard } from '../model/dashboard';
import { lone } from '../model/interpolate';

export const STEP = 60_000;
const UNTIL = 1_700_000_040_000;
export const FROM = UNTIL - 60 * STEP;
const moments = Array.from({ length: 61 }, (_, at) => FROM / 1000 + at * 60);
const wave = (height: number): [number, string][] => moments.map((at, index) => [at, String(height * (2 + Math.sin(index / 5)))]);

const lines = [answer({ legend: '{{job}}', step: STEP, result: matrix([{ job: 'one' }, wave(1)], [{ job: 'two' }, wave(2)]) })];
const now = [answer({ legend: '{{job}}', result: vector([{ job: 'one' }, '30'], [{ job: 'two' }, '70']) })];
const rows = [answer({ format: 'table', result: vector([{ job: 'one' }, '30'], [{ job: 'two' }, '70']) })];
const buckets = [answer({ format: 'heatmap', step: STEP, result: matrix([{ le: '1' }, wave(1)], [{ le: '+Inf' }, wave(3)]) })];
const states = [answer({ legend: '{{job}}', step: STEP, result: matrix([{ job: 'one' }, moments.map((at, index) => [at, index < 30 ? '1' : '0'])]) })];

export interface Case {
  type: string;
  answers: Answer[];
  options?: object;
  defaults?: object;
  overrides?: object[];
  original: boolean;
  /** In the panel's text. */
  says?: RegExp;
}

const colourful = { color: { mode: 'fixed', fixedColor: 'purple' } };
const redText = [{ matcher: { id: 'byName', options: 'Value' }, properties: [{ id: 'custom.cellOptions', value: { type: 'color-background' } }] }];
export const cases: Record<string, Case> = {
  stat: { type: 'stat', answers: now, original: true, says: /one\s+30[\s\S]*two\s+70/ },
  'stat with its graph': { type: 'stat', answers: lines, options: { graphMode: 'area', colorMode: 'background' }, original: true, says: /one/ },
  gauge: { type: 'gauge', answers: now, defaults: { min: 0, max: 100, unit: 'percent' }, original: false, says: /30%/ },
  bargauge: { type: 'bargauge', answers: now, options: { orientation: 'horizontal' }, original: true, says: /one\s+30/ },
  'lines over time': { type: 'timeseries', answers: lines, defaults: colourful, original: true, says: /one\s+two/ },
  'bars over time': { type: 'timeseries', answers: lines, defaults: { ...colourful, custom: { drawStyle: 'bars', fillOpacity: 80 } }, original: true },
  'a legend of numbers': { type: 'timeseries', answers: lines, options: { legend: { displayMode: 'table', calcs: ['max'] } }, original: true, says: /Max\s+one\s+3\.00\s+two\s+6\.00/ },
  table: { type: 'table', answers: rows, overrides: redText, original: true, says: /Time\s+job\s+Value\s[\s\S]*one\s+30\s[\s\S]*two\s+70/ },
  'state timeline': {
    type: 'state-timeline',
    answers: states,
    defaults: { mappings: [{ type: 'value', options: { '0': { text: 'down', color: 'red' }, '1': { text: 'up', color: 'green' } } }] },
    original: false,
    says: /up\s+down/,
  },
  heatmap: { type: 'heatmap', answers: buckets, options: { color: { scheme: 'Oranges' } }, original: false },
  'heatmap by opacity': { type: 'heatmap', answers: buckets, options: { color: { mode: 'opacity', fill: 'purple' } }, original: false },
  histogram: { type: 'histogram', answers: lines, defaults: colourful, original: false },
  'bar chart': { type: 'barchart', answers: rows, options: { xField: 'job' }, defaults: colourful, original: false },
  'bar chart on its side': { type: 'barchart', answers: rows, options: { xField: 'job', orientation: 'horizontal', stacking: 'percent' }, defaults: colourful, original: false },
};
export const words: Case = { type: 'text', answers: [], options: { content: '## For $job\n[there](/d/u?${job:queryparam}) <script>alert(1)</script>' }, original: true };

export const wrong: Record<string, Case & { problem: RegExp }> = {
  'an unknown kind': { type: 'piechart', answers: now, original: false, problem: /type "piechart" cannot be drawn/ },
  'a failed query': { type: 'stat', answers: [answer({ error: 'parse error' })], original: true, problem: /query A: parse error/ },
  'a heatmap to be calculated': { type: 'heatmap', answers: lines, options: { calculate: true }, original: false, problem: /calculated from lines is not drawn/ },
  'a table that hides frames': { type: 'table', answers: [...rows, answer({ refId: 'B', format: 'table', result: rows[0].result })], original: true, problem: /2 frames and shows one/ },
  'an override of nothing': { type: 'stat', answers: now, overrides: [{ matcher: { id: 'byName', options: 'nobody' }, properties: [] }], original: true, problem: /fits no field: byName "nobody"/ },
};

export const place = (at: number) => ({ x: (at % 3) * 8, y: Math.floor(at / 3) * 8, w: 8, h: 8 });

export function sheetOf(panels: Case[], marks: Marks[]): Sheet {
  const dashboard = readDashboard(
    JSON.stringify({
      uid: 'u',
      title: 'Every kind',
      templating: { list: [{ name: 'job', label: 'Job', type: 'custom' }] },
      panels: panels.map(({ type, options, defaults, overrides }, at) => ({
        id: at + 1,
        type,
        title: `Panel ${at + 1} of $job`,
        gridPos: place(at),
        options,
        fieldConfig: { defaults: defaults ?? {}, overrides: overrides ?? [] },
      })),
    })
  );
  const span = { from: FROM, to: UNTIL, raw: { from: 'now-1h', to: 'now' } };
  const numbered = <T>(make: (panel: Case) => T) => Object.fromEntries(panels.map((panel, at) => [at + 1, make(panel)]));
  return { dashboard, span, values: { job: lone('ours') }, answers: numbered(({ answers }) => answers), spans: numbered(() => span), marks };
}
