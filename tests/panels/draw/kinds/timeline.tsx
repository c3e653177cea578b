// States over time, a lane for each series. Grafana's own panel is in none of its packages.

import { type DataFrame, type Field, FieldType, formattedValueToString, getFieldDisplayName } from '@grafana/data';
import type { VizLegendOptions } from '@grafana/schema';
import { defaultOptions, type Options } from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type { VizLegendItem } from '@grafana/ui';
import { useCallback, useMemo } from 'react';
import { type Canvas, label, Plot } from '../plot';
import { optionsOf, type Props } from './kind';
import { Nothing } from './timeseries';

interface State {
  from: number;
  to: number;
  text: string;
  color: string;
}

interface Lane {
  name: string;
  states: State[];
}

export function Timeline({ panel, data, fieldConfig, range, width, height, theme }: Props) {
  const options = useMemo(() => optionsOf<Options>(defaultOptions, panel), [panel]);
  const until = range.to.valueOf();
  const lanes = useMemo(() => data.flatMap((frame) => lanesOf(frame, data, until, options.mergeValues !== false)), [data, until, options]);
  const x = useMemo(() => ({ min: range.from.valueOf(), max: until, time: true }), [range, until]);
  const y = useMemo(
    () => ({ min: 0, max: lanes.length, downwards: true, names: lanes.map(({ name }, at) => ({ at: at + 0.5, text: name })) }),
    [lanes]
  );
  const { fillOpacity = 70 } = fieldConfig.defaults.custom as { fillOpacity?: number };
  const paint = useCallback(
    (canvas: Canvas) => {
      const { ctx } = canvas;
      lanes.forEach(({ states }, at) => {
        const top = canvas.y(at + (1 - options.rowHeight) / 2);
        const high = canvas.y(at + (1 + options.rowHeight) / 2) - top;
        for (const { from, to, text, color } of states) {
          const left = canvas.x(from);
          const box = { x: left, y: top, w: canvas.x(to) - left, h: high };
          ctx.globalAlpha = fillOpacity / 100;
          ctx.fillStyle = color;
          ctx.fillRect(box.x, box.y, Math.max(box.w, canvas.unit), box.h);
          ctx.globalAlpha = 1;
          if ((options.showValue as string) !== 'never') {
            label(canvas, theme, text, theme.colors.text.primary, box);
          }
        }
      });
    },
    [lanes, options, fillOpacity, theme]
  );
  if (lanes.length === 0) {
    return <Nothing />;
  }
  return (
    <Plot width={width} height={height} theme={theme} x={x} y={y} legend={options.legend as VizLegendOptions | undefined} items={legendOf(lanes)} paint={paint} />
  );
}

function lanesOf(frame: DataFrame, data: DataFrame[], until: number, merge: boolean): Lane[] {
  const time = frame.fields.find(({ type }) => type === FieldType.time);
  if (!time) {
    return [];
  }
  const step = time.config.interval ?? 0;
  return frame.fields
    .filter((field) => field !== time && !(field.config.custom as { hideFrom?: { viz?: boolean } } | undefined)?.hideFrom?.viz)
    .map((field) => ({ name: getFieldDisplayName(field, frame, data), states: statesOf(field, time.values, step, until, merge) }));
}

/** A value holds until the next one; where steps are missing, nothing is known. */
function statesOf(field: Field, times: number[], step: number, until: number, merge: boolean): State[] {
  const states: State[] = [];
  times.forEach((from, at) => {
    const value = field.values[at];
    if (value === null || value === undefined) {
      return;
    }
    const next = times[at + 1] ?? until;
    const to = step > 0 ? Math.min(next, from + step * 1.5) : next;
    const shown = field.display?.(value);
    const text = shown ? formattedValueToString(shown) : String(value);
    const color = shown?.color ?? '#888';
    const last = states.at(-1);
    if (merge && last && last.text === text && last.color === color && last.to >= from) {
      last.to = to;
    } else {
      states.push({ from, to, text, color });
    }
  });
  return states;
}

function legendOf(lanes: Lane[]): VizLegendItem[] {
  const seen = new Map(lanes.flatMap(({ states }) => states.map(({ text, color }) => [text, color] as const)));
  return [...seen].map(([text, color]) => ({ label: text, color, yAxis: 1 }));
}
