// The type check of dashboards: what is written as the schema wants it passes, and each slip is named with its line.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { check, type Mistake } from '../schema/typecheck';

const datasource = { type: 'prometheus', uid: '${datasource}' };

/** A dashboard of one panel, with each part where a slip may be. */
function dashboard() {
  return {
    id: null,
    uid: 'one',
    title: 'One',
    schemaVersion: 41,
    templating: { list: [{ name: 'job', type: 'query', datasource, query: 'label_values(up, job)', refresh: 2, multi: true, current: {} }] },
    annotations: { list: [{ name: 'Renewed', enable: true, iconColor: 'blue', datasource, expr: 'up', titleFormat: '{{job}}' }] },
    panels: [
      { id: 1, type: 'row', title: 'Row', collapsed: false, gridPos: { h: 1, w: 24, x: 0, y: 0 }, panels: [] },
      {
        id: 2,
        type: 'timeseries',
        title: 'Lines',
        datasource,
        gridPos: { h: 8, w: 12, x: 0, y: 1 },
        targets: [{ refId: 'A', datasource, expr: 'up', legendFormat: '{{job}}' }],
        options: { legend: { displayMode: 'table', placement: 'bottom', showLegend: true, calcs: ['lastNotNull'] } },
        fieldConfig: {
          defaults: {
            unit: 's',
            color: { mode: 'thresholds' },
            mappings: [{ type: 'value', options: { '1': { text: 'up', color: 'green' } } }],
            thresholds: { mode: 'absolute', steps: [{ color: 'green', value: null }] },
            custom: { lineWidth: 2, drawStyle: 'line', thresholdsStyle: { mode: 'line' } },
          },
          overrides: [{ matcher: { id: 'byName', options: 'a' }, properties: [{ id: 'custom.fillOpacity', value: 10 }] }],
        },
      },
    ],
  };
}

type Shape = ReturnType<typeof dashboard>;
interface Row {
  name: string;
  /** What to misspell, as text. */
  from: string;
  to: string;
  /** Words that the compiler's sentence holds. */
  says: RegExp;
}

const rows: Row[] = [
  { name: 'a key of the dashboard', from: '"schemaVersion"', to: '"schemaVersoin"', says: /schemaVersoin/ },
  { name: 'a key of a panel', from: '"title": "Lines"', to: '"titel": "Lines"', says: /titel/ },
  { name: 'a kind of panel', from: '"timeseries"', to: '"graph"', says: /graph/ },
  { name: 'an option of the kind', from: '"legend":', to: '"legends":', says: /legends/ },
  { name: 'a key in an option', from: '"showLegend"', to: '"showLegends"', says: /showLegends/ },
  { name: 'a word of a closed list', from: '"displayMode": "table"', to: '"displayMode": "tables"', says: /tables/ },
  { name: 'a custom setting', from: '"lineWidth"', to: '"lineWidht"', says: /lineWidht/ },
  { name: 'the type of a custom setting', from: '"lineWidth": 2', to: '"lineWidth": "2"', says: /'string' is not assignable to type 'number'/ },
  { name: 'the property of an override', from: '"custom.fillOpacity"', to: '"custom.fillOpacty"', says: /custom\.fillOpacty/ },
  { name: 'a key of a query', from: '"legendFormat"', to: '"legend"', says: /legend/ },
  { name: 'the mode of colours', from: '"mode": "thresholds"', to: '"mode": "treshold"', says: /treshold/ },
  { name: 'a mapping', from: '"type": "value"', to: '"type": "values"', says: /values/ },
  { name: 'a key of a variable', from: '"refresh"', to: '"refreshes"', says: /refreshes/ },
  { name: 'a key of an annotation', from: '"titleFormat"', to: '"titleformat"', says: /titleformat/ },
  { name: 'a key of a row', from: '"collapsed"', to: '"colapsed"', says: /colapsed/ },
];

const text = (of: Shape) => JSON.stringify(of, null, 2);
const work = mkdtempSync(join(process.env.PANELS_BUILD ?? tmpdir(), 'types-'));
let mistakes: Mistake[] = [];

// One run of the compiler for all rows.
before(() => {
  const right = { name: 'right', json: text(dashboard()) };
  const wrong = rows.map(({ name, from, to }) => {
    assert.ok(right.json.includes(from), `${from} is not in the dashboard`);
    return { name, json: right.json.replace(from, to) };
  });
  mistakes = check([right, ...wrong], { home: process.env.PANELS_HOME ?? '.', work });
});
after(() => rmSync(work, { recursive: true, force: true }));

test('a dashboard that follows the schema has no mistake', () => {
  assert.deepEqual(mistakes.filter(({ name }) => name === 'right'), []);
});

for (const { name, to, says } of rows) {
  test(`found: ${name}`, () => {
    const found = mistakes.filter((mistake) => mistake.name === name);
    assert.notDeepEqual(found, []);
    assert.match(found.map((mistake) => mistake.text).join('\n'), says, to);
  });
}

test('a mistake has the line of the file', () => {
  const bent = text(dashboard()).replace('"lineWidth"', '"lineWidht"');
  const line = bent.split('\n').findIndex((each) => each.includes('lineWidht')) + 1;
  assert.equal(mistakes.find(({ name }) => name === 'a custom setting')?.line, line);
});
