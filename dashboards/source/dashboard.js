//! A dashboard: variables, links, annotations, and panels laid out in bands.
import { DashboardCursorSync, VariableHide, VariableRefresh, VariableSort } from '@grafana/schema';
import { DATASOURCE } from './panel';
/** Grafana's grid. */
const COLUMNS = 24;
export const band = (height, ...panels) => ({ height, panels });
export const section = (title, ...bands) => ({ title, bands });
/** The dashboard as Grafana imports it. */
export function dashboard(board) {
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
function laidOut(sections) {
    const out = [];
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
            if (x !== COLUMNS)
                throw new Error(`${title}: a band is ${x} columns wide, not ${COLUMNS}`);
            y += height;
        }
    }
    return out;
}
/** All dashboards of this family, with what is chosen here. */
const OTHERS = {
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
const datasource = { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus', refresh: VariableRefresh.onDashboardLoad, hide: VariableHide.dontHide, regex: '', current: {} };
/** A variable whose values are those of a label. */
export function labelValues(name, label, of, more) {
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
export const OWNER = {
    name: 'owner',
    label: 'Owner label',
    type: 'textbox',
    description: 'The label that names who is responsible: one of those that [ownership] or labels of the configuration put on series.',
    query: 'team',
    current: { selected: true, text: 'team', value: 'team' },
    options: [{ selected: true, text: 'team', value: 'team' }],
};
