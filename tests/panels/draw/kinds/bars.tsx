// Bars: categories side by side, and histograms. Grafana's own panels are in none of its packages.

import { buildHistogram, type DataFrame, type Field, FieldType, formattedValueToString, getFieldDisplayName, getHistogramFields } from '@grafana/data';
import type { VizLegendOptions } from '@grafana/schema';
import { defaultOptions, type Options } from '@grafana/schema/dist/esm/raw/composable/barchart/panelcfg/x/BarChartPanelCfg_types.gen';
import { useCallback, useMemo } from 'react';
import { type Axis, type Canvas, label, Plot } from '../plot';
import { optionsOf, type Props } from './kind';
import { Nothing } from './timeseries';

interface Group {
  names: string[];
  series: { name: string; color: string; field: Field }[];
}

const shown = (field: Field) => !(field.config.custom as { hideFrom?: { viz?: boolean } } | undefined)?.hideFrom?.viz;
const text = (field: Field, value: unknown) => (field.display ? formattedValueToString(field.display(value)) : String(value));
const colorOf = (field: Field, value: number) => field.display?.(value).color ?? '#888';

export function BarChart({ panel, data, fieldConfig, width, height, theme }: Props) {
  const options = useMemo(() => optionsOf<Options>(defaultOptions, panel), [panel]);
  const group = useMemo(() => groupOf(data, options.xField), [data, options.xField]);
  const stacked = options.stacking !== undefined && (options.stacking as string) !== 'none';
  const share = (options.stacking as string) === 'percent';
  const lying = (options.orientation as string) === 'horizontal' || ((options.orientation as string) !== 'vertical' && width < 2 * height && group.names.length > 8);
  const { fillOpacity = 80 } = fieldConfig.defaults.custom as { fillOpacity?: number };
  const first = group.series[0]?.field;
  const bars = useMemo(() => barsOf(group, stacked, share), [group, stacked, share]);

  const categories: Axis = { min: 0, max: group.names.length, names: group.names.map((name, at) => ({ at: at + 0.5, text: name })), downwards: lying };
  const values: Axis = {
    min: Math.min(0, (first?.config.min as number | undefined) ?? 0, ...bars.map(({ to }) => to)),
    max: (first?.config.max as number | undefined) ?? Math.max(1e-9, ...bars.map(({ to }) => to)) * 1.15,
    format: (value) => (share ? `${Math.round(value * 100)}%` : first ? text(first, value) : String(value)),
  };
  const paint = useCallback(
    (canvas: Canvas) => {
      const lanes = stacked ? 1 : group.series.length;
      for (const { category, lane, from, to, color, says } of bars) {
        const wide = (options.groupWidth * options.barWidth) / lanes;
        const begin = category + 0.5 - options.groupWidth / 2 + ((stacked ? 0 : lane) + 0.5) * (options.groupWidth / lanes) - wide / 2;
        const [x1, x2, y1, y2] = lying ? [from, to, begin, begin + wide] : [begin, begin + wide, from, to];
        const box = {
          x: Math.min(canvas.x(x1), canvas.x(x2)),
          y: Math.min(canvas.y(y1), canvas.y(y2)),
          w: Math.abs(canvas.x(x2) - canvas.x(x1)),
          h: Math.abs(canvas.y(y2) - canvas.y(y1)),
        };
        canvas.ctx.globalAlpha = fillOpacity / 100;
        canvas.ctx.fillStyle = color;
        canvas.ctx.fillRect(box.x, box.y, box.w, box.h);
        canvas.ctx.globalAlpha = 1;
        if ((options.showValue as string) !== 'never') {
          const { unit } = canvas;
          const room = stacked ? box : lying ? { ...box, x: box.x + box.w + 4 * unit, w: Infinity } : { ...box, y: box.y - 18 * unit, h: 18 * unit };
          label(canvas, theme, says, theme.colors.text.primary, room);
        }
      }
    },
    [bars, group, lying, stacked, options, fillOpacity, theme]
  );
  if (group.names.length === 0 || group.series.length === 0) {
    return <Nothing />;
  }
  return (
    <Plot
      width={width}
      height={height}
      theme={theme}
      x={lying ? values : categories}
      y={lying ? categories : values}
      legend={options.legend as VizLegendOptions | undefined}
      items={group.series.map(({ name, color }) => ({ label: name, color, yAxis: 1 }))}
      paint={paint}
    />
  );
}

