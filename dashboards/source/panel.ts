//! Panels, typed by Grafana's own schema: a wrong field name does not compile.

import {
  BarGaugeDisplayMode, BarGaugeNamePlacement, BarGaugeSizing, BarGaugeValueMode, BigValueColorMode, BigValueGraphMode, BigValueJustifyMode,
  BigValueTextMode, FieldColorModeId, GraphDrawStyle, GraphGradientMode, LegendDisplayMode, LineInterpolation, MappingType, PercentChangeColorMode,
  SortOrder, StackingMode, TableCellDisplayMode, TableCellHeight, ThresholdsMode, TooltipDisplayMode, VisibilityMode, VizOrientation,
} from '@grafana/schema';
import type {
  DataTransformerConfig, FieldConfig, GraphFieldConfig, Panel, TableCellOptions, TableFieldOptions, Threshold, ValueMapping,
} from '@grafana/schema';
import type { Options as BarChartOptions } from '@grafana/schema/dist/esm/raw/composable/barchart/panelcfg/x/BarChartPanelCfg_types.gen';
import type { Options as BarGaugeOptions } from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type { Options as StatOptions } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { Options as TimelineOptions } from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type { Options as TableOptions } from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type { Options as TimeSeriesOptions } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

/** Every panel asks the data source that the variable names. */
export const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

/** What every panel says of itself. The description answers what it means that the figure is what it is. */
export interface About {
  title: string;
  description: string;
  unit: string;
}

/** A query of a panel. */
export interface Query {
  expr: string;
  /** Names the series in a graph. */
  legend?: string;
}

type Steps = [color: string, from: number | null][];
/** Good below, then worse. */
export const BAD_ABOVE_0: Steps = [['green', null], ['red', 1]];
export const ODD_ABOVE_0: Steps = [['green', null], ['orange', 1]];
export const PLAIN: Steps = [['text', null]];

const thresholds = (steps: Steps) => ({
  mode: ThresholdsMode.Absolute,
  steps: steps.map(([color, value]): Threshold => ({ color, value })),
});

function target(query: Query, at: number, how: 'instant' | 'range' | 'table'): Record<string, unknown> {
  return {
    refId: String.fromCharCode(65 + at),
    datasource: DATASOURCE,
    expr: query.expr,
    legendFormat: query.legend ?? '',
    instant: how !== 'range',
    range: how === 'range',
    ...(how === 'table' ? { format: 'table' } : {}),
  };
}

/** A number that one sees from afar. */
export function stat(about: About, expr: string, steps: Steps, more: { decimals?: number; noValue?: string; mappings?: ValueMapping[]; legend?: string } = {}): Panel {
  const options: StatOptions = {
    colorMode: steps === PLAIN ? BigValueColorMode.None : BigValueColorMode.Background,
    graphMode: BigValueGraphMode.None,
    justifyMode: BigValueJustifyMode.Auto,
    orientation: VizOrientation.Auto,
    percentChangeColorMode: PercentChangeColorMode.Standard,
    reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
    showPercentChange: false,
    textMode: more.legend === undefined ? BigValueTextMode.Value : BigValueTextMode.ValueAndName,
    wideLayout: true,
  };
  return {
    ...head('stat', about, [target({ expr, legend: more.legend }, 0, 'instant')]),
    fieldConfig: {
      defaults: {
        unit: about.unit,
        color: { mode: FieldColorModeId.Thresholds },
        thresholds: thresholds(steps),
        ...(more.decimals === undefined ? {} : { decimals: more.decimals }),
        ...(more.noValue === undefined ? {} : { noValue: more.noValue }),
        ...(more.mappings === undefined ? {} : { mappings: more.mappings }),
      },
      overrides: [],
    },
    options: { ...options },
  };
}

