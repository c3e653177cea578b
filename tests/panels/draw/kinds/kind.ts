// What every kind of panel is given to draw itself.

import type { DataFrame, GrafanaTheme2, InterpolateFunction, TimeRange } from '@grafana/data';
import type { ReactElement } from 'react';
import type { Marks } from '../../model/answers';
import type { FieldConfig, Panel } from '../../model/dashboard';

export interface Props {
  panel: Panel;
  data: DataFrame[];
  fieldConfig: FieldConfig;
  range: TimeRange;
  marks: Marks[];
  width: number;
  height: number;
  theme: GrafanaTheme2;
  replace: InterpolateFunction;
}

export interface Kind {
  draw: (props: Props) => ReactElement;
  /** False: drawn by hand from the same data, since no package of Grafana's has this panel. */
  original: boolean;
  /** Needs no query. */
  still?: boolean;
  /** What lies outside the time range is not seen. */
  overTime?: boolean;
}

/** A panel's options over those that its kind assumes, at any depth; lists are taken as they stand. */
export function optionsOf<T>(assumed: object, { options }: Panel): T {
  return over(assumed as Values, options) as T;
}

type Values = Record<string, unknown>;

function over(below: Values, above: Values): Values {
  const isRecord = (value: unknown): value is Values => typeof value === 'object' && value !== null && !Array.isArray(value);
  const merged = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const under = merged[key];
    merged[key] = isRecord(value) && isRecord(under) ? over(under, value) : value;
  }
  return merged;
}
