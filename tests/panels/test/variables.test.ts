// What variables may be, in which order, and which value is taken first.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Variable } from '../model/dashboard';
import { choose, options, ownOptions, question, queryText } from '../model/variables';

const variable = (more: Partial<Variable>): Variable => ({ name: 'v', type: 'query', multi: false, includeAll: false, hide: 0, ...more });

const questions: [string, unknown][] = [
  ['label_values(job)', { ask: 'label_values', label: 'job', match: undefined }],
  ['label_values(up, job)', { ask: 'label_values', label: 'job', match: 'up' }],
  [' label_values( up{a="x",b=~"y,z"} , job ) ', { ask: 'label_values', label: 'job', match: 'up{a="x",b=~"y,z"}' }],
  ['label_values({__name__=~"a|b"}, job)', { ask: 'label_values', label: 'job', match: '{__name__=~"a|b"}' }],
  ['label_names()', { ask: 'label_names', match: undefined }],
  ['metrics(x509_.*)', { ask: 'metrics', pattern: 'x509_.*' }],
  ['query_result(topk(5, sum(up)))', { ask: 'query_result', expr: 'topk(5, sum(up))' }],
];
for (const [text, expected] of questions) {
  test(`question: ${text}`, () => assert.deepEqual(question(text), expected));
}
for (const text of ['', 'up', 'label_values()', 'label_values(up, "job")', 'labels(up)']) {
  test(`no question: ${JSON.stringify(text)}`, () => assert.throws(() => question(text), /not a question/));
}

test('a query stands in a string or in an object', () => {
  assert.equal(queryText(variable({ query: 'label_names()' })), 'label_names()');
  assert.equal(queryText(variable({ query: { query: 'label_names()', refId: 'A' } })), 'label_names()');
});

const texts = (found: { text: string; value: string }[]) => found.map(({ text, value }) => (text === value ? text : `${text}=${value}`));
const answered: [string, Partial<Variable>, string[], string[]][] = [
  ['as they come, once each', {}, ['b', 'a', 'b'], ['b', 'a']],
  ['alphabetical', { sort: 1 }, ['b', 'B', 'a'], ['B', 'a', 'b']],
  ['alphabetical, descending', { sort: 2 }, ['b', 'c', 'a'], ['c', 'b', 'a']],
  ['by number', { sort: 3 }, ['a10', 'a9'], ['a9', 'a10']],
  ['by number, descending', { sort: 4 }, ['a9', 'a10'], ['a10', 'a9']],
  ['without case', { sort: 5 }, ['b', 'C', 'a'], ['a', 'b', 'C']],
  ['natural', { sort: 7 }, ['n10', 'n9', 'm'], ['m', 'n9', 'n10']],
  ['a pattern keeps', { regex: '/^a/' }, ['ab', 'b', 'a'], ['a']],
  ['a group is taken', { regex: '/x="(.*?)"/' }, ['up{x="1"} 1', 'up{x="2"} 1', 'up'], ['1', '2']],
  ['groups by name', { regex: '/(?<text>\\w+)-(?<value>\\d+)/' }, ['ab-1', 'cd-2'], ['ab=1', 'cd=2']],
];
for (const [name, more, answer, expected] of answered) {
  test(`options: ${name}`, () => assert.deepEqual(texts(options(answer, variable(more))), expected));
}

const own: [string, Partial<Variable>, string[] | undefined][] = [
  ['the data source', { type: 'datasource' }, ['Prometheus=prometheus']],
  ['a list', { type: 'custom', query: 'a, b , c\\,d' }, ['a', 'b', 'c,d']],
  ['a list with names', { type: 'custom', query: 'a week : 7d,a month : 30d' }, ['a week=7d', 'a month=30d']],
  ['addresses are no pairs', { type: 'custom', query: 'http://a:1,b' }, ['http://a:1', 'b']],
  ['a text', { type: 'textbox', query: 'x', current: { value: 'y' } }, ['y']],
  ['an empty text', { type: 'textbox', query: '' }, ['']],
  ['a constant', { type: 'constant', query: 'x' }, ['x']],
  ['intervals', { type: 'interval', query: '1m,5m' }, ['1m', '5m']],
  ['a query asks', { type: 'query' }, undefined],
];
for (const [name, more, expected] of own) {
  test(`own options: ${name}`, () => {
    const found = ownOptions(variable(more));
    assert.deepEqual(found && texts(found), expected);
  });
}

const two = [{ text: 'A', value: 'a' }, { text: 'B', value: 'b' }];
const choices: [string, Partial<Variable>, string | undefined, object][] = [
  ['the first', {}, undefined, { value: 'a', text: 'A', several: false }],
  ['what is saved', { current: { value: 'b' } }, undefined, { value: 'b' }],
  ['the first when what is saved is gone', { current: { value: 'z' } }, undefined, { value: 'a' }],
  ['a list where several can be chosen', { multi: true, current: { value: ['b'] } }, undefined, { value: ['b'], several: true }],
  ['all, by its pattern', { includeAll: true, allValue: '.+' }, undefined, { value: '.+', text: 'All', all: true, verbatim: true }],
  ['all, each option', { includeAll: true, current: { value: ['$__all'] } }, undefined, { value: ['a', 'b'], all: true, verbatim: false }],
  ['what the caller wants', { includeAll: true }, 'b', { value: 'b', text: 'B', all: false }],
  ['what the caller wants, though it is no option', {}, 'z', { value: 'z', text: 'z' }],
];
for (const [name, more, wanted, expected] of choices) {
  test(`chosen: ${name}`, () => {
    const found = choose(variable(more), two, wanted);
    assert.deepEqual({ ...found, ...expected }, found);
  });
}

test('nothing to choose from is an error', () => assert.throws(() => choose(variable({}), [], undefined), /v has no options/));
