// Reading a dashboard: where panels stand, what is opened, what is refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDashboard } from '../model/dashboard';
import { box, heightOf, thinned } from '../model/layout';

const at = (x: number, y: number, w: number, h: number) => ({ x, y, w, h });
const panel = (title: string, gridPos: object, more: object = {}) => ({ id: title.length, type: 'stat', title, gridPos, ...more });
const row = (title: string, y: number, panels: object[] = []) => ({ id: 90 + y, type: 'row', title, collapsed: panels.length > 0, gridPos: at(0, y, 24, 1), panels });
const read = (panels: object[], more: object = {}) => readDashboard(JSON.stringify({ uid: 'u', title: 'T', panels, ...more }));
const places = (panels: object[]) => read(panels).panels.map(({ title, at: place }) => `${title} ${place.x},${place.y}`);

test('panels stand where the file says', () => {
  assert.deepEqual(places([row('r', 0), panel('a', at(0, 1, 12, 4)), panel('b', at(12, 1, 12, 4))]), ['a 0,1', 'b 12,1']);
});

test('a collapsed row is opened, and moves what follows it', () => {
  const inside = [panel('in', at(0, 40, 6, 3)), panel('in two', at(6, 43, 6, 5))];
  assert.deepEqual(places([row('r', 4, inside), panel('below', at(0, 5, 24, 2)), panel('above', at(0, 0, 24, 4))]), [
    'above 0,0',
    'in 0,5',
    'in two 6,8',
    'below 0,13',
  ]);
});

test('two collapsed rows move by both', () => {
  const rows = [row('one', 0, [panel('a', at(0, 1, 6, 3))]), row('two', 1, [panel('b', at(0, 2, 6, 3))]), row('three', 2)];
  assert.deepEqual(read(rows).rows.map(({ title, at: { y } }) => `${title} ${y}`), ['one 0', 'two 4', 'three 8']);
});

test('the first threshold has no lower end, in overrides too', () => {
  const steps = () => ({ mode: 'absolute', steps: [{ color: 'green', value: null }, { color: 'red', value: 1 }] });
  const [{ fieldConfig }] = read([
    panel('a', at(0, 0, 1, 1), {
      fieldConfig: { defaults: { thresholds: steps() }, overrides: [{ matcher: { id: 'byName' }, properties: [{ id: 'thresholds', value: steps() }] }] },
    }),
  ]).panels;
  const first = (thresholds: unknown) => (thresholds as ReturnType<typeof steps>).steps.map(({ value }) => value);
  assert.deepEqual(first(fieldConfig.defaults.thresholds), [-Infinity, 1]);
  assert.deepEqual(first(fieldConfig.overrides[0].properties[0].value), [-Infinity, 1]);
});

for (const key of ['repeat', 'libraryPanel', 'timeShift']) {
  test(`a panel with "${key}" is refused, not drawn without it`, () => {
    assert.deepEqual(read([panel('a', at(0, 0, 1, 1), { [key]: 'x' })]).panels[0].refused, [`"${key}" is not drawn`]);
  });
}

test("Grafana's own annotations and those that are off are left out", () => {
  const list = [{ name: 'own', builtIn: 1, enable: true }, { name: 'off', enable: false }, { name: 'ours', enable: true, expr: 'up' }, { name: 'new', enable: true, target: { expr: 'down' } }];
  assert.deepEqual(read([], { annotations: { list } }).annotations.map(({ name, expr }) => `${name} ${expr}`), ['ours up', 'new down']);
});

const refusals = {
  'no uid': [{ title: 'T', panels: [] }, /no uid/],
  'an empty title': [{ uid: 'u', title: '', panels: [] }, /no title/],
  'the new schema': [{ uid: 'u', title: 'T', elements: {} }, /classic schema/],
} as const;
for (const [name, [file, says]] of Object.entries(refusals)) {
  test(`refused: ${name}`, () => assert.throws(() => readDashboard(JSON.stringify(file)), says));
}

test('the grid has 24 columns of one width, with gaps', () => {
  const whole = box(at(0, 0, 24, 1));
  assert.deepEqual([whole.left, Math.round(whole.left + whole.width), whole.height], [16, 1584, 30]);
  const [left, right] = [box(at(0, 0, 12, 2)), box(at(12, 0, 12, 2))];
  assert.equal(Math.round(right.left - left.left - left.width), 8);
  assert.equal(left.height, 68);
  assert.equal(heightOf([at(0, 0, 1, 1), at(0, 4, 1, 2)]), 4 * 38 + 68 + 8);
});

const axes: [string, number, string[]][] = [
  ['without an end', Infinity, ['a', 'b', 'c', 'd']],
  ['for all', 48, ['a', 'b', 'c', 'd']],
  ['for half', 24, ['a', '', 'c', '']],
  ['for one', 12, ['a', '', '', '']],
];
for (const [name, room, expected] of axes) {
  test(`names of an axis have room ${name}`, () => assert.deepEqual(thinned(['a', 'b', 'c', 'd'], room), expected));
}
