// A plot with Grafana's axes whose inside is painted by hand: for panels that no package of Grafana's has.

import type { GrafanaTheme2 } from '@grafana/data';
import { AxisPlacement, LegendDisplayMode, ScaleDirection, ScaleOrientation, type VizLegendOptions } from '@grafana/schema';
import { UPlotChart, UPlotConfigBuilder, VizLayout, VizLegend, type VizLegendItem } from '@grafana/ui';
import { useMemo } from 'react';
import type uPlot from 'uplot';
import { thinned } from '../model/layout';

export interface Axis {
  min: number;
  max: number;
  time?: boolean;
  /** Where names stand instead of numbers. */
  names?: { at: number; text: string }[];
  format?: (value: number) => string;
  /** Grows downwards. */
  downwards?: boolean;
}

/** What a painter may use; positions are in the canvas' own pixels. */
export interface Canvas {
  ctx: CanvasRenderingContext2D;
  x: (value: number) => number;
  y: (value: number) => number;
  /** Canvas pixels in one of the page's. */
  unit: number;
}

interface Props {
  width: number;
  height: number;
  theme: GrafanaTheme2;
  x: Axis;
  y: Axis;
  legend?: Partial<VizLegendOptions>;
  items?: VizLegendItem[];
  paint: (canvas: Canvas) => void;
}

export function Plot({ width, height, theme, x, y, legend, items = [], paint }: Props) {
  const config = useMemo(() => built(theme, x, y, paint), [theme, x, y, paint]);
  const shown = legend?.showLegend !== false && items.length > 0;
  const placement = legend?.placement ?? 'bottom';
  return (
    <VizLayout
      width={width}
      height={height}
      legend={
        shown ? (
          <VizLayout.Legend placement={placement}>
            <VizLegend placement={placement} items={items} displayMode={LegendDisplayMode.List} />
          </VizLayout.Legend>
        ) : null
      }
    >
      {(inner, high) => <UPlotChart config={config} data={[[x.min, x.max], [y.min, y.max]]} width={inner} height={high} />}
    </VizLayout>
  );
}

function built(theme: GrafanaTheme2, x: Axis, y: Axis, paint: (canvas: Canvas) => void): UPlotConfigBuilder {
  const builder = new UPlotConfigBuilder('utc');
  const add = (scaleKey: 'x' | 'y', axis: Axis) => {
    const { names, format } = axis;
    builder.addScale({
      scaleKey,
      isTime: axis.time === true,
      auto: false,
      orientation: scaleKey === 'x' ? ScaleOrientation.Horizontal : ScaleOrientation.Vertical,
      direction: scaleKey === 'x' ? ScaleDirection.Right : axis.downwards ? ScaleDirection.Down : ScaleDirection.Up,
      range: () => [axis.min, axis.max],
    });
    builder.addAxis({
      scaleKey,
      theme,
      placement: scaleKey === 'x' ? AxisPlacement.Bottom : AxisPlacement.Left,
      isTime: axis.time === true,
      timeZone: 'utc',
      grid: { show: names === undefined },
      ...(names && {
        splits: () => names.map(({ at }) => at),
        values: (plot: uPlot) => thinned(names.map(({ text }) => text), scaleKey === 'y' ? plot.bbox.height / window.devicePixelRatio : Infinity),
        ticks: { show: false },
        space: 0,
      }),
      ...(format && { formatValue: format }),
    });
  };
  add('x', x);
  add('y', y);
  builder.setCursor({ show: false });
  builder.setPrepData(() => []);
  builder.addHook('draw', (plot: uPlot) => {
    const { ctx } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height);
    ctx.clip();
    paint({
      ctx,
      x: (value) => plot.valToPos(value, 'x', true),
      y: (value) => plot.valToPos(value, 'y', true),
      unit: window.devicePixelRatio,
    });
    ctx.restore();
  });
  return builder;
}

/** A short text in the middle of a box, or at the left of one without an end; left out when it does not fit. */
export function label({ ctx, unit }: Canvas, theme: GrafanaTheme2, text: string, color: string, box: { x: number; y: number; w: number; h: number }) {
  ctx.font = `${12 * unit}px ${theme.typography.fontFamily}`;
  if (ctx.measureText(text).width + 4 * unit > box.w || box.h < 12 * unit) {
    return;
  }
  ctx.fillStyle = color;
  ctx.textAlign = Number.isFinite(box.w) ? 'center' : 'left';
  ctx.textBaseline = 'middle';
  ctx.fillText(text, Number.isFinite(box.w) ? box.x + box.w / 2 : box.x, box.y + box.h / 2);
}
