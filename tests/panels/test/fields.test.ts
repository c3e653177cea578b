// Field configuration: units, colours, mappings, overrides, links, and the variables inside them.

import { frameOf, panelOf, theme } from './support';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DataFrame, formattedValueToString, getFieldDisplayName } from '@grafana/data';
import { completed, configured, idleOverrides } from '../model/fields';
import { lone, type Values } from '../model/interpolate';
import { replacer } from '../model/replace';

const values: Values = {
  job: { value: '.+', text: 'All', all: true, verbatim: true, several: true },
  owner: lone('pay & ship'),
  __url_time_range: lone('from=now-6h&to=now'),
};
const replace = replacer(values, theme);
const data = () => [frameOf({ Time: [1000, 2000], name: ['a b', 'c'], Value: [90, 0.5] }, { ca: 'Root X' })];
const shownBy = (fieldConfig: object, type = 'table') => configured(data(), panelOf({ type, fieldConfig }), theme, replace);
const value = (frames: DataFrame[]) => frames[0].fields[2];
const override = (options: string, ...properties: object[]) => ({ defaults: {}, overrides: [{ matcher: { id: 'byName', options }, properties }] });
const step = (color: string, from: number | null) => ({ color, value: from });

const texts: [string, object, string[]][] = [
  ['plain', { defaults: {}, overrides: [] }, ['90', '0.500']],
  ['a unit', { defaults: { unit: 's' }, overrides: [] }, ['1.50 mins', '500 ms']],
  ['decimals', { defaults: { unit: 's', decimals: 0 }, overrides: [] }, ['2 mins', '500 ms']],
  ['a unit by override', override('Value', { id: 'unit', value: 'percent' }), ['90%', '0.500%']],
  ['an override of another field', override('name', { id: 'unit', value: 'percent' }), ['90', '0.500']],
  ['a mapping', { defaults: { mappings: [{ type: 'value', options: { '90': { text: 'ninety' } } }] }, overrides: [] }, ['ninety', '0.500']],
  ['a range of a mapping', { defaults: { mappings: [{ type: 'range', options: { from: null, to: 1, result: { text: 'few' } } }] }, overrides: [] }, ['90', 'few']],
];
for (const [name, fieldConfig, expected] of texts) {
  test(`text: ${name}`, () => {
    const field = value(shownBy(fieldConfig));
    assert.deepEqual(field.values.map((each) => formattedValueToString(field.display!(each))), expected);
  });
}

const named = (color: string) => theme.visualization.getColorByName(color);
const colours: [string, object, string, string[]][] = [
  ['by thresholds of its own', { defaults: { thresholds: { mode: 'absolute', steps: [step('blue', null), step('orange', 1)] } }, overrides: [] }, 'stat', ['orange', 'blue']],
  ['by the usual thresholds', { defaults: {}, overrides: [] }, 'stat', ['red', 'green']],
  ['by a mapping', { defaults: { mappings: [{ type: 'value', options: { '90': { color: 'purple' } } }] }, overrides: [] }, 'stat', ['purple', 'green']],
  ['fixed, by override', override('Value', { id: 'color', value: { mode: 'fixed', fixedColor: 'yellow' } }), 'stat', ['yellow', 'yellow']],
];
for (const [name, fieldConfig, type, expected] of colours) {
  test(`colour: ${name}`, () => {
    const field = value(shownBy(fieldConfig, type));
    assert.deepEqual(field.values.map((each) => field.display!(each).color), expected.map(named));
  });
}

test('lines take their colours from the palette', () => {
  assert.deepEqual(completed(panelOf({ type: 'timeseries' })).defaults.color, { mode: 'palette-classic' });
});

test('what the panel sets stands over what its kind assumes', () => {
  const { custom } = completed(panelOf({ type: 'timeseries', fieldConfig: { defaults: { custom: { lineWidth: 3 } }, overrides: [] } })).defaults;
  assert.equal(custom?.lineWidth, 3);
  assert.equal(custom?.drawStyle, 'line');
});

test('custom settings reach the field, overrides over defaults', () => {
  const fieldConfig = {
    defaults: { custom: { align: 'left' } },
    overrides: [{ matcher: { id: 'byName', options: 'Value' }, properties: [{ id: 'custom.width', value: 99 }, { id: 'custom.cellOptions', value: { type: 'color-text' } }] }],
  };
  const { custom } = value(shownBy(fieldConfig)).config;
  assert.deepEqual([custom.align, custom.width, custom.cellOptions], ['left', 99, { type: 'color-text' }]);
});

test('a name may hold labels', () => {
  const shown = shownBy(override('Value', { id: 'displayName', value: '${__field.labels.ca} of $owner' }));
  assert.equal(getFieldDisplayName(value(shown), shown[0], shown), 'Root X of pay & ship');
});

const links: [string, string, string][] = [
  ['a column of the row', '/d/x?var-place=${__data.fields.name:percentencode}', '/d/x?var-place=a%20b'],
  ['a column by its place', '/d/x?a=${__data.fields[1]}', '/d/x?a=a%20b'],
  ['a column in brackets', '/d/x?a=${__data.fields["name"]}', '/d/x?a=a%20b'],
  ['the value as shown', '/d/x?a=${__value.text}', '/d/x?a=90'],
  ['the value as it is', '/d/x?a=${__value.raw}', '/d/x?a=90'],
  ['the time of the row', '/d/x?from=${__value.time}', '/d/x?from=1000'],
  ['a label', '/d/x?a=${__field.labels.ca}', '/d/x?a=Root%20X'],
  ['the name of the field', '/d/x?a=${__field.name}', '/d/x?a=Value'],
  ['variables and time', '/d/x?${job:queryparam}&${__url_time_range}', '/d/x?var-job=%24__all&from=now-6h&to=now'],
  ['every variable', '/d/x?${__all_variables}', '/d/x?var-job=%24__all&var-owner=pay%20%26%20ship'],
  ['a variable for an address', '/d/x?a=${owner:percentencode}', '/d/x?a=pay%20%26%20ship'],
  ['what is unknown stays to be seen', '/d/x?a=${nobody}&b=${__data.fields.nobody}', '/d/x?a=${nobody}&b=${__data.fields.nobody}'],
];
for (const [name, url, expected] of links) {
  test(`link: ${name}`, () => {
    const shown = shownBy({ defaults: {}, overrides: [] });
    const __dataContext = { value: { data: shown, frame: shown[0], frameIndex: 0, field: value(shown), rowIndex: 0 } };
    assert.equal(replace(url, { __dataContext }, 'uriencode'), expected);
  });
}

test('links of a field, as its cells ask for them', () => {
  const field = value(shownBy(override('Value', { id: 'links', value: [{ title: 'To ${__field.name}', url: '/d/x?a=${__data.fields.name}' }] })));
  // Grafana cleans addresses, and writes what needs no encoding plainly.
  assert.deepEqual(field.getLinks!({ valueRowIndex: 1 }).map(({ href, title }) => [href, title]), [['/d/x?a=c', 'To Value']]);
});

test('a property or a matcher that does not exist is an error', () => {
  assert.throws(() => shownBy(override('Value', { id: 'units', value: 's' })), /no property "units"/);
  assert.throws(() => shownBy({ defaults: {}, overrides: [{ matcher: { id: 'byNam', options: 'x' }, properties: [] }] }), /no matcher "byNam"/);
});

test('an override that fits no field is named', () => {
  const panel = panelOf({ fieldConfig: { defaults: {}, overrides: [override('Value').overrides[0], override('Valeu').overrides[0]] } });
  assert.deepEqual(idleOverrides(data(), panel), ['byName "Valeu"']);
});