/** Bars, one for each series, longest first where the query sorts. */
export function bars(about: About, query: Query, color = 'blue'): Panel {
  const options: BarGaugeOptions = {
    displayMode: BarGaugeDisplayMode.Basic,
    legend: { calcs: [], displayMode: LegendDisplayMode.List, placement: 'bottom', showLegend: false },
    maxVizHeight: 40,
    minVizHeight: 16,
    minVizWidth: 8,
    namePlacement: BarGaugeNamePlacement.Auto,
    orientation: VizOrientation.Horizontal,
    reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
    showUnfilled: true,
    sizing: BarGaugeSizing.Auto,
    valueMode: BarGaugeValueMode.Color,
    text: { titleSize: 13, valueSize: 16 },
  };
  // Grafana leaves the name of a single bar out, unless it is written here.
  const displayName = (query.legend ?? '').replace(/\{\{(\w+)\}\}/g, '${__field.labels.$1}');
  return {
    ...head('bargauge', about, [target(query, 0, 'instant')]),
    fieldConfig: { defaults: { unit: about.unit, min: 0, displayName, color: { mode: FieldColorModeId.Fixed, fixedColor: color }, thresholds: thresholds(PLAIN) }, overrides: [] },
    options: { ...options },
  };
}

/** Columns over a label with numbers in it, in their order: a histogram of now. */
export function columns(about: About, expr: string, label: string, axis: string): Panel {
  const options: BarChartOptions = {
    barWidth: 0.9,
    fullHighlight: false,
    groupWidth: 0.7,
    legend: { calcs: [], displayMode: LegendDisplayMode.List, placement: 'bottom', showLegend: false },
    orientation: VizOrientation.Vertical,
    showValue: VisibilityMode.Auto,
    stacking: StackingMode.None,
    tooltip: { mode: TooltipDisplayMode.Single, sort: SortOrder.None },
    xField: axis,
    xTickLabelMaxLength: 0,
    xTickLabelRotation: 0,
  };
  const transformations: DataTransformerConfig[] = [
    { id: 'filterFieldsByName', options: { include: { names: [label, 'Value'] } } },
    { id: 'convertFieldType', options: { conversions: [{ targetField: label, destinationType: 'number' }] } },
    { id: 'sortBy', options: { sort: [{ field: label }] } },
    { id: 'organize', options: { renameByName: { [label]: axis, Value: about.title } } },
  ];
  return {
    ...head('barchart', about, [target({ expr }, 0, 'table')]),
    fieldConfig: {
      defaults: { unit: about.unit, decimals: 0, min: 0, color: { mode: FieldColorModeId.Fixed, fixedColor: 'blue' }, custom: { fillOpacity: 85, lineWidth: 0, gradientMode: GraphGradientMode.None } },
      overrides: [],
    },
    options: { ...options },
    transformations,
  };
}

/** Lines over time. */
export function lines(about: About, queries: Query[], more: { max?: number; stacked?: boolean; soft?: number; steps?: boolean; colors?: Record<string, string> } = {}): Panel {
  const options: TimeSeriesOptions = {
    legend: { calcs: [], displayMode: LegendDisplayMode.List, placement: 'bottom', showLegend: true },
    tooltip: { mode: TooltipDisplayMode.Multi, sort: SortOrder.Descending },
  };
  const custom: GraphFieldConfig = {
    drawStyle: GraphDrawStyle.Line,
    fillOpacity: more.stacked === true ? 25 : 8,
    lineInterpolation: more.steps === true ? LineInterpolation.StepAfter : LineInterpolation.Linear,
    lineWidth: 2,
    showPoints: VisibilityMode.Never,
    spanNulls: false,
    stacking: { group: 'A', mode: more.stacked === true ? StackingMode.Normal : StackingMode.None },
    ...(more.soft === undefined ? {} : { axisSoftMax: more.soft }),
  };
  const defaults: FieldConfig = {
    unit: about.unit,
    min: 0,
    color: { mode: FieldColorModeId.PaletteClassic },
    custom: { ...custom },
    ...(more.max === undefined ? {} : { max: more.max }),
  };
  const overrides = Object.entries(more.colors ?? {}).map(([name, fixedColor]) => ({
    matcher: { id: 'byName', options: name },
    properties: [{ id: 'color', value: { mode: FieldColorModeId.Fixed, fixedColor } }],
  }));
  return { ...head('timeseries', about, queries.map((query, at) => target(query, at, 'range'))), fieldConfig: { defaults, overrides }, options: { ...options } };
}

