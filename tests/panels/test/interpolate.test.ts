// Variables in texts: each way of naming one, each format, and what queries need.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Chosen, interpolate, lone, promql, unknownVariables, type Values, words } from '../model/interpolate';

const several = (...value: string[]): Chosen => ({ value, text: value, all: false, verbatim: false, several: true });
const values: Values = {
  one: lone('a.b'),
  quote: lone('say "hi" \\ there'),
  single: several('x.y'),
  many: several('x.y', 'z'),
  all: { value: '.+', text: 'All', all: true, verbatim: true, several: true },
  every: { value: ['p', 'q+'], text: 'All', all: true, verbatim: false, several: true },
  space: lone('a b&c'),
};

const rows: [string, string, string, string][] = [
  ['a plain name', 'query', 'up{a="$one"}', 'up{a="a.b"}'],
  ['a name in braces', 'query', 'up{a="${one}x"}', 'up{a="a.bx"}'],
  ['the text of a matcher is escaped', 'query', 'up{a="$quote"}', 'up{a="say \\"hi\\" \\\\ there"}'],
  ['one of several is an expression', 'query', 'up{a=~"$single"}', 'up{a=~"x\\\\.y"}'],
  ['several are alternatives', 'query', 'up{a=~"$many"}', 'up{a=~"(x\\\\.y|z)"}'],
  ['all, by its own pattern', 'query', 'up{a=~"$all"}', 'up{a=~".+"}'],
  ['all, option by option', 'query', 'up{a=~"$every"}', 'up{a=~"(p|q\\\\+)"}'],
  ['an unknown name stays', 'query', 'up{a="$nobody"}', 'up{a="$nobody"}'],
  ["PromQL's own references stay", 'query', 'label_replace(up, "a", "$1-${2}", "b", "(.*)")', 'label_replace(up, "a", "$1-${2}", "b", "(.*)")'],
  ['an end of line is no variable', 'query', 'up{a=~"^x$"}', 'up{a=~"^x$"}'],
  ['several in words', 'words', 'of $many', 'of x.y + z'],
  ['all in words', 'words', 'of $all', 'of All'],
  ['csv', 'words', '${many:csv}', 'x.y,z'],
  ['pipe', 'words', '${many:pipe}', 'x.y|z'],
  ['json', 'words', '${many:json}', '["x.y","z"]'],
  ['raw', 'words', '${many:raw}', 'x.y,z'],
  ['text', 'words', '${every:text}', 'All'],
  ['glob', 'words', '${many:glob}', '{x.y,z}'],
  ['regex', 'words', '${many:regex}', '(x\\.y|z)'],
  ['regex of all by its own pattern', 'words', '${all:regex}', '.+'],
  ['doublequote', 'words', '${many:doublequote}', '"x.y","z"'],
  ['singlequote', 'words', '${many:singlequote}', "'x.y','z'"],
  ['percentencode', 'words', '${space:percentencode}', 'a%20b%26c'],
  ['percentencode of all', 'words', '${all:percentencode}', '%24__all'],
  ['queryparam', 'words', '${many:queryparam}', 'var-many=x.y&var-many=z'],
  ['queryparam of all', 'words', '${all:queryparam}', 'var-all=%24__all'],
];
for (const [name, where, text, expected] of rows) {
  test(`${where}: ${name}`, () => {
    assert.equal(interpolate(text, (wanted) => values[wanted], where === 'query' ? promql : words), expected);
  });
}

test('a format that does not exist is an error', () => {
  assert.throws(() => interpolate('${one:regexp}', (name) => values[name], words), /no format "regexp"/);
  assert.throws(() => interpolate('${one:constructor}', (name) => values[name], words), /no format "constructor"/);
});

test('what a text still names', () => {
  assert.deepEqual(unknownVariables('$a ${b} ${c:csv} ${d.e} $1 ${2} x$'), ['a', 'b', 'c', 'd']);
});
