// What a dashboard in dashboards/*.json may hold: Grafana's published schema, without the places where that takes anything.
//
// @grafana/schema types a panel's options and custom field configuration as free records, and keeps what each kind of panel
// understands in modules of its own. Here they are put together, so that a misspelt key is an error. A kind of panel that is not
// listed is an error too: the renderer could not draw it.

import type { Dashboard, DataSourceRef, FieldConfig, Panel, RowPanel, VariableModel } from '@grafana/schema';
import type * as barchart from '@grafana/schema/dist/esm/raw/composable/barchart/panelcfg/x/BarChartPanelCfg_types.gen';
import type * as bargauge from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type * as gauge from '@grafana/schema/dist/esm/raw/composable/gauge/panelcfg/x/GaugePanelCfg_types.gen';
import type * as heatmap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type * as histogram from '@grafana/schema/dist/esm/raw/composable/histogram/panelcfg/x/HistogramPanelCfg_types.gen';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as stateTimeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as text from '@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

/** A type as JSON spells it: an enum becomes the words that it stands for. */
export type Plain<T> = T extends string
  ? `${T}`
  : T extends readonly (infer E)[]
    ? Plain<E>[]
    : T extends object
      ? { [K in keyof T]: Plain<T[K]> }
      : T;

/** Grafana fills in what options leave out, at any depth; lists stand for themselves. */
type Loose<T> = T extends readonly unknown[] ? T : T extends object ? { [K in keyof T]?: Loose<T[K]> } : T;

/** What each kind of panel understands: its options, and what stands in `fieldConfig.defaults.custom`. */
interface Kinds {
  barchart: { options: barchart.Options; custom: barchart.FieldConfig };
  bargauge: { options: bargauge.Options; custom: never };
  gauge: { options: gauge.Options; custom: never };
  heatmap: { options: heatmap.Options; custom: heatmap.FieldConfig };
  histogram: { options: histogram.Options; custom: histogram.FieldConfig };
  stat: { options: stat.Options; custom: never };
  'state-timeline': { options: stateTimeline.Options; custom: stateTimeline.FieldConfig };
  table: { options: table.Options; custom: table.FieldConfig };
  text: { options: text.Options; custom: never };
  timeseries: { options: timeseries.Options; custom: timeseries.FieldConfig };
}

/** A query of a panel, as the Prometheus data source understands it. */
export interface Target {
  refId: string;
  datasource: DataSourceRef;
  expr: string;
  legendFormat?: string;
  instant?: boolean;
  range?: boolean;
  exemplar?: boolean;
  format?: 'time_series' | 'table' | 'heatmap';
  interval?: string;
  intervalFactor?: number;
  hide?: boolean;
  editorMode?: 'code' | 'builder';
}

/** A link of a field or a panel; the schema calls it unknown. */
export interface Link {
  title: string;
  url: string;
  targetBlank?: boolean;
  oneClick?: boolean;
}

interface Defaults<Custom> extends Omit<Plain<FieldConfig>, 'custom' | 'links'> {
  links?: Link[];
  custom?: Loose<Plain<Custom>>;
}

/** Each property that an override may set, with the type that it has in the defaults. */
type Property<Custom> =
  | { [K in keyof Defaults<Custom> & string]: { id: K; value: Defaults<Custom>[K] } }[Exclude<keyof Defaults<Custom> & string, 'custom'>]
  | { [K in keyof Custom & string]-?: { id: `custom.${K}`; value: Loose<Plain<Custom[K]>> } }[keyof Custom & string];

interface FieldConfigOf<Custom> {
  defaults: Defaults<Custom>;
  overrides: { matcher: { id: string; options?: unknown }; properties: Property<Custom>[] }[];
}

type PanelOf<Kind extends keyof Kinds> = Omit<Plain<Panel>, 'type' | 'options' | 'fieldConfig' | 'targets' | 'links'> & {
  type: Kind;
  options: Loose<Plain<Kinds[Kind]['options']>>;
  fieldConfig?: FieldConfigOf<Kinds[Kind]['custom']>;
  targets?: Target[];
  links?: Link[];
};

/** A panel of any kind that is listed above. */
export type AnyPanel = { [Kind in keyof Kinds]: PanelOf<Kind> }[keyof Kinds];

/** A row; its own panels are in it while it is collapsed. */
type Row = Omit<Plain<RowPanel>, 'panels'> & { panels: AnyPanel[] };

/** Grafana itself writes `definition` for variables that are queries, and an empty `current` while nothing was chosen. */
type Variable = Omit<Plain<VariableModel>, 'current'> & {
  definition?: string;
  current?: Plain<NonNullable<VariableModel['current']>> | Record<string, never>;
};

/** An annotation of Prometheus. The plugin reads these keys, the schema names those that all sources share. */
type Annotation = Omit<Plain<NonNullable<NonNullable<Dashboard['annotations']>['list']>[number]>, 'target' | 'datasource'> & {
  datasource: DataSourceRef;
  expr?: string;
  step?: string;
  titleFormat?: string;
  textFormat?: string;
  tagKeys?: string;
  useValueForTime?: boolean;
  target?: { refId: string; expr?: string; limit?: number; matchAny?: boolean; tags?: string[]; type?: string };
};

/** A dashboard as it stands in a file. */
export type File = Omit<Partial<Plain<Dashboard>>, 'panels' | 'templating' | 'annotations'> & {
  uid: string;
  title: string;
  schemaVersion: number;
  panels: (AnyPanel | Row)[];
  templating?: { list: Variable[] };
  annotations?: { list: Annotation[] };
};
