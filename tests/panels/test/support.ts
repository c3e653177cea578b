// What several tests of frames and fields share. Import it first: Grafana's code looks for a browser's window.

import { createTheme, type DataFrame, FieldType, getFieldDisplayName, toDataFrame } from '@grafana/data';
import type { Answer, Labels, Result } from '../model/answers';
import { readDashboard, type Panel } from '../model/dashboard';

const browser = globalThis as { window?: unknown; navigator?: unknown };
browser.window ??= { location: { origin: 'http://grafana.invalid' } };
browser.navigator ??= { language: 'en-US', languages: ['en-US'] };

export const theme = createTheme({ colors: { mode: 'dark' } });

/** A panel with what a row of a test gives. */
export function panelOf(more: object): Panel {
  return readDashboard(JSON.stringify({ uid: 'u', title: 't', panels: [{ id: 1, type: 'table', title: 'p', ...more }] })).panels[0];
}

export const vector = (...series: [Labels, string][]): Result => ({
  resultType: 'vector',
  result: series.map(([metric, value]) => ({ metric, value: [100, value] })),
});

export const matrix = (...series: [Labels, [number, string][]][]): Result => ({
  resultType: 'matrix',
  result: series.map(([metric, values]) => ({ metric, values })),
});

export const answer = (more: Partial<Answer>): Answer => ({ refId: 'A', expr: 'up', format: 'time_series', ...more });

/** A frame of columns: names that hold numbers, words, or times (a name that begins with "Time"). */
export function frameOf(columns: Record<string, unknown[]>, labels: Labels = {}): DataFrame {
  return toDataFrame({
    refId: 'A',
    fields: Object.entries(columns).map(([name, values]) => {
      const type = name.startsWith('Time') ? FieldType.time : typeof values[0] === 'number' ? FieldType.number : FieldType.string;
      return { name, values, type, labels: type === FieldType.number ? labels : undefined };
    }),
  });
}

/** A frame as text: the shown names, then each row. */
export function written(data: DataFrame[]): string[] {
  return data.flatMap((frame) => [
    frame.fields.map((field) => getFieldDisplayName(field, frame, data)).join(' | '),
    ...Array.from({ length: frame.length }, (_, row) => frame.fields.map(({ values }) => String(values[row])).join(' | ')),
  ]);
}
