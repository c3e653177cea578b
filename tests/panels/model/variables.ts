// What a dashboard's variables may be and which values they take on a first visit.
//
// Pure: what Prometheus answers comes in as a list.

import type { Variable } from './dashboard';
import type { Chosen } from './interpolate';

export interface Option {
  text: string;
  value: string;
}

/** What a query variable asks Prometheus for. */
export type Question =
  | { ask: 'label_values'; label: string; match?: string }
  | { ask: 'label_names'; match?: string }
  | { ask: 'metrics'; pattern: string }
  | { ask: 'query_result'; expr: string };

/**
 * The question in a query variable's text.
 *
 * @throws when it is none that the data source knows.
 */
export function question(query: string): Question {
  const inside = /^\s*(\w+)\((.*)\)\s*$/s.exec(query);
  const text = inside?.[2].trim() ?? '';
  switch (inside?.[1]) {
    case 'label_values': {
      // The label is the last argument; commas before it belong to the selector.
      const parts = /^(?:(.*),)?\s*([a-zA-Z_]\w*)\s*$/s.exec(text);
      if (parts) {
        return { ask: 'label_values', label: parts[2], match: parts[1]?.trim() };
      }
      break;
    }
    case 'label_names':
      return { ask: 'label_names', match: text || undefined };
    case 'metrics':
      return { ask: 'metrics', pattern: text };
    case 'query_result':
      return { ask: 'query_result', expr: text };
  }
  throw new Error(`not a question for Prometheus: ${query}`);
}

/** Text of a query variable, which is a string or an object that holds one. */
export function queryText({ query }: Variable): string {
  return typeof query === 'string' ? query : String((query as { query?: unknown } | undefined)?.query ?? '');
}

/** Options of a variable that asks nobody. Undefined: it is not such a variable. */
export function ownOptions(variable: Variable): Option[] | undefined {
  switch (variable.type) {
    case 'datasource':
      return [{ text: 'Prometheus', value: 'prometheus' }];
    case 'constant':
    case 'textbox': {
      const value = one(variable.current?.value) ?? queryText(variable);
      return [{ text: value, value }];
    }
    case 'interval':
      return queryText(variable).split(',').map((part) => ({ text: part.trim(), value: part.trim() }));
    case 'custom':
      return queryText(variable)
        .split(/(?<!\\),/)
        .map((part) => part.replace(/\\,/g, ',').trim())
        .map((part) => {
          const pair = /^(.*\S)\s+:\s+(\S.*)$/.exec(part);
          return pair ? { text: pair[1], value: pair[2] } : { text: part, value: part };
        });
    default:
      return undefined;
  }
}

/** What Prometheus answered, as options: the variable's regular expression, no double, sorted. */
export function options(answer: string[], { regex, sort }: Variable): Option[] {
  const all = answer.map((value) => ({ text: value, value }));
  const kept = regex ? all.map((option) => extract(option.value, regex)).filter((option) => option !== undefined) : all;
  const once = [...new Map(kept.map((option) => [option.value, option])).values()];
  return sorted(once, sort ?? 0);
}

/** `/…/` with groups named text and value, or the first group, or the match. */
function extract(value: string, pattern: string): Option | undefined {
  const slashes = /^\/(.*)\/([a-z]*)$/s.exec(pattern);
  const found = (slashes ? new RegExp(slashes[1], slashes[2].replace('g', '')) : new RegExp(`^${pattern}$`)).exec(value);
  if (!found) {
    return undefined;
  }
  const taken = found.groups?.value ?? found.groups?.text ?? found[1] ?? found[0];
  return { value: taken, text: found.groups?.text ?? taken };
}

/** Grafana's numbers: 1, 2 alphabetical; 3, 4 by the first number; 5, 6 without case; 7, 8 natural. Even ones descend. */
function sorted(found: Option[], sort: number): Option[] {
  const number = ({ text }: Option) => Number(/\d+(\.\d+)?/.exec(text)?.[0] ?? -1);
  const plain = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  const compare: Record<number, (a: Option, b: Option) => number> = {
    1: (a, b) => plain(a.text, b.text),
    2: (a, b) => number(a) - number(b),
    3: (a, b) => plain(a.text.toLowerCase(), b.text.toLowerCase()),
    4: (a, b) => a.text.localeCompare(b.text, 'en', { numeric: true }),
  };
  const by = compare[Math.ceil(sort / 2)];
  if (!by) {
    return found;
  }
  const ascending = [...found].sort(by);
  return sort % 2 === 0 ? ascending.reverse() : ascending;
}

/**
 * The value on a first visit: what the caller wants, what the file has saved, All, or the first option.
 *
 * @throws when there is nothing to choose.
 */
export function choose(variable: Variable, found: Option[], wanted?: string): Chosen {
  const several = variable.multi || variable.includeAll;
  const pick = (chosen: Option[]): Chosen => ({
    value: variable.multi ? chosen.map(({ value }) => value) : chosen[0].value,
    text: variable.multi ? chosen.map(({ text }) => text) : chosen[0].text,
    all: false,
    verbatim: false,
    several,
  });
  if (wanted !== undefined) {
    return pick([found.find(({ value }) => value === wanted) ?? { text: wanted, value: wanted }]);
  }
  const saved = one(variable.current?.value);
  if (variable.includeAll && (saved === undefined || saved === '' || saved === '$__all')) {
    return {
      value: variable.allValue ?? found.map(({ value }) => value),
      text: 'All',
      all: true,
      verbatim: variable.allValue !== undefined,
      several,
    };
  }
  const first = found.find(({ value }) => value === saved) ?? found[0];
  if (first === undefined) {
    throw new Error(`variable ${variable.name} has no options`);
  }
  return pick([first]);
}

const one = (value: string | string[] | undefined) => (Array.isArray(value) ? value[0] : value);
