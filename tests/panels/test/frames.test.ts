// Answers of Prometheus as frames: names, tables, buckets, numbers that JSON cannot hold.

import { answer, matrix, vector, written } from './support';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answer } from '../model/answers';
import { frames, legend, number } from '../model/frames';

const legends: [string, string | undefined, Record<string, string>, string | undefined][] = [
  ['a pattern', '{{ job }} of {{instance}}', { job: 'a', instance: 'b' }, 'a of b'],
  ['a label that is missing is nothing', '{{job}}/{{nobody}}', { job: 'a' }, 'a/'],
  ['plain words', 'errors', { job: 'a' }, 'errors'],
  ['auto leaves it to the labels', '__auto', { job: 'a' }, undefined],
  ['auto without labels is the metric', '__auto', { __name__: 'up' }, 'up'],
  ['auto without anything is the query', '__auto', {}, 'sum(up)'],
  ['verbose', '', { __name__: 'up', b: '2', a: '1' }, 'up{a="1", b="2"}'],
  ['verbose without anything is the query', undefined, {}, 'sum(up)'],
];
for (const [name, format, labels, expected] of legends) {
  test(`legend: ${name}`, () => assert.equal(legend(answer({ legend: format, expr: 'sum(up)' }), labels), expected));
}

const shapes: [string, Partial<Answer>[], string[]][] = [
  [
    'a frame for each series',
    [{ legend: '{{a}}', result: matrix([{ a: 'x' }, [[1, '2'], [3, '4']]], [{ a: 'y' }, [[1, '5']]]), step: 2000 }],
    ['Time | x', '1000 | 2', '3000 | 4', 'Time | y', '1000 | 5'],
  ],
  ['an instant answer has one row for each series', [{ legend: '{{a}}', result: vector([{ a: 'x' }, '1']) }], ['Time | x', '100000 | 1']],
  ['a scalar', [{ legend: 'n', result: { resultType: 'scalar', result: [7, '2.5'] } }], ['Time | n', '7000 | 2.5']],
  [
    'a table has a column for each label',
    [{ format: 'table', result: vector([{ b: '1', a: 'x' }, '2'], [{ c: '3', a: 'y' }, '4']) }],
    ['Time | a | b | c | Value', '100000 | x | 1 |  | 2', '100000 | y |  | 3 | 4'],
  ],
  [
    'values of several tables are told apart',
    [
      { format: 'table', result: vector([{ a: 'x' }, '1']) },
      { refId: 'B', format: 'table', result: vector([{ a: 'x' }, '2']) },
    ],
    ['Time | a | Value #A', '100000 | x | 1', 'Time | a | Value #B', '100000 | x | 2'],
  ],
  ['an empty table is no frame', [{ format: 'table', result: vector() }], []],
  ['a failed query is no frame', [{ error: 'refused' }], []],
  [
    'buckets hold what is in them alone, from the lowest up',
    [{ format: 'heatmap', result: matrix([{ le: '+Inf' }, [[1, '6'], [2, '9']]], [{ le: '0.5' }, [[1, '1'], [2, '2']]], [{ le: '10' }, [[1, '4'], [2, '9']]]) }],
    ['Time | 0.5 | 10 | +Inf', '1000 | 1 | 3 | 2', '2000 | 2 | 7 | 0'],
  ],
];
for (const [name, answers, expected] of shapes) {
  test(name, () => assert.deepEqual(written(frames(answers.map((each) => answer(each)))), expected));
}

test('gaps are seen by the step', () => {
  assert.equal(frames([answer({ step: 2000, result: matrix([{}, [[1, '2']]]) })])[0].fields[0].config.interval, 2000);
});

test('numbers that JSON cannot hold', () => {
  assert.deepEqual(['+Inf', '-Inf', 'NaN', '1e3'].map(number), [Infinity, -Infinity, NaN, 1000]);
});
