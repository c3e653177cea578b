// Variables in texts: `$job`, `${job}`, `${job:regex}`, `${__field.labels.ca}`.
//
// Pure. How a value is written depends on where it goes: a query of Prometheus, a link, a title.

/** What a variable holds now. */
export interface Chosen {
  value: string | string[];
  text: string | string[];
  /** "All" is chosen. `value` is then the variable's own pattern for all, or every option. */
  all: boolean;
  /** The variable's own pattern for all is meant as it stands. */
  verbatim: boolean;
  /** Several can be chosen, so that queries compare with `=~`. */
  several: boolean;
}

export type Values = Record<string, Chosen>;

/** A lone value, for built-in variables. */
export function lone(value: string): Chosen {
  return { value, text: value, all: false, verbatim: false, several: false };
}

/** How a name is looked up; `path` is what follows a dot or bracket. Undefined: not known. */
export type Lookup = (name: string, path: string) => Chosen | undefined;
export type Formatter = (chosen: Chosen, name: string) => string;

// $name, or ${name}, ${name.path}, ${name["path"]}, ${name:format}
const VARIABLE = /\$(\w+)|\$\{(\w+)((?:[.[][^:}]*)?)(?::([\w:-]+))?\}/g;

/**
 * The text with all known variables written out. Unknown ones stay, as in Grafana.
 *
 * @throws on a format that does not exist.
 */
export function interpolate(text: string, lookup: Lookup, usual: Formatter): string {
  return text.replace(VARIABLE, (whole: string, plain?: string, braced?: string, path?: string, format?: string) => {
    const name = plain ?? braced ?? '';
    const chosen = lookup(name, path ?? '');
    if (chosen === undefined) {
      return whole;
    }
    return (format === undefined ? usual : formatter(format))(chosen, name);
  });
}

/** Variables that a text still names. References such as `$1` belong to PromQL's label_replace. */
export function unknownVariables(text: string): string[] {
  return [...text.matchAll(VARIABLE)].map((found) => found[1] ?? found[2]).filter((name) => !/^\d+$/.test(name));
}

const items = ({ value }: Chosen): string[] => (Array.isArray(value) ? value : [value]);
const escapeRegex = (value: string) => value.replace(/[\\^$*+?.()|[\]{}/-]/g, '\\$&');
const alternatives = (values: string[]) => (values.length === 1 ? values[0] : `(${values.join('|')})`);

/** Inside a PromQL string: the text of a matcher, or a regular expression whose backslashes the string needs twice. */
export const promql: Formatter = (chosen) => {
  if (chosen.verbatim) {
    return items(chosen).join('');
  }
  if (!chosen.several) {
    return items(chosen).join(',').replace(/[\\"]/g, '\\$&');
  }
  return alternatives(items(chosen).map((value) => value.replace(/[\\^$*+?.()|[\]{}]/g, '\\\\$&')));
};

/** In a text for people. */
export const words: Formatter = ({ text }) => (Array.isArray(text) ? text.join(' + ') : text);

/** In an address. */
export const address: Formatter = (chosen) => encodeURI(items(chosen).join(','));

const FORMATS: Record<string, Formatter> = {
  csv: (chosen) => items(chosen).join(','),
  doublequote: (chosen) => items(chosen).map((value) => `"${value.replace(/"/g, '\\"')}"`).join(','),
  glob: (chosen) => (Array.isArray(chosen.value) && chosen.value.length > 1 ? `{${chosen.value.join(',')}}` : items(chosen).join('')),
  json: ({ value }) => JSON.stringify(value),
  percentencode: (chosen) => encodeURIComponent(chosen.all ? '$__all' : items(chosen).join(',')),
  pipe: (chosen) => items(chosen).join('|'),
  queryparam: (chosen, name) =>
    (chosen.all ? ['$__all'] : items(chosen)).map((value) => `var-${name}=${encodeURIComponent(value)}`).join('&'),
  raw: (chosen) => items(chosen).join(','),
  regex: (chosen) => (chosen.verbatim ? items(chosen).join('') : alternatives(items(chosen).map(escapeRegex))),
  singlequote: (chosen) => items(chosen).map((value) => `'${value.replace(/'/g, "\\'")}'`).join(','),
  text: words,
  uriencode: address,
};

/** @throws when there is no such format. */
export function formatter(name: string): Formatter {
  const found = Object.hasOwn(FORMATS, name) ? FORMATS[name] : undefined;
  if (!found) {
    throw new Error(`there is no format "${name}" for variables`);
  }
  return found;
}
