// One panel in Grafana's frame: title, description, links, and what its kind draws.

import type { GrafanaTheme2, InterpolateFunction, TimeRange } from '@grafana/data';
import { Icon, PanelChrome } from '@grafana/ui';
import { Component, type ReactNode } from 'react';
import type { Marks } from '../model/answers';
import type { Panel } from '../model/dashboard';
import { completed } from '../model/fields';
import { box } from '../model/layout';
import { KINDS } from './kinds';
import type { Prepared } from './prepare';

interface Props {
  panel: Panel;
  prepared: Prepared;
  range: TimeRange;
  marks: Marks[];
  theme: GrafanaTheme2;
  replace: InterpolateFunction;
  /** Told of what a panel throws while it is drawn. */
  failed: (message: string) => void;
}

export function PanelFrame({ panel, prepared, range, marks, theme, replace, failed }: Props) {
  const { left, top, width, height } = box(panel.at);
  const kind = KINDS[panel.type];
  return (
    <div data-panel={panel.id} style={{ position: 'absolute', left, top, width, height }}>
      <PanelChrome
        title={replace(panel.title)}
        description={panel.description && replace(panel.description)}
        titleItems={panel.links.length > 0 ? <Links panel={panel} replace={replace} /> : undefined}
        displayMode={panel.transparent ? 'transparent' : 'default'}
        width={width}
        height={height}
        // What fills a panel to its edges.
        padding={panel.type === 'table' ? 'none' : 'md'}
      >
        {(inner, high) => (
          <Boundary failed={failed}>
            <div data-content style={{ width: inner, height: high }}>
              {kind && (
                <kind.draw
                  panel={panel}
                  data={prepared.data}
                  fieldConfig={completed(panel)}
                  range={range}
                  marks={marks}
                  width={inner}
                  height={high}
                  theme={theme}
                  replace={replace}
                />
              )}
            </div>
          </Boundary>
        )}
      </PanelChrome>
    </div>
  );
}

function Links({ panel, replace }: { panel: Panel; replace: InterpolateFunction }) {
  return (
    <span style={{ display: 'flex', gap: 4 }}>
      {panel.links.map(({ title, url }) => (
        <a key={title} href={replace(url ?? '', undefined, 'uriencode')} title={replace(title)} aria-label={replace(title)}>
          <Icon name="external-link-alt" size="md" />
        </a>
      ))}
    </span>
  );
}

class Boundary extends Component<{ failed: (message: string) => void; children: ReactNode }, { error?: string }> {
  state: { error?: string } = {};

  static getDerivedStateFromError(error: Error) {
    return { error: error.message };
  }

  componentDidCatch(error: Error) {
    this.props.failed(error.message);
  }

  render() {
    return this.state.error === undefined ? this.props.children : <div>{this.state.error}</div>;
  }
}
