// Texts of panels with their variables written out, those of fields and rows included: titles, descriptions, links.
//
// Pure. May use @grafana/data.

import {
  type DataContextScopedVar,
  type DataFrame,
  type DisplayValue,
  type Field,
  FieldType,
  type InterpolateFunction,
  formatLabels,
  formattedValueToString,
  getDisplayProcessor,
  getFieldDisplayName,
  getFrameDisplayName,
  type GrafanaTheme2,
} from '@grafana/data';
import { type Chosen, address, formatter, type Formatter, interpolate, lone, type Values, words } from './interpolate';

/** The function that @grafana/data calls wherever a text may hold variables. */
export function replacer(values: Values, theme: GrafanaTheme2): InterpolateFunction {
  const everything: Values = {
    ...values,
    __all_variables: lone(
      Object.entries(values)
        .filter(([name]) => !name.startsWith('__'))
        .map(([name, chosen]) => formatter('queryparam')(chosen, name))
        .join('&')
    ),
  };
  return (text, scoped, format) => {
    if (text === undefined || text === '') {
      return text ?? '';
    }
    const context = scoped?.__dataContext?.value as DataContextScopedVar['value'] | undefined;
    const lookup = (name: string, path: string): Chosen | undefined => {
      const here = scoped?.[name];
      if (here !== undefined && !name.startsWith('__')) {
        return { ...lone(String(here.value)), text: String(here.text ?? here.value) };
      }
      return everything[name] ?? (context && ofData(name, path, context, theme));
    };
    return interpolate(text, lookup, usual(format));
  };
}

/** Links are encoded as a whole; what is an address already stays one. */
const usual = (format: unknown): Formatter => {
  if (format === 'uriencode') {
    return (chosen, name) => (name === '__url_time_range' || name === '__all_variables' ? words(chosen, name) : address(chosen, name));
  }
  return typeof format === 'string' ? formatter(format) : words;
};

interface Context {
  data: DataFrame[];
  frame: DataFrame;
  field: Field;
  rowIndex?: number;
  calculatedValue?: DisplayValue;
}

/** `__field`, `__series`, `__value`, `__data`: what is known of the place that a link or a name stands at. */
function ofData(name: string, path: string, context: Context, theme: GrafanaTheme2): Chosen | undefined {
  const keys = [...path.matchAll(/\.(\w+)|\[["']?(.*?)["']?\]/g)].map((found) => found[1] ?? found[2]);
  switch (name) {
    case '__field':
      return known(ofField(keys, context));
    case '__series':
      return keys[0] === 'name' ? lone(getFrameDisplayName(context.frame)) : undefined;
    case '__value':
      return known(ofCell(context.field, keys[0] ?? 'text', context, theme));
    case '__data':
      return keys[0] === 'fields' ? known(ofRow(keys.slice(1), context, theme)) : undefined;
    default:
      return undefined;
  }
}

const known = (text: string | undefined) => (text === undefined ? undefined : lone(text));

function ofField([key, label]: string[], { field, frame, data }: Context): string | undefined {
  switch (key) {
    case 'name':
      return field.name;
    case undefined:
    case 'displayName':
      return getFieldDisplayName(field, frame, data);
    case 'labels':
      return label === undefined ? formatLabels(field.labels ?? {}) : field.labels?.[label];
    default:
      return undefined;
  }
}

/** Another field of the same row, by its name, its shown name or its position. */
function ofRow([which, form]: string[], context: Context, theme: GrafanaTheme2): string | undefined {
  const { frame, data } = context;
  const field =
    frame.fields.find((each) => each.name === which || getFieldDisplayName(each, frame, data) === which) ?? frame.fields[Number(which)];
  return field && ofCell(field, form ?? 'text', context, theme);
}

function ofCell(field: Field, form: string, context: Context, theme: GrafanaTheme2): string | undefined {
  const { rowIndex, calculatedValue, frame } = context;
  if (form === 'time') {
    const time = frame.fields.find(({ type }) => type === FieldType.time);
    return time && String(time.values[rowIndex ?? time.values.length - 1]);
  }
  const raw = rowIndex === undefined ? calculatedValue?.numeric : field.values[rowIndex];
  if (form === 'raw' || form === 'numeric') {
    return String(raw);
  }
  if (form !== 'text') {
    return undefined;
  }
  const display = field.display ?? getDisplayProcessor({ field, theme });
  return formattedValueToString(rowIndex === undefined && calculatedValue ? calculatedValue : display(raw));
}
