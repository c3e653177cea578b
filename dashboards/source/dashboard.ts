//! A dashboard: variables, links, annotations, and panels laid out in bands.

import type { AnnotationQuery, Dashboard, DashboardLink, Panel, RowPanel, VariableModel } from '@grafana/schema';
import { DashboardCursorSync, VariableHide, VariableRefresh, VariableSort } from '@grafana/schema';

import { DATASOURCE } from './panel';

/** Grafana's grid. */
const COLUMNS = 24;

/** Panels side by side: each takes a part of the width, all have one height. */
export interface Band {
  height: number;
  panels: [width: number, panel: Panel][];
}

/** Bands under a heading. */
export interface Section {
  title: string;
  bands: Band[];
}

/** What a dashboard is made of. */
export interface Board {
  uid: string;
  title: string;
  description: string;
  /** How far back it looks at first. */
  from: string;
  refresh: string;
  variables: VariableModel[];
  annotations?: AnnotationQuery[];
  sections: Section[];
}

export const band = (height: number, ...panels: [width: number, panel: Panel][]): Band => ({ height, panels });
export const section = (title: string, ...bands: Band[]): Section => ({ title, bands });

/** The dashboard as Grafana imports it. */
export function dashboard(board: Board): Dashboard {
  return {
    id: null,
    uid: board.uid,
    title: board.title,
    description: board.description,
    tags: ['notafter', 'certificates'],
    schemaVersion: 41,
    version: 1,
    editable: false,
    graphTooltip: DashboardCursorSync.Crosshair,
    refresh: board.refresh,
    timezone: 'browser',
    time: { from: board.from, to: 'now' },
    timepicker: {},
    links: [OTHERS],
    annotations: { list: board.annotations ?? [] },
    templating: { list: [datasource, ...board.variables] },
    panels: laidOut(board.sections),
  };
}

function laidOut(sections: Section[]): (Panel | RowPanel)[] {
  const out: (Panel | RowPanel)[] = [];
  let [id, y] = [0, 0];
  for (const { title, bands } of sections) {
    out.push({ id: ++id, type: 'row', title, collapsed: false, gridPos: { x: 0, y, w: COLUMNS, h: 1 }, panels: [] });
    y += 1;
    for (const { height, panels } of bands) {
      let x = 0;
      for (const [width, panel] of panels) {
        out.push({ id: ++id, gridPos: { x, y, w: width, h: height }, ...panel });
        x += width;
      }
      if (x !== COLUMNS) throw new Error(`${title}: a band is ${x} columns wide, not ${COLUMNS}`);
      y += height;
    }
  }
  return out;
}

/** All dashboards of this family, with what is chosen here. */
const OTHERS: DashboardLink = {
  type: 'dashboards',
  title: 'notafter',
  tooltip: '',
  icon: 'external link',
  tags: ['notafter'],
  asDropdown: false,
  includeVars: true,
  keepTime: true,
  targetBlank: false,
};

const datasource: VariableModel = { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus', refresh: VariableRefresh.onDashboardLoad, hide: VariableHide.dontHide, regex: '', current: {} as never };

/** A variable whose values are those of a label. */
export function labelValues(name: string, label: string, of: string, more: { multi: boolean; all?: string; description?: string }): VariableModel {
  const query = `label_values(${of}, ${name})`;
  return {
    name,
    label,
    type: 'query',
    datasource: DATASOURCE,
    query: { query, refId: 'StandardVariableQuery' },
    refresh: VariableRefresh.onTimeRangeChanged,
    sort: VariableSort.alphabeticalAsc,
    regex: '',
    multi: more.multi,
    includeAll: more.all !== undefined,
    ...(more.all === undefined ? {} : { allValue: more.all, current: { selected: true, text: ['All'], value: ['$__all'] } }),
    ...(more.description === undefined ? {} : { description: more.description }),
  };
}

/** The variables that every dashboard has. */
export const JOB = labelValues('job', 'Job', 'notafter_build_info', { multi: true, all: '.+' });
export const SOURCE = labelValues('source_name', 'Source', 'notafter_scans_skipped_total{job=~"$job"}', { multi: true, all: '.+' });
/** Which label names the owner of a certificate. */
export const OWNER: VariableModel = {
  name: 'owner',
  label: 'Owner label',
  type: 'textbox',
  description: 'The label that names who is responsible: one of those that [ownership] or labels of the configuration put on series.',
  query: 'team',
  current: { selected: true, text: 'team', value: 'team' },
  options: [{ selected: true, text: 'team', value: 'team' }],
};
