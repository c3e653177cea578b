// Panels that show one value for each series: stat, bargauge and gauge.

import { type FieldConfigSource, type FieldDisplay, getDisplayValueAlignmentFactors, getFieldDisplayValues, type VizOrientation } from '@grafana/data';
import {
  defaultOptions as barGaugeOptions,
  type Options as BarGaugeOptions,
} from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import { defaultOptions as statOptions, type Options as StatOptions } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import { type SingleStatBaseOptions } from '@grafana/schema';
import { BarGauge, BigValue, BigValueTextMode, VizRepeater } from '@grafana/ui';
import { Gauge } from './gauge';
import { optionsOf, type Props } from './kind';

/** The values that a panel of this family shows, reduced as its options say. */
function values({ data, fieldConfig, theme, replace, range }: Props, options: Partial<SingleStatBaseOptions>, sparkline: boolean): FieldDisplay[] {
  const found = getFieldDisplayValues({
    fieldConfig: fieldConfig as FieldConfigSource,
    reduceOptions: { calcs: ['lastNotNull'], values: false, ...options.reduceOptions },
    replaceVariables: replace,
    theme,
    data,
    sparkline,
    timeZone: 'utc',
  });
  for (const { sparkline: line } of found) {
    if (line) {
      line.timeRange = range;
    }
  }
  return found;
}

export function Stat(props: Props) {
  const options = optionsOf<StatOptions>({ orientation: 'auto', ...statOptions }, props.panel);
  const nameless = options.textMode === BigValueTextMode.Auto && props.fieldConfig.defaults.displayName && props.panel.title === '';
  return (
    <VizRepeater
      getValues={() => values(props, options, options.graphMode !== 'none')}
      getAlignmentFactors={(found: FieldDisplay[]) => getDisplayValueAlignmentFactors(found)}
      renderValue={({ value, width, height, alignmentFactors, count }) => (
        <BigValue
          value={value.display}
          count={count}
          sparkline={value.sparkline}
          colorMode={options.colorMode as never}
          graphMode={options.graphMode as never}
          justifyMode={options.justifyMode as never}
          textMode={nameless ? BigValueTextMode.ValueAndName : (options.textMode as never)}
          percentChangeColorMode={options.percentChangeColorMode}
          alignmentFactors={alignmentFactors}
          text={options.text}
          disableWideLayout={!options.wideLayout}
          width={width}
          height={height}
          theme={props.theme}
        />
      )}
      width={props.width}
      height={props.height}
      source={props.data}
      itemSpacing={3}
      renderCounter={0}
      autoGrid
      orientation={options.orientation as VizOrientation}
    />
  );
}

export function BarGauges(props: Props) {
  const options = optionsOf<BarGaugeOptions>({ orientation: 'auto', ...barGaugeOptions }, props.panel);
  const manual = options.sizing === 'manual';
  return (
    <VizRepeater
      getValues={() => values(props, options, false)}
      getAlignmentFactors={(found: FieldDisplay[]) => getDisplayValueAlignmentFactors(found)}
      renderValue={({ value, width, height, orientation, alignmentFactors, count }) => (
        <BarGauge
          value={count > 1 || value.field.displayName ? value.display : { ...value.display, title: undefined }}
          field={value.field}
          display={value.view?.getFieldDisplayProcessor(value.colIndex ?? 0)}
          text={options.text}
          width={width}
          height={height}
          orientation={orientation}
          theme={props.theme}
          itemSpacing={10}
          lcdCellWidth={12}
          displayMode={options.displayMode}
          alignmentFactors={count > 1 ? alignmentFactors : undefined}
          showUnfilled={options.showUnfilled}
          valueDisplayMode={options.valueMode}
          namePlacement={options.namePlacement}
        />
      )}
      width={props.width}
      height={props.height}
      source={props.data}
      itemSpacing={10}
      renderCounter={0}
      minVizWidth={manual ? options.minVizWidth : 0}
      minVizHeight={manual ? options.minVizHeight : 16}
      maxVizHeight={manual ? options.maxVizHeight : 300}
      orientation={options.orientation as VizOrientation}
    />
  );
}

export function Gauges(props: Props) {
  const options = props.panel.options as Partial<SingleStatBaseOptions>;
  return (
    <VizRepeater
      getValues={() => values(props, options, false)}
      renderValue={({ value, width, height, count }) => <Gauge value={value} named={count > 1} width={width} height={height} theme={props.theme} />}
      width={props.width}
      height={props.height}
      source={props.data}
      itemSpacing={10}
      renderCounter={0}
      autoGrid
      orientation={(options.orientation ?? 'auto') as VizOrientation}
    />
  );
}
