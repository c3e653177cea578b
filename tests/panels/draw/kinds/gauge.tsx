// One value on an arc. Grafana's own gauge is in none of its packages.

import { type FieldDisplay, formattedValueToString, type GrafanaTheme2, getActiveThreshold } from '@grafana/data';

const SWEEP = 240;

export function Gauge({ value, named, width, height, theme }: { value: FieldDisplay; named: boolean; width: number; height: number; theme: GrafanaTheme2 }) {
  const { display, field } = value;
  const title = named ? 24 : 0;
  const size = Math.min(width, (height - title) * 1.15);
  const thick = size * 0.1;
  const radius = size / 2 - thick;
  const min = field.min ?? 0;
  const max = field.max ?? 100;
  const share = (of: number) => Math.min(1, Math.max(0, (of - min) / (max - min || 1)));
  const steps = field.thresholds?.steps ?? [];
  const absolute = (step: number) => (field.thresholds?.mode === 'percentage' ? min + (step / 100) * (max - min) : step);
  const bands = steps.map(({ color, value: from }, at) => ({
    color: theme.visualization.getColorByName(color),
    from: share(absolute(from)),
    to: at + 1 < steps.length ? share(absolute(steps[at + 1].value)) : 1,
  }));
  const color = display.color ?? theme.visualization.getColorByName(getActiveThreshold(display.numeric, steps).color);
  return (
    <div style={{ width, height, textAlign: 'center' }}>
      <svg width={size} height={height - title} viewBox={`${-size / 2} ${-size / 2} ${size} ${height - title}`}>
        <path d={arc(radius, 0, 1)} fill="none" stroke={theme.colors.background.secondary} strokeWidth={thick} />
        {Number.isFinite(display.numeric) && (
          <path d={arc(radius, 0, share(display.numeric))} fill="none" stroke={color} strokeWidth={thick} />
        )}
        {bands.map(({ color: stroke, from, to }) => (
          <path key={from} d={arc(radius + thick * 0.72, from, to)} fill="none" stroke={stroke} strokeWidth={thick * 0.25} />
        ))}
        <text y={size * 0.06} textAnchor="middle" fill={color} fontSize={size * 0.18} fontWeight={500}>
          {formattedValueToString(display)}
        </text>
      </svg>
      {named && <div style={{ lineHeight: `${title}px`, overflow: 'hidden', whiteSpace: 'nowrap', textOverflow: 'ellipsis' }}>{display.title}</div>}
    </div>
  );
}

/** A part of the sweep, from its left end; both are shares of the whole. */
function arc(radius: number, from: number, to: number): string {
  const point = (share: number) => {
    const angle = ((270 - SWEEP / 2 + share * SWEEP) * Math.PI) / 180;
    return `${radius * Math.cos(angle)} ${radius * Math.sin(angle)}`;
  };
  return `M ${point(from)} A ${radius} ${radius} 0 ${(to - from) * SWEEP > 180 ? 1 : 0} 1 ${point(to)}`;
}
