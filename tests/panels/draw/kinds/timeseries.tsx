// Lines, bars and points over time, with the dashboard's annotations.

import { type DataFrame, FieldType } from '@grafana/data';
import type { VizLegendOptions } from '@grafana/schema';
import { TimeSeries } from '@grafana/ui';
import { useMemo } from 'react';
import { MarksPlugin } from '../marks';
import { optionsOf, type Props } from './kind';

const LEGEND = { showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [] };

export function Lines({ panel, data, range, marks, width, height, theme }: Props) {
  const drawn = useMemo(() => drawable(data), [data]);
  const legend = useMemo(() => optionsOf<{ legend: VizLegendOptions }>({ legend: LEGEND }, panel).legend, [panel]);
  if (drawn.length === 0) {
    return <Nothing />;
  }
  return (
    <TimeSeries
      frames={drawn}
      structureRev={1}
      width={width}
      height={height}
      timeRange={range}
      timeZone="utc"
      legend={legend}
      options={panel.options}
    >
      {(builder) => <MarksPlugin builder={builder} marks={marks} theme={theme} />}
    </TimeSeries>
  );
}

/** Frames with a time and a number; what else they hold is no line. Infinities are gaps, as in Grafana. */
export function drawable(data: DataFrame[]): DataFrame[] {
  return data
    .filter(({ fields }) => fields.some(({ type }) => type === FieldType.time) && fields.some(({ type }) => type === FieldType.number))
    .map((frame) => ({
      ...frame,
      fields: frame.fields
        .filter(({ type }) => type === FieldType.time || type === FieldType.number)
        .map((field) =>
          field.type === FieldType.number ? { ...field, values: field.values.map((value) => (Number.isFinite(value) ? value : null)) } : field
        ),
    }));
}

/** What Grafana writes into a panel that has nothing to draw. */
export function Nothing() {
  return <div style={{ display: 'flex', height: '100%', alignItems: 'center', justifyContent: 'center' }}>No data</div>;
}
