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
