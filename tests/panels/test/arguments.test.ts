// The command line: what is taken, what is refused and with which words.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readArguments } from '../arguments';

const usual = { out: 'usual', dashboards: ['all.json'] };
const P = ['--prometheus', 'http://127.0.0.1:1'];

test('what is usual', () => {
  assert.deepEqual(readArguments(P, usual), {
    prometheus: 'http://127.0.0.1:1',
    out: 'usual',
    dashboards: ['all.json'],
    themes: ['dark', 'light'],
    time: undefined,
    variables: {},
    allowEmpty: [],
    scrape: '15s',
    chromium: '/usr/bin/chromium',
  });
});

test('what can be said', () => {
  const given = ['--out', 'o', '--dashboards', 'a.json', 'b.json', '--theme', 'light', '--time', 'now-1h..now', '--var', 'a=b=c', '--var', 'u/x=', '--allow-empty', 'u/A / B', '--scrape-interval', '1s', '--chromium', 'c'];
  assert.deepEqual(readArguments([...P, ...given], usual), {
    prometheus: 'http://127.0.0.1:1',
    out: 'o',
    dashboards: ['a.json', 'b.json'],
    themes: ['light'],
    time: { from: 'now-1h', to: 'now' },
    variables: { a: 'b=c', 'u/x': '' },
    allowEmpty: ['u/A / B'],
    scrape: '1s',
    chromium: 'c',
  });
});

const refused: [string, string[], RegExp][] = [
  ['no Prometheus', [], /--prometheus needs/],
  ['an address that is none', ['--prometheus', 'here'], /--prometheus needs/],
  ['a theme', [...P, '--theme', 'blue'], /dark or light, not "blue"/],
  ['a time', [...P, '--time', 'now-1h'], /FROM\.\.TO/],
  ['half a time', [...P, '--time', '..now'], /FROM\.\.TO/],
  ['a variable', [...P, '--var', 'a'], /NAME=VALUE/],
  ['a panel', [...P, '--allow-empty', 'Share'], /DASHBOARD\/PANEL TITLE/],
  ['a duration', [...P, '--scrape-interval', 'soon'], /not "soon"/],
  ['a flag', [...P, '--what'], /--what/],
  ['a lone word', [...P, 'a.json'], /"a\.json" belongs to no flag/],
];
for (const [name, given, says] of refused) {
  test(`refused: ${name}`, () => assert.throws(() => readArguments(given, usual), says));
}
