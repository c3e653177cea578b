// A dashboard's page: title, variables, links and time on top, rows and panels on the grid below.

import { type GrafanaTheme2, type InterpolateFunction, rangeUtil } from '@grafana/data';
import { Icon } from '@grafana/ui';
import type { CSSProperties, ReactNode } from 'react';
import type { Sheet } from '../model/answers';
import type { Row } from '../model/dashboard';
import { words } from '../model/interpolate';
import { box, heightOf, PAGE_WIDTH } from '../model/layout';

interface Props {
  sheet: Sheet;
  theme: GrafanaTheme2;
  replace: InterpolateFunction;
  children: ReactNode;
}

export function Board({ sheet, theme, replace, children }: Props) {
  const { dashboard } = sheet;
  return (
    <div style={{ width: PAGE_WIDTH, background: theme.colors.background.canvas, color: theme.colors.text.primary, paddingBottom: 8 }}>
      <header data-header style={{ padding: '12px 16px 8px' }}>
        <div style={{ display: 'flex', alignItems: 'center', marginBottom: 12 }}>
          <h1 style={{ flex: 1, margin: 0, fontSize: theme.typography.h4.fontSize, fontWeight: 500 }}>{dashboard.title}</h1>
          <Control theme={theme}>
            <Icon name="clock-nine" /> {rangeUtil.describeTimeRange(sheet.span.raw)} <Small theme={theme}>UTC</Small>
          </Control>
        </div>
        <div style={{ display: 'flex', gap: 8, flexWrap: 'wrap', alignItems: 'center' }}>
          {dashboard.variables
            .filter(({ hide }) => hide !== 2)
            .map(({ name, label, hide }) => (
              <span key={name} style={{ display: 'flex' }}>
                {hide !== 1 && <Label theme={theme}>{label || name}</Label>}
                <Control theme={theme}>
                  {words(sheet.values[name], name) || '\u00a0'} <Icon name="angle-down" />
                </Control>
              </span>
            ))}
          {sheet.marks.map(({ name, color, events }) => (
            <span key={name} style={{ display: 'flex' }}>
              <Label theme={theme}>
                <span style={{ color: theme.visualization.getColorByName(color), marginRight: 6 }}>◆</span>
                {name}
              </Label>
              <Control theme={theme}>{events.length}</Control>
            </span>
          ))}
          <span style={{ flex: 1 }} />
          {dashboard.links.map(({ title, url, type, tags }) => (
            <a key={title} data-tags={type === 'dashboards' ? (tags ?? []).join(',') : undefined} href={url && replace(url, undefined, 'uriencode')}>
              <Control theme={theme}>
                <Icon name={type === 'dashboards' ? 'apps' : 'external-link-alt'} /> {replace(title)}
              </Control>
            </a>
          ))}
        </div>
      </header>
      <main style={{ position: 'relative', height: heightOf([...dashboard.panels, ...dashboard.rows].map(({ at }) => at)) }}>
        {dashboard.rows.map((row) => (
          <RowTitle key={`row ${row.id}`} row={row} replace={replace} theme={theme} />
        ))}
        {children}
      </main>
    </div>
  );
}

function RowTitle({ row, replace, theme }: { row: Row; replace: InterpolateFunction; theme: GrafanaTheme2 }) {
  const { left, top, width, height } = box(row.at);
  return (
    <div style={{ position: 'absolute', left, top, width, height, display: 'flex', alignItems: 'center', gap: 8, fontWeight: 500, fontSize: theme.typography.h5.fontSize }}>
      <Icon name="angle-down" size="lg" /> {replace(row.title)}
    </div>
  );
}

interface Styled {
  theme: GrafanaTheme2;
  children: ReactNode;
}

const BOX: CSSProperties = { display: 'flex', alignItems: 'center', gap: 6, height: 32, padding: '0 8px', fontSize: 14, whiteSpace: 'nowrap' };

function Control({ theme, children }: Styled) {
  return (
    <span style={{ ...BOX, background: theme.components.input.background, border: `1px solid ${theme.components.input.borderColor}`, borderRadius: 2, maxWidth: 420, overflow: 'hidden' }}>
      {children}
    </span>
  );
}

function Label({ theme, children }: Styled) {
  return (
    <span style={{ ...BOX, gap: 0, background: theme.colors.background.primary, border: `1px solid ${theme.components.input.borderColor}`, borderRight: 0, fontSize: 12, fontWeight: 500 }}>
      {children}
    </span>
  );
}

function Small({ theme, children }: Styled) {
  return <span style={{ color: theme.colors.warning.text, fontSize: 12 }}>{children}</span>;
}
