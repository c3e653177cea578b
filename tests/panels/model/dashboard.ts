// Reading a dashboard's JSON: its panels where they are drawn, with every row opened.
//
// Pure. Only what the renderer needs is named here; whether a file is right at all is schema/types.ts's business.

export interface GridPos {
  x: number;
  y: number;
  w: number;
  h: number;
}

export interface Target {
  refId: string;
  expr: string;
  legendFormat?: string;
  instant?: boolean;
  range?: boolean;
  format?: string;
  interval?: string;
  intervalFactor?: number;
  hide?: boolean;
}

export interface Link {
  title: string;
  url?: string;
  type?: string;
  tags?: string[];
  targetBlank?: boolean;
}

export interface FieldConfig {
  defaults: Record<string, unknown> & { custom?: Record<string, unknown> };
  overrides: { matcher: { id: string; options?: unknown }; properties: { id: string; value?: unknown }[] }[];
}

export interface Transformation {
  id: string;
  options?: unknown;
  disabled?: boolean;
}

export interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  at: GridPos;
  targets: Target[];
  transformations: Transformation[];
  fieldConfig: FieldConfig;
  options: Record<string, unknown>;
  links: Link[];
  interval?: string;
  maxDataPoints?: number;
  timeFrom?: string;
  transparent: boolean;
  /** What the file asks for and the renderer cannot do. */
  refused: string[];
}

export interface Row {
  id: number;
  title: string;
  at: GridPos;
}

export interface Variable {
  name: string;
  type: string;
  label?: string;
  query?: unknown;
  regex?: string;
  sort?: number;
  multi: boolean;
  includeAll: boolean;
  allValue?: string;
  hide: number;
  current?: { text?: string | string[]; value?: string | string[] };
}

export interface Annotation {
  name: string;
  expr: string;
  step?: string;
  titleFormat?: string;
  iconColor: string;
}

export interface Dashboard {
  uid: string;
  title: string;
  time: { from: string; to: string };
  variables: Variable[];
  annotations: Annotation[];
  links: Link[];
  panels: Panel[];
  rows: Row[];
}

/**
 * The dashboard that a file holds.
 *
 * @throws when it is not a dashboard of the classic kind, with what is missing.
 */
export function readDashboard(text: string): Dashboard {
  const file = JSON.parse(text) as Json;
  for (const key of ['uid', 'title'] as const) {
    if (typeof file[key] !== 'string' || file[key] === '') {
      throw new Error(`no ${key}: not a dashboard`);
    }
  }
  if (!Array.isArray(file.panels)) {
    throw new Error('no list of panels: only the classic schema is drawn');
  }
  return {
    uid: file.uid as string,
    title: file.title as string,
    time: { from: 'now-6h', to: 'now', ...(file.time as object) },
    variables: list(part(file, 'templating').list).map(readVariable),
    annotations: list(part(file, 'annotations').list).filter(isOurs).map(readAnnotation),
    links: list(file.links) as unknown as Link[],
    ...place(list(file.panels)),
  };
}

type Json = Record<string, unknown>;

const list = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : []);
const part = (of: Json, key: string): Json => (of[key] ?? {}) as Json;

/** Rows, and panels where they stand when every row is open: opening one moves what follows it down, as in Grafana. */
function place(items: Json[]): { panels: Panel[]; rows: Row[] } {
  const panels: Panel[] = [];
  const rows: Row[] = [];
  let shift = 0;
  const position = (item: Json): GridPos => ({ x: 0, y: 0, w: 24, h: 1, ...(item.gridPos as Partial<GridPos>) });
  for (const item of [...items].sort((a, b) => position(a).y - position(b).y)) {
    const at = position(item);
    at.y += shift;
    if (item.type !== 'row') {
      panels.push(readPanel(item, at));
      continue;
    }
    rows.push({ id: item.id as number, title: (item.title as string) ?? '', at });
    const inside = list(item.panels);
    if (inside.length === 0) {
      continue;
    }
    const top = Math.min(...inside.map((panel) => position(panel).y));
    const bottom = Math.max(...inside.map((panel) => position(panel).y + position(panel).h));
    for (const panel of inside) {
      const own = position(panel);
      panels.push(readPanel(panel, { ...own, y: own.y - top + at.y + 1 }));
    }
    shift += bottom - top;
  }
  return { panels, rows };
}

function readPanel(panel: Json, at: GridPos): Panel {
  const refused = [];
  for (const key of ['repeat', 'libraryPanel', 'timeShift']) {
    if (panel[key] !== undefined && panel[key] !== null && panel[key] !== '') {
      refused.push(`"${key}" is not drawn`);
    }
  }
  return {
    id: panel.id as number,
    type: panel.type as string,
    title: (panel.title as string) ?? '',
    description: panel.description as string | undefined,
    at,
    targets: list(panel.targets) as unknown as Target[],
    transformations: list(panel.transformations) as unknown as Transformation[],
    fieldConfig: openEnded({ defaults: {}, overrides: [], ...(panel.fieldConfig as object) }),
    options: part(panel, 'options'),
    links: list(panel.links) as unknown as Link[],
    interval: panel.interval as string | undefined,
    maxDataPoints: panel.maxDataPoints as number | undefined,
    timeFrom: panel.timeFrom as string | undefined,
    transparent: panel.transparent === true,
    refused,
  };
}

/** JSON has no infinity: the first step of thresholds is written as null, and Grafana puts it back on loading. */
function openEnded(config: FieldConfig): FieldConfig {
  const open = (thresholds: unknown) => {
    for (const step of list((thresholds as Json | undefined)?.steps).slice(0, 1)) {
      step.value ??= -Infinity;
    }
  };
  open(config.defaults.thresholds);
  for (const { properties } of config.overrides) {
    properties.filter(({ id }) => id === 'thresholds').forEach(({ value }) => open(value));
  }
  return config;
}

function readVariable(variable: Json): Variable {
  return {
    name: variable.name as string,
    type: variable.type as string,
    label: variable.label as string | undefined,
    query: variable.query,
    regex: variable.regex as string | undefined,
    sort: variable.sort as number | undefined,
    multi: variable.multi === true,
    includeAll: variable.includeAll === true,
    allValue: (variable.allValue as string | null | undefined) || undefined,
    hide: (variable.hide as number | undefined) ?? 0,
    current: variable.current as Variable['current'],
  };
}

/** Grafana's own annotations ("Annotations & Alerts") live in its database. */
const isOurs = (annotation: Json) => annotation.builtIn !== 1 && annotation.enable !== false;

function readAnnotation(annotation: Json): Annotation {
  return {
    name: annotation.name as string,
    expr: (annotation.expr ?? part(annotation, 'target').expr ?? '') as string,
    step: annotation.step as string | undefined,
    titleFormat: annotation.titleFormat as string | undefined,
    iconColor: (annotation.iconColor as string) ?? 'blue',
  };
}
