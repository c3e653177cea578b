//! Panels, typed by Grafana's own schema: a wrong field name does not compile.
import { BarGaugeDisplayMode, BarGaugeNamePlacement, BarGaugeSizing, BarGaugeValueMode, BigValueColorMode, BigValueGraphMode, BigValueJustifyMode, BigValueTextMode, FieldColorModeId, GraphDrawStyle, GraphGradientMode, LegendDisplayMode, LineInterpolation, MappingType, PercentChangeColorMode, SortOrder, StackingMode, TableCellDisplayMode, TableCellHeight, ThresholdsMode, TooltipDisplayMode, VisibilityMode, VizOrientation, } from '@grafana/schema';
/** Every panel asks the data source that the variable names. */
export const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
/** Good below, then worse. */
export const BAD_ABOVE_0 = [['green', null], ['red', 1]];
export const ODD_ABOVE_0 = [['green', null], ['orange', 1]];
export const PLAIN = [['text', null]];
const thresholds = (steps) => ({
    mode: ThresholdsMode.Absolute,
    steps: steps.map(([color, value]) => ({ color, value })),
});
function target(query, at, how) {
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
export function stat(about, expr, steps, more = {}) {
    const options = {
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
export function bars(about, query, color = 'blue') {
    const options = {
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
    };
    return {
        ...head('bargauge', about, [target(query, 0, 'instant')]),
        fieldConfig: { defaults: { unit: about.unit, min: 0, color: { mode: FieldColorModeId.Fixed, fixedColor: color }, thresholds: thresholds(PLAIN) }, overrides: [] },
        options: { ...options },
    };
}
/** Columns over a label with numbers in it, in their order: a histogram of now. `colors` name the columns that begin at a number. */
export function columns(about, expr, label, axis, steps) {
    const options = {
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
        colorByField: axis,
    };
    const transformations = [
        { id: 'filterFieldsByName', options: { include: { names: [label, 'Value'] } } },
        { id: 'convertFieldType', options: { conversions: [{ targetField: label, destinationType: 'number' }] } },
        { id: 'sortBy', options: { sort: [{ field: label }] } },
        { id: 'organize', options: { renameByName: { [label]: axis, Value: about.title } } },
    ];
    return {
        ...head('barchart', about, [target({ expr }, 0, 'table')]),
        fieldConfig: {
            defaults: { unit: about.unit, decimals: 0, min: 0, color: { mode: FieldColorModeId.Thresholds }, thresholds: thresholds(PLAIN), custom: { fillOpacity: 85, lineWidth: 0, gradientMode: GraphGradientMode.None } },
            overrides: [{ matcher: { id: 'byName', options: axis }, properties: [{ id: 'thresholds', value: thresholds(steps) }, { id: 'unit', value: 'none' }] }],
        },
        options: { ...options },
        transformations,
    };
}
/** Lines over time. */
export function lines(about, queries, more = {}) {
    const options = {
        legend: { calcs: [], displayMode: LegendDisplayMode.List, placement: 'bottom', showLegend: true },
        tooltip: { mode: TooltipDisplayMode.Multi, sort: SortOrder.Descending },
    };
    const custom = {
        drawStyle: GraphDrawStyle.Line,
        fillOpacity: more.stacked === true ? 25 : 8,
        lineInterpolation: more.steps === true ? LineInterpolation.StepAfter : LineInterpolation.Linear,
        lineWidth: 2,
        showPoints: VisibilityMode.Never,
        spanNulls: false,
        stacking: { group: 'A', mode: more.stacked === true ? StackingMode.Normal : StackingMode.None },
        ...(more.soft === undefined ? {} : { axisSoftMax: more.soft }),
    };
    const defaults = {
        unit: about.unit,
        min: 0,
        color: { mode: FieldColorModeId.PaletteClassicByName },
        custom: { ...custom },
        ...(more.max === undefined ? {} : { max: more.max }),
    };
    return { ...head('timeseries', about, queries.map((query, at) => target(query, at, 'range'))), fieldConfig: { defaults, overrides: [] }, options: { ...options } };
}
/** One band for each series: what it was when. `words` are the texts and colours of its values. */
export function timeline(about, query, words) {
    const options = {
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
export function valueWords(words) {
    const options = Object.fromEntries(Object.entries(words).map(([value, [text, color]], index) => [value, { text, color, index }]));
    return { type: MappingType.ValueToText, options };
}
const TEXT = { type: TableCellDisplayMode.Auto };
const COLORED = { type: TableCellDisplayMode.ColorText };
/** A table of now. Several queries are joined by the labels that their series share. */
export function table(about, queries, shown, sort) {
    const several = queries.length > 1;
    const field = (of) => (/^[A-Z]$/.test(of) ? (several ? `Value #${of}` : 'Value') : of);
    const options = {
        cellHeight: TableCellHeight.Sm,
        frameIndex: 0,
        showHeader: true,
        sortBy: [{ displayName: sort.by, desc: sort.descending === true }],
    };
    const transformations = [
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
        const cell = column.steps === undefined && column.words === undefined ? TEXT : COLORED;
        const properties = [
            { id: 'unit', value: column.unit ?? 'string' },
            { id: 'custom.cellOptions', value: cell },
        ];
        if (column.decimals !== undefined)
            properties.push({ id: 'decimals', value: column.decimals });
        if (column.width !== undefined)
            properties.push({ id: 'custom.width', value: column.width });
        if (column.steps !== undefined)
            properties.push({ id: 'thresholds', value: thresholds(column.steps) });
        if (column.words !== undefined)
            properties.push({ id: 'mappings', value: [valueWords(column.words)] });
        if (column.link !== undefined)
            properties.push({ id: 'links', value: [{ ...column.link, targetBlank: false }] });
        return { matcher: { id: 'byName', options: column.title }, properties };
    });
    const custom = { filterable: true, inspect: false };
    return {
        ...head('table', about, queries.map((expr, at) => target({ expr }, at, 'table'))),
        fieldConfig: { defaults: { unit: about.unit, color: { mode: FieldColorModeId.Thresholds }, thresholds: thresholds(PLAIN), custom: { ...custom } }, overrides },
        options: { ...options },
        transformations,
    };
}
function head(type, about, targets) {
    return { type, title: about.title, description: about.description, datasource: DATASOURCE, targets };
}
