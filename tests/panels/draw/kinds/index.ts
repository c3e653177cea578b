// The kinds of panels that can be drawn. To add one: its file here, a line below, its options in schema/types.ts.

import { BarChart, Histogram } from './bars';
import { Heatmap } from './heatmap';
import type { Kind } from './kind';
import { BarGauges, Gauges, Stat } from './reduced';
import { Table } from './table';
import { Words } from './text';
import { Timeline } from './timeline';
import { Lines } from './timeseries';

export const KINDS: Record<string, Kind | undefined> = {
  barchart: { draw: BarChart, original: false },
  bargauge: { draw: BarGauges, original: true },
  gauge: { draw: Gauges, original: false },
  heatmap: { draw: Heatmap, original: false, overTime: true },
  histogram: { draw: Histogram, original: false },
  stat: { draw: Stat, original: true },
  'state-timeline': { draw: Timeline, original: false, overTime: true },
  table: { draw: Table, original: true },
  text: { draw: Words, original: true, still: true },
  timeseries: { draw: Lines, original: true, overTime: true },
};
