// From answers to what a panel shows: frames, transformations, field configuration.
//
// May use @grafana/data; draws nothing.

import { cacheFieldDisplayNames, type DataFrame, FieldType, type GrafanaTheme2, type InterpolateFunction, type TimeRange, toDataFrame } from '@grafana/data';
import type { Answer } from '../model/answers';
import type { Panel } from '../model/dashboard';
import { configured, idleOverrides } from '../model/fields';
import { frames } from '../model/frames';
import { transform } from '../model/transform';

export interface Prepared {
  data: DataFrame[];
  /** What keeps the panel from being what its author meant. */
  problems: string[];
}

export async function prepare(panel: Panel, answers: Answer[], theme: GrafanaTheme2, replace: InterpolateFunction): Promise<Prepared> {
  const problems = [...panel.refused];
  for (const { refId, error } of answers) {
    if (error !== undefined) {
      problems.push(`query ${refId}: ${error}`);
    }
  }
  try {
    const raw = frames(answers).map((frame) => toDataFrame(frame));
    const shaped = await transform(raw, panel.transformations, (text) => replace(text));
    const data = configured(shaped, panel, theme, replace);
    // Tables read names from where this leaves them.
    cacheFieldDisplayNames(data);
    if (hasData(data)) {
      problems.push(...idleOverrides(shaped, panel).map((which) => `an override fits no field: ${which}`));
    }
    return { data, problems };
  } catch (error) {
    problems.push((error as Error).message);
    return { data: [], problems };
  }
}

/** Whether there is anything to show besides times and numbers that are none; within a time, where one is given. */
export function hasData(data: DataFrame[], within?: TimeRange): boolean {
  const something = (value: unknown) => value !== null && value !== undefined && value !== '' && !Number.isNaN(value);
  return data.some(({ fields }) => {
    const times = fields.find(({ type }) => type === FieldType.time)?.values ?? [];
    const seen = (at: number) => within === undefined || (times[at] >= within.from.valueOf() && times[at] <= within.to.valueOf());
    return fields.some(({ type, values }) => type !== FieldType.time && values.some((value, at) => something(value) && seen(at)));
  });
}
