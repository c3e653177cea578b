// A frame as rows and columns.

import type { FieldConfigSource } from '@grafana/data';
import { defaultOptions, type Options } from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import { TableNG } from '@grafana/ui/unstable';
import { optionsOf, type Props } from './kind';
import { Nothing } from './timeseries';

export function Table({ panel, data, fieldConfig, range, width, height }: Props) {
  const options = optionsOf<Options>(defaultOptions, panel);
  const frame = data[options.frameIndex ?? 0];
  if (frame === undefined || frame.fields.length === 0) {
    return <Nothing />;
  }
  return (
    <TableNG
      data={frame}
      width={width}
      height={height}
      noHeader={!options.showHeader}
      showTypeIcons={options.showTypeIcons}
      resizable
      sortBy={options.sortBy}
      cellHeight={options.cellHeight}
      maxRowHeight={options.maxRowHeight}
      enablePagination={options.enablePagination}
      pageSize={options.pageSize}
      frozenColumns={options.frozenColumns?.left}
      fieldConfig={fieldConfig as FieldConfigSource}
      noValue={fieldConfig.defaults.noValue as string | undefined}
      timeRange={range}
      structureRev={1}
      enableVirtualization
    />
  );
}