/** One band for each series: what it was when. `words` are the texts and colours of its values. */
export function timeline(about: About, query: Query, words: Record<string, [text: string, color: string]>): Panel {
  const options: TimelineOptions = {
    legend: { calcs: [], displayMode: LegendDisplayMode.List, placement: 'bottom', showLegend: false },
    mergeValues: true,
    rowHeight: 0.85,
    showValue: VisibilityMode.Never,
    tooltip: { mode: TooltipDisplayMode.Single, sort: SortOrder.None },
  };
  const mappings = [valueWords(words)];
  return {
    ...head('state-timeline', about, [target(query, 0, 'range')]),
    maxDataPoints: 300,
    fieldConfig: { defaults: { unit: about.unit, mappings, color: { mode: FieldColorModeId.Thresholds }, thresholds: thresholds(PLAIN), custom: { fillOpacity: 80, lineWidth: 0 } }, overrides: [] },
    options: { ...options },
  };
}

/** Values that are words: 1 is "up". */
export function valueWords(words: Record<string, [text: string, color: string]>): ValueMapping {
  const options = Object.fromEntries(Object.entries(words).map(([value, [text, color]], index) => [value, { text, color, index }]));
  return { type: MappingType.ValueToText, options };
}

/** A column of a table: a label, or the value of a query (`A`, `B` …). */
export interface Column {
  /** The label's name, or the query's letter. */
  of: string;
  title: string;
  unit?: string;
  decimals?: number;
  steps?: Steps;
  /** The word for a value that is there. */
  words?: Record<string, [text: string, color: string]>;
  width?: number;
  /** Where the cell leads: one of LINKS. */
  link?: Link;
}

/** Where a cell leads, with the labels of its row. */
export interface Link {
  title: string;
  url: string;
}

const TEXT: TableCellOptions = { type: TableCellDisplayMode.Auto };
const COLORED: TableCellOptions = { type: TableCellDisplayMode.ColorText };

/** A table of now. Several queries are joined by the labels that their series share. */
export function table(about: About, queries: string[], shown: Column[], sort: { by: string; descending?: boolean }): Panel {
  const several = queries.length > 1;
  const field = (of: string) => (/^[A-Z]$/.test(of) ? (several ? `Value #${of}` : 'Value') : of);
  const options: TableOptions = {
    cellHeight: TableCellHeight.Sm,
    frameIndex: 0,
    showHeader: true,
    sortBy: [{ displayName: sort.by, desc: sort.descending === true }],
  };
  const transformations: DataTransformerConfig[] = [
    ...(several ? [{ id: 'merge', options: {} }] : []),
    { id: 'filterFieldsByName', options: { include: { names: shown.map((column) => field(column.of)) } } },
    {
      id: 'organize',
      options: {
        indexByName: Object.fromEntries(shown.map((column, at) => [field(column.of), at])),
        renameByName: Object.fromEntries(shown.map((column) => [field(column.of), column.title])),
      },
    },
  ];
  const overrides = shown.map((column) => {
    const cell: TableCellOptions = column.steps === undefined && column.words === undefined ? TEXT : COLORED;
    const properties: { id: string; value?: unknown }[] = [
      { id: 'unit', value: column.unit ?? 'string' },
      { id: 'custom.cellOptions', value: cell },
    ];
    if (column.unit === undefined && column.words === undefined) properties.push({ id: 'custom.filterable', value: true });
    if (column.decimals !== undefined) properties.push({ id: 'decimals', value: column.decimals });
    if (column.width !== undefined) properties.push({ id: 'custom.width', value: column.width });
    if (column.steps !== undefined) properties.push({ id: 'thresholds', value: thresholds(column.steps) });
    if (column.words !== undefined) properties.push({ id: 'mappings', value: [valueWords(column.words)] });
    if (column.link !== undefined) properties.push({ id: 'links', value: [{ ...column.link, targetBlank: false }] });
    return { matcher: { id: 'byName', options: column.title }, properties };
  });
  const custom: Pick<TableFieldOptions, 'filterable' | 'inspect' | 'minWidth'> = { filterable: false, inspect: false, minWidth: 70 };
  return {
    ...head('table', about, queries.map((expr, at) => target({ expr }, at, 'table'))),
    fieldConfig: { defaults: { unit: about.unit, color: { mode: FieldColorModeId.Thresholds }, thresholds: thresholds(PLAIN), custom: { ...custom } }, overrides },
    options: { ...options },
    transformations,
  };
}

function head(type: string, about: About, targets: Record<string, unknown>[]): Panel {
  return { type, title: about.title, description: about.description, datasource: DATASOURCE, targets };
}
