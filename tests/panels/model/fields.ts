// Units, thresholds, mappings, links and overrides of fields, by @grafana/data's own rules.
//
// May use @grafana/data and @grafana/schema. What each kind of panel assumes when a dashboard says nothing stands here, because
// Grafana keeps it in its plugins, which no package has.

import {
  applyFieldOverrides,
  type DataFrame,
  type Field,
  FieldConfigOptionsRegistry,
  type FieldConfigPropertyItem,
  type FieldConfigSource,
  fieldMatchers,
  type GrafanaTheme2,
  identityOverrideProcessor,
  type InterpolateFunction,
  stringOverrideProcessor,
} from '@grafana/data';
import { defaultFieldConfig as barchart } from '@grafana/schema/dist/esm/raw/composable/barchart/panelcfg/x/BarChartPanelCfg_types.gen';
import { defaultFieldConfig as histogram } from '@grafana/schema/dist/esm/raw/composable/histogram/panelcfg/x/HistogramPanelCfg_types.gen';
import { defaultFieldConfig as stateTimeline } from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type { FieldConfig, Panel } from './dashboard';

const STANDARD = [
  'unit',
  'min',
  'max',
  'fieldMinMax',
  'decimals',
  'displayName',
  'description',
  'noValue',
  'thresholds',
  'mappings',
  'links',
  'actions',
  'color',
  'filterable',
];

const TIMESERIES = {
  drawStyle: 'line',
  lineInterpolation: 'linear',
  lineWidth: 1,
  fillOpacity: 0,
  gradientMode: 'none',
  barAlignment: 0,
  barWidthFactor: 0.6,
  stacking: { mode: 'none', group: 'A' },
  showPoints: 'auto',
  pointSize: 5,
  spanNulls: false,
  insertNulls: false,
  axisPlacement: 'auto',
  axisLabel: '',
  axisColorMode: 'text',
  axisBorderShow: false,
  axisCenteredZero: false,
  axisGridShow: true,
  scaleDistribution: { type: 'linear' },
  thresholdsStyle: { mode: 'off' },
  hideFrom: { legend: false, tooltip: false, viz: false },
};

const CUSTOM: Record<string, object> = {
  barchart,
  histogram,
  'state-timeline': stateTimeline,
  table: { align: 'auto', cellOptions: { type: 'auto' }, inspect: false, footer: { reducers: [] } },
  timeseries: TIMESERIES,
};

const PALETTE = new Set(['timeseries', 'barchart', 'histogram']);

/** The panel's own configuration over what its kind assumes. */
export function completed({ type, fieldConfig }: Panel): FieldConfig {
  const { custom, ...defaults } = fieldConfig.defaults;
  return {
    defaults: {
      color: { mode: PALETTE.has(type) ? 'palette-classic' : type === 'state-timeline' ? 'continuous-GrYlRd' : 'thresholds' },
      thresholds: {
        mode: 'absolute',
        steps: [
          { color: 'green', value: -Infinity },
          { color: 'red', value: 80 },
        ],
      },
      ...defaults,
      custom: { ...CUSTOM[type], ...custom },
    },
    overrides: fieldConfig.overrides,
  };
}

/**
 * Frames whose fields are ready to be shown.
 *
 * @throws on an override that Grafana would pass over in silence.
 */
export function configured(data: DataFrame[], panel: Panel, theme: GrafanaTheme2, replace: InterpolateFunction): DataFrame[] {
  const config = completed(panel);
  for (const { matcher, properties } of config.overrides) {
    if (!fieldMatchers.getIfExists(matcher.id)) {
      throw new Error(`there is no matcher "${matcher.id}" for overrides`);
    }
    for (const { id } of properties) {
      if (!STANDARD.includes(id) && !id.startsWith('custom.')) {
        throw new Error(`there is no property "${id}" to override`);
      }
    }
  }
  return applyFieldOverrides({
    data,
    fieldConfig: config as FieldConfigSource,
    fieldConfigRegistry: registry(config),
    replaceVariables: replace,
    theme,
    timeZone: 'utc',
  });
}

/** Overrides that fit no field of the panel's data: leftovers of another query, or slips. */
export function idleOverrides(data: DataFrame[], { fieldConfig, transformations }: Panel): string[] {
  // A column that a transformation names is there only while some series has the label.
  const named = new Set<unknown>(transformations.flatMap(({ options }) => Object.values((options as { renameByName?: Record<string, string> }).renameByName ?? {})));
  const fields = data.flatMap((frame) => frame.fields.map((field) => ({ frame, field })));
  return fieldConfig.overrides
    .filter(({ matcher }) => {
      if (matcher.id === 'byName' && named.has(matcher.options)) {
        return false;
      }
      const matches = fieldMatchers.getIfExists(matcher.id)?.get(matcher.options);
      return matches !== undefined && !fields.some(({ frame, field }) => matches(field, frame, data));
    })
    .map(({ matcher }) => `${matcher.id} ${JSON.stringify(matcher.options)}`);
}

/** Grafana's table of properties: the standard ones, and each custom one that this panel sets. */
function registry({ defaults, overrides }: FieldConfig): FieldConfigOptionsRegistry {
  const custom = new Set([
    ...Object.keys(defaults.custom ?? {}),
    ...overrides.flatMap(({ properties }) =>
      properties.map(({ id }) => id).filter((id) => id.startsWith('custom.')).map((id) => id.slice('custom.'.length))
    ),
  ]);
  const item = (id: string, path: string, isCustom: boolean): FieldConfigPropertyItem => ({
    id,
    path,
    isCustom,
    name: path,
    editor: () => null,
    override: () => null,
    // A name may hold variables of the field it names.
    process: path === 'displayName' ? stringOverrideProcessor : identityOverrideProcessor,
    settings: path === 'displayName' ? { expandTemplateVars: true } : {},
    shouldApply: (_: Field) => true,
  });
  return new FieldConfigOptionsRegistry(() => [
    ...STANDARD.map((id) => item(id, id, false)),
    ...[...custom].map((path) => item(`custom.${path}`, path, true)),
  ]);
}
