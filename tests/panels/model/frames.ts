// Prometheus' answers as data frames, the way Grafana's data source for Prometheus makes them.
//
// Pure. May use @grafana/data; must not draw or ask.

import { type DataFrame, type Field, FieldType, type Labels } from '@grafana/data';
import type { Answer, Result, Sample } from './answers';

/** Frames of all answers of a panel. Answers with an error have none. */
export function frames(answers: Answer[]): DataFrame[] {
  const good = answers.filter((answer): answer is Answer & { result: Result } => answer.result !== undefined);
  const tables = new Set(good.filter(({ format }) => format === 'table').map(({ refId }) => refId));
  return good.flatMap((answer) => {
    switch (answer.format) {
      case 'table':
        return table(answer, tables.size > 1);
      case 'heatmap':
        return heatmap(answer);
      default:
        return series(answer);
    }
  });
}

interface Line {
  labels: Labels;
  samples: Sample[];
}

function lines(result: Result): Line[] {
  switch (result.resultType) {
    case 'matrix':
      return result.result.map(({ metric, values }) => ({ labels: metric, samples: values }));
    case 'vector':
      return result.result.map(({ metric, value }) => ({ labels: metric, samples: [value] }));
    default:
      return [{ labels: {}, samples: [result.result] }];
  }
}

/** Prometheus writes what JSON cannot. */
export function number(text: string): number {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
}

/** One frame for each series. */
function series(answer: Answer & { result: Result }): DataFrame[] {
  return lines(answer.result).map(({ labels, samples }) => {
    const name = legend(answer, labels);
    return frame(answer, [
      time(samples.map(([at]) => at * 1000), answer.step),
      {
        name: 'Value',
        type: FieldType.number,
        values: samples.map(([, value]) => number(value)),
        labels,
        config: name === undefined ? {} : { displayNameFromDS: name },
      },
    ]);
  });
}

/** A query's series as rows: time, each label, the value. */
function table(answer: Answer & { result: Result }, several: boolean): DataFrame[] {
  const rows = lines(answer.result).flatMap(({ labels, samples }) => samples.map((sample) => ({ labels, sample })));
  if (rows.length === 0) {
    return [];
  }
  const names = [...new Set(rows.flatMap(({ labels }) => Object.keys(labels)))].sort();
  return [
    frame(answer, [
      time(rows.map(({ sample }) => sample[0] * 1000)),
      ...names.map((name): Field => {
        const values = rows.map(({ labels }) => labels[name] ?? '');
        return name === 'le'
          ? { name, type: FieldType.number, values: values.map(number), config: { filterable: true } }
          : { name, type: FieldType.string, values, config: { filterable: true } };
      }),
      {
        name: several ? `Value #${answer.refId}` : 'Value',
        type: FieldType.number,
        values: rows.map(({ sample }) => number(sample[1])),
        config: {},
      },
    ]),
  ];
}

/** Cumulative buckets of a histogram as one frame: a field for each bucket, with what is in it alone. */
function heatmap(answer: Answer & { result: Result }): DataFrame[] {
  const buckets = lines(answer.result).sort((a, b) => number(a.labels.le ?? 'NaN') - number(b.labels.le ?? 'NaN'));
  const times = [...new Set(buckets.flatMap(({ samples }) => samples.map(([at]) => at)))].sort((a, b) => a - b);
  if (times.length === 0) {
    return [];
  }
  const columns = buckets.map(({ samples }) => {
    const at = new Map(samples.map(([moment, value]) => [moment, number(value)]));
    return times.map((moment) => at.get(moment) ?? 0);
  });
  return [
    frame(answer, [
      time(times.map((at) => at * 1000), answer.step),
      ...buckets.map(({ labels }, bucket): Field => {
        const below = columns[bucket - 1];
        return {
          name: labels.le ?? '',
          type: FieldType.number,
          values: columns[bucket].map((value, at) => Math.max(0, value - (below?.[at] ?? 0))),
          labels,
          config: { displayNameFromDS: labels.le ?? '' },
        };
      }),
    ]),
  ];
}

function time(values: number[], step?: number): Field {
  return { name: 'Time', type: FieldType.time, values, config: step === undefined ? {} : { interval: step } };
}

function frame({ refId, expr }: Answer, fields: Field[]): DataFrame {
  return { refId, fields, length: fields[0].values.length, meta: { executedQueryString: expr } };
}

/** A series' name by `legendFormat`. Undefined: Grafana's own rule, from the labels that tell series apart. */
export function legend({ legend: format, expr }: Answer, labels: Labels): string | undefined {
  const { __name__: metric = '', ...rest } = labels;
  if (format === '__auto') {
    return Object.keys(rest).length > 0 ? undefined : metric || expr;
  }
  if (format) {
    return format.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, name: string) => labels[name] ?? '');
  }
  const pairs = Object.keys(rest).sort().map((name) => `${name}="${rest[name]}"`);
  const whole = pairs.length > 0 ? `${metric}{${pairs.join(', ')}}` : metric;
  return whole || expr;
}
