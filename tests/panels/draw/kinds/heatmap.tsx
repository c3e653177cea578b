// Buckets over time, coloured by how much is in them. Grafana's own panel is in none of its packages.

import {
  colorManipulator,
  type DataFrame,
  type Field,
  FieldType,
  formattedValueToString,
  getDisplayProcessor,
  getFieldDisplayName,
  type GrafanaTheme2,
} from '@grafana/data';
import { defaultOptions, type HeatmapColorOptions, type Options } from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import * as chromatic from 'd3-scale-chromatic';
import { useCallback, useMemo } from 'react';
import { type Canvas, Plot } from '../plot';
import { optionsOf, type Props } from './kind';
import { Nothing } from './timeseries';

interface Grid {
  times: number[];
  step: number;
  buckets: { name: string; counts: number[] }[];
}

export function Heatmap({ panel, data, range, width, height, theme }: Props) {
  const options = useMemo(() => optionsOf<Options>(defaultOptions, panel), [panel]);
  if (options.calculate) {
    throw new Error('a heatmap calculated from lines is not drawn: query buckets with the format "heatmap"');
  }
  const grid = useMemo(() => gridOf(data), [data]);
  const x = useMemo(() => ({ min: range.from.valueOf(), max: range.to.valueOf(), time: true }), [range]);
  const y = useMemo(
    () => ({ min: 0, max: grid.buckets.length, names: grid.buckets.map(({ name }, at) => ({ at: at + 0.5, text: named(name, options, theme) })) }),
    [grid, options, theme]
  );
  const paint = useCallback(
    (canvas: Canvas) => {
      const most = Math.max(...grid.buckets.flatMap(({ counts }) => counts));
      const gap = (options.cellGap ?? 1) * canvas.unit;
      grid.buckets.forEach(({ counts }, row) => {
        const top = canvas.y(row + 1);
        counts.forEach((count, at) => {
          if (!(count > (options.filterValues?.le ?? 0))) {
            return;
          }
          const left = canvas.x(grid.times[at] - grid.step);
          canvas.ctx.fillStyle = colored(count / most, options.color, theme);
          canvas.ctx.fillRect(left, top, Math.max(canvas.unit, canvas.x(grid.times[at]) - left - gap), canvas.y(row) - top - gap);
        });
      });
    },
    [grid, options, theme]
  );
  if (grid.buckets.length === 0) {
    return <Nothing />;
  }
  return <Plot width={width} height={height} theme={theme} x={x} y={y} paint={paint} />;
}

/** One frame with a field for each bucket, or a frame for each. */
function gridOf(data: DataFrame[]): Grid {
  const time = data[0]?.fields.find(({ type }) => type === FieldType.time);
  const buckets = data.flatMap((frame) =>
    frame.fields
      .filter(({ type }) => type === FieldType.number)
      .map((field: Field) => ({ name: getFieldDisplayName(field, frame, data), counts: field.values as number[] }))
  );
  const times = (time?.values ?? []) as number[];
  return { times, step: time?.config.interval ?? (times[1] ?? 0) - (times[0] ?? 0), buckets };
}

/** A bucket's bound in the unit of the axis. */
function named(bound: string, { yAxis }: Options, theme: GrafanaTheme2): string {
  const value = bound === '+Inf' ? Infinity : Number(bound);
  return Number.isFinite(value) ? formatted(value, yAxis?.unit, theme) : bound;
}

function formatted(value: number, unit: string | undefined, theme: GrafanaTheme2): string {
  const shown = getDisplayProcessor({ field: { type: FieldType.number, config: { unit } }, theme })(value);
  return formattedValueToString(shown);
}

function colored(share: number, color: HeatmapColorOptions, theme: GrafanaTheme2): string {
  if ((color?.mode as string) === 'opacity') {
    return colorManipulator.alpha(theme.visualization.getColorByName(color.fill), Math.max(0.05, share ** (color.exponent ?? 0.5)));
  }
  const scheme = (chromatic as unknown as Record<string, (at: number) => string>)[`interpolate${color?.scheme ?? 'Oranges'}`];
  if (!scheme) {
    throw new Error(`there is no colour scheme "${color.scheme}"`);
  }
  // Pale ends belong to a light page.
  const dark = theme.isDark !== (color?.reverse === true);
  return scheme(dark ? 1 - share : share);
}
