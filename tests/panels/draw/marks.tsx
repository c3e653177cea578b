// Annotations on a plot: a dashed line with a small triangle below, as Grafana draws them. Its own plugin is in no package.

import type { GrafanaTheme2 } from '@grafana/data';
import type { UPlotConfigBuilder } from '@grafana/ui';
import { useRef } from 'react';
import type uPlot from 'uplot';
import type { Marks } from '../model/answers';

export function MarksPlugin({ builder, marks, theme }: { builder: UPlotConfigBuilder; marks: Marks[]; theme: GrafanaTheme2 }) {
  // Hooks count only until the plot is made, which is after its children are drawn for the first time.
  const known = useRef<UPlotConfigBuilder>(undefined);
  if (known.current !== builder) {
    known.current = builder;
    builder.addHook('draw', (plot) => paint(plot, marks, theme));
  }
  return null;
}

function paint(plot: uPlot, marks: Marks[], theme: GrafanaTheme2) {
  const { ctx, bbox } = plot;
  const unit = window.devicePixelRatio;
  ctx.save();
  for (const { color, events } of marks) {
    ctx.strokeStyle = ctx.fillStyle = theme.visualization.getColorByName(color);
    ctx.lineWidth = 2 * unit;
    for (const { time } of events) {
      const x = Math.round(plot.valToPos(time, 'x', true));
      if (x < bbox.left || x > bbox.left + bbox.width) {
        continue;
      }
      ctx.setLineDash([5 * unit, 5 * unit]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.setLineDash([]);
      ctx.beginPath();
      ctx.moveTo(x - 5 * unit, bbox.top + bbox.height + 6 * unit);
      ctx.lineTo(x + 5 * unit, bbox.top + bbox.height + 6 * unit);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.fill();
    }
  }
  ctx.restore();
}