/** Categories are the field that is asked for, or the first of words or times. Series in frames of one row each are one category. */
function groupOf(data: DataFrame[], wanted?: string): Group {
  const frame = data[0];
  if (!frame) {
    return { names: [], series: [] };
  }
  const x =
    frame.fields.find((field) => wanted !== undefined && (field.name === wanted || getFieldDisplayName(field, frame, data) === wanted)) ??
    frame.fields.find(({ type }) => type === FieldType.string) ??
    frame.fields.find(({ type }) => type === FieldType.time);
  const series = data.flatMap((each) =>
    each.fields
      .filter((field) => field !== x && field.type === FieldType.number && shown(field))
      .map((field) => {
        const name = getFieldDisplayName(field, each, data);
        return { name, color: colorOf(field, field.values[0] as number), field };
      })
  );
  return { names: x ? x.values.map((value) => text(x, value)) : [], series };
}

interface Bar {
  category: number;
  lane: number;
  from: number;
  to: number;
  color: string;
  says: string;
}

function barsOf({ names, series }: Group, stacked: boolean, share: boolean): Bar[] {
  return names.flatMap((_, category) => {
    const whole = share ? series.reduce((sum, { field }) => sum + (Number(field.values[category]) || 0), 0) || 1 : 1;
    let base = 0;
    return series.flatMap(({ field }, lane) => {
      const value = field.values[category] as number | null;
      if (value === null || value === undefined || !Number.isFinite(value)) {
        return [];
      }
      const from = stacked ? base : 0;
      base = from + value / whole;
      return [{ category, lane, from, to: base, color: colorOf(field, value), says: text(field, value) }];
    });
  });
}

export function Histogram({ panel, data, fieldConfig, width, height, theme }: Props) {
  const found = useMemo(
    () => (data[0] && getHistogramFields(data[0])) ?? buildHistogram(data, panel.options as object, theme),
    [data, panel.options, theme]
  );
  const { fillOpacity = 80 } = fieldConfig.defaults.custom as { fillOpacity?: number };
  const lower = (found?.xMin.values ?? []) as number[];
  const upper = (found?.xMax.values ?? []) as number[];
  const counts = found?.counts ?? [];
  const source = data.flatMap(({ fields }) => fields).find(({ type }) => type === FieldType.number);
  const paint = useCallback(
    (canvas: Canvas) => {
      counts.forEach((field) => {
        canvas.ctx.globalAlpha = fillOpacity / 100;
        canvas.ctx.fillStyle = colorOf(field, 0);
        lower.forEach((from, at) => {
          const left = canvas.x(from);
          const top = canvas.y(field.values[at] as number);
          canvas.ctx.fillRect(left, top, canvas.x(upper[at]) - left - canvas.unit, canvas.y(0) - top);
        });
      });
      canvas.ctx.globalAlpha = 1;
    },
    [counts, lower, upper, fillOpacity]
  );
  if (lower.length === 0) {
    return <Nothing />;
  }
  const x: Axis = { min: lower[0], max: upper[upper.length - 1], format: (value) => (source ? text(source, value) : String(value)) };
  const y: Axis = { min: 0, max: Math.max(1, ...counts.flatMap((field) => field.values as number[])) * 1.1 };
  return (
    <Plot
      width={width}
      height={height}
      theme={theme}
      x={x}
      y={y}
      legend={panel.options.legend as VizLegendOptions | undefined}
      items={counts.map((field) => ({ label: getFieldDisplayName(field), color: colorOf(field, 0), yAxis: 1 }))}
      paint={paint}
    />
  );
}
