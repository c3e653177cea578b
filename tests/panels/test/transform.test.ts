// Transformations that the dashboards use, on Grafana's own transformers.

import { answer, frameOf, vector, written } from './support';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DataFrame } from '@grafana/data';
import type { Transformation } from '../model/dashboard';
import { frames } from '../model/frames';
import { transform } from '../model/transform';

const table = () => [frameOf({ Time: [1, 1], name: ['a', 'b'], Value: [2, 1] })];
const series = () => frames([answer({ result: vector([{ job: 'x', dc: 'n' }, '1'], [{ job: 'y', dc: 's' }, '2']) })]);
const pair = () => frames(['A', 'B'].map((refId) => answer({ refId, format: 'table', result: vector([{ job: 'x' }, refId === 'A' ? '1' : '2'], [{ job: 'y' }, '3']) })));

const rows: [string, () => DataFrame[], Transformation[], string[]][] = [
  ['organize renames, orders and hides', table, [{ id: 'organize', options: { excludeByName: { Time: true }, indexByName: { Value: 0, name: 1 }, renameByName: { Value: 'Left' } } }], ['Left | name', '2 | a', '1 | b']],
  ['filterFieldsByName', table, [{ id: 'filterFieldsByName', options: { include: { names: ['name'] } } }], ['name', 'a', 'b']],
  ['sortBy', table, [{ id: 'sortBy', options: { sort: [{ field: 'Value' }] } }, { id: 'filterFieldsByName', options: { include: { names: ['name'] } } }], ['name', 'b', 'a']],
  ['limit', table, [{ id: 'limit', options: { limitField: 1 } }], ['Time | name | Value', '1 | a | 2']],
  ['merge puts queries side by side', pair, [{ id: 'merge' }, { id: 'organize', options: { excludeByName: { Time: true }, indexByName: {}, renameByName: {} } }], ['job | Value #A | Value #B', 'x | 1 | 2', 'y | 3 | 3']],
  ['joinByField', pair, [{ id: 'joinByField', options: { byField: 'job', mode: 'outer' } }, { id: 'filterFieldsByName', options: { include: { pattern: '/job|Value/' } } }], ['job | Value #A | Value #B', 'x | 1 | 2', 'y | 3 | 3']],
  ['labelsToFields, merged', series, [{ id: 'labelsToFields', options: { mode: 'columns' } }, { id: 'merge' }, { id: 'organize', options: { excludeByName: { Time: true }, indexByName: { dc: 1, job: 2, Value: 3 }, renameByName: {} } }], ['dc | job | Value', 'n | x | 1', 's | y | 2']],
  ['reduce', series, [{ id: 'reduce', options: { reducers: ['max'] } }], ['Field | Max', '{dc="n", job="x"} | 1', '{dc="s", job="y"} | 2']],
  ['calculateField', table, [{ id: 'calculateField', options: { mode: 'binary', alias: 'Twice', binary: { left: 'Value', operator: '*', right: '2' }, replaceFields: true } }], ['Time | Twice', '1 | 4', '1 | 2']],
  ['renameByRegex', table, [{ id: 'renameByRegex', options: { regex: '^Val(.*)$', renamePattern: '$1' } }], ['Time | name | ue', '1 | a | 2', '1 | b | 1']],
  ['groupBy', table, [{ id: 'groupBy', options: { fields: { Time: { operation: 'groupby', aggregations: [] }, Value: { operation: 'aggregate', aggregations: ['sum'] } } } }], ['Time | Value (sum)', '1 | 3']],
  ['one that is off is passed over', table, [{ id: 'limit', options: { limitField: 1 }, disabled: true }], written(table())],
  ['variables are written out', table, [{ id: 'filterFieldsByName', options: { include: { names: ['$column'] } } }], ['name', 'a', 'b']],
];
for (const [name, data, transformations, expected] of rows) {
  test(name, async () => {
    assert.deepEqual(written(await transform(data(), transformations, (text) => text.replace('$column', 'name'))), expected);
  });
}

test('one that no package has is an error, unless it is off', async () => {
  await assert.rejects(transform(table(), [{ id: 'timeSeriesTable', options: {} }], String), /"timeSeriesTable" is not among/);
  assert.deepEqual(written(await transform(table(), [{ id: 'timeSeriesTable', disabled: true }], String)), written(table()));
});
