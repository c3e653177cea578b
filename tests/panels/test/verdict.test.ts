// What makes a drawn dashboard fail, and what does not.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Sheet } from '../model/answers';
import { readDashboard } from '../model/dashboard';
import type { DrawnPage, DrawnPanel } from '../model/drawn';
import { lone } from '../model/interpolate';
import { failures, type Known, report } from '../model/verdict';

const file = { uid: 'one', title: 'First', panels: [{ id: 1, type: 'stat', title: 'Share', targets: [{ refId: 'A', expr: 'up' }] }], templating: { list: [{ name: 'job', type: 'custom' }] } };
const dashboard = readDashboard(JSON.stringify(file));
const known: Known = new Map([[dashboard.uid, dashboard]]);

const sheet = (more: Partial<Sheet> = {}): Sheet => ({
  dashboard,
  span: { from: 0, to: 1, raw: { from: 'now-1h', to: 'now' } },
  values: { job: lone('a') },
  answers: { 1: [{ refId: 'A', expr: 'up', format: 'time_series', result: { resultType: 'vector', result: [{ metric: {}, value: [1, '1'] }] } }] },
  spans: {},
  marks: [],
  ...more,
});
const page = (more: Partial<DrawnPanel>, head: Partial<DrawnPage> = {}): DrawnPage => ({
  panels: [{ id: 1, original: true, frames: 1, rows: 1, hasData: true, text: '5 %', links: [], problems: [], ...more }],
  links: [],
  text: 'First',
  height: 1,
  ...head,
});
const judge = (pages: DrawnPage[], allowed: string[] = [], marks: Sheet['marks'] = []) =>
  failures(report('boards/first.json', sheet({ marks }), Object.fromEntries(pages.map((each, at) => [at, each])), known, { empty: allowed }));

const rows: [string, DrawnPage, string[]][] = [
  ['a panel that shows something', page({}), []],
  ['no data', page({ hasData: false, text: 'No data' }), ['one/Share: no data']],
  ['a part without data', page({ text: '5\nNo data' }), ['one/Share: it shows "No data"']],
  ['data that is not seen', page({ text: ' ' }), ['one/Share: it has data and shows nothing']],
  ['NaN', page({ text: 'NaN %' }), ['one/Share: it shows "NaN %"']],
  ['undefined', page({ text: 'of undefined' }), ['one/Share: it shows "of undefined"']],
  ['an object', page({ text: '[object Object]' }), ['one/Share: it shows "[object Object]"']],
  ['a variable', page({ text: 'of ${job}' }), ['one/Share: it shows "of ${job}"']],
  ['words that only look like it', page({ text: 'NaNny, undefinedness, $5' }), []],
  ['a problem', page({ problems: ['query A: refused'] }), ['one/Share: query A: refused']],
  ['a link to a dashboard that there is', page({ links: ['/d/one?var-job=a&from=now-1h', '/d/one/first?var-job=%24__all'] }), []],
  ['a link to none', page({ links: ['/d/two?var-job=a'] }), ['one/Share: a link leads to no dashboard: /d/two?var-job=a']],
  ['a link with a variable that it lacks', page({ links: ['/d/one?var-jobs=a'] }), ['one/Share: a link sets jobs, which one does not have: /d/one?var-jobs=a']],
  ['a link with a variable inside', page({ links: ['/d/one?var-job=${jobs}'] }), ['one/Share: a link holds ${jobs: /d/one?var-job=${jobs}']],
  ['a link elsewhere', page({ links: ['https://example.com/$1'] }), []],
  ['a link in the head', page({}, { links: ['/d/nobody'] }), ['one: a link leads to no dashboard: /d/nobody']],
  ['a head that is not written out', page({}, { text: 'of $__range' }), ['one: it shows "of $__range"']],
];
for (const [name, drawn, expected] of rows) {
  test(name, () => assert.deepEqual(judge([drawn]), expected));
}

test('both themes are read, what they share is said once', () => {
  assert.deepEqual(judge([page({ text: 'NaN' }), page({ text: 'NaN', problems: ['in light'] })]), ['one/Share: in light', 'one/Share: it shows "NaN"']);
});

for (const entry of ['one/Share', 'First/Share', 'first/Share', 'first.json/Share']) {
  test(`may be empty: ${entry}`, () => assert.deepEqual(judge([page({ hasData: false, text: 'No data' })], [entry]), []));
}
test('only what is named may be empty', () => {
  assert.deepEqual(judge([page({ hasData: false, text: 'No data' })], ['one/Shares', 'two/Share']), ['one/Share: no data']);
});
test('what may be empty may not be broken', () => {
  assert.deepEqual(judge([page({ text: 'NaN' })], ['one/Share']), ['one/Share: it shows "NaN"']);
});
test('an annotation that fails', () => {
  assert.deepEqual(judge([page({})], [], [{ name: 'Renewed', color: 'blue', events: [], error: 'refused' }]), ['one: annotation Renewed: refused']);
});

test('the report says what was asked and shown', () => {
  const { panels, variables } = report('f.json', sheet(), { dark: page({ original: false }) }, known, { empty: [] });
  assert.deepEqual(variables, { job: 'a' });
  assert.deepEqual(panels, [
    { id: 1, title: 'Share', type: 'stat', drawn: 'approximated', hasData: true, frames: 1, rows: 1, queries: [{ refId: 'A', expr: 'up', series: 1 }], text: '5 %', links: [], problems: [] },
  ]);
});
