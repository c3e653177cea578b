// All that a dashboard asks for: its variables in their order, then its annotations and every panel's queries.
//
// Asks Prometheus; draws nothing. A query that fails is kept as an answer with an error, so that one does not hide the others.

import { rangeUtil } from '@grafana/data';
import type { Answer, Event, Labels, Marks, Result, Sheet } from '../model/answers';
import type { Annotation, Dashboard, Panel, Target, Variable } from '../model/dashboard';
import { interpolate, promql, unknownVariables, type Values } from '../model/interpolate';
import { box } from '../model/layout';
import { builtIn, builtInSteps, span, type Span, steps } from '../model/range';
import { choose, options, type Option, ownOptions, question, queryText } from '../model/variables';
import type { Prometheus } from './prometheus';

export interface Wishes {
  /** `now-6h..now` instead of the dashboard's own. */
  time?: { from: string; to: string };
  /** Values of variables, by name or by `uid/name`. */
  variables: Record<string, string>;
  /** The scrape interval that the data source is configured with. */
  scrape: string;
  now: number;
}

/** @throws when a variable has no answer: no query could be asked then. */
export async function collect(dashboard: Dashboard, prometheus: Prometheus, wishes: Wishes): Promise<Sheet> {
  const whole = span(wishes.time ?? dashboard.time, wishes.now);
  const values: Values = builtIn(whole, dashboard);
  for (const variable of dashboard.variables) {
    const wanted = wishes.variables[`${dashboard.uid}/${variable.name}`] ?? wishes.variables[variable.name];
    values[variable.name] = choose(variable, await possible(variable, values, prometheus, whole), wanted);
  }
  const sheet: Sheet = { dashboard, span: whole, values, answers: {}, spans: {}, marks: [] };
  for (const annotation of dashboard.annotations) {
    sheet.marks.push(await marks(annotation, values, prometheus, whole));
  }
  for (const panel of dashboard.panels) {
    const own = panel.timeFrom ? span({ from: `now-${panel.timeFrom}`, to: 'now' }, wishes.now) : whole;
    const asked = panel.targets.filter(({ hide }) => hide !== true);
    sheet.spans[panel.id] = own;
    sheet.answers[panel.id] = (await Promise.all(asked.map((target) => ask(target, panel, values, prometheus, own, wishes)))).flat();
  }
  return sheet;
}

async function possible(variable: Variable, values: Values, prometheus: Prometheus, within: Span): Promise<Option[]> {
  const own = ownOptions(variable);
  if (own) {
    return own;
  }
  if (variable.type !== 'query') {
    throw new Error(`variable ${variable.name}: the type "${variable.type}" is not drawn`);
  }
  const text = written(queryText(variable), values);
  try {
    const asked = question(text);
    switch (asked.ask) {
      case 'label_values':
        return options(await prometheus.labelValues(asked.label, asked.match, within), variable);
      case 'label_names':
        return options(await prometheus.labelNames(asked.match, within), variable);
      case 'metrics': {
        const pattern = new RegExp(asked.pattern);
        return options((await prometheus.labelValues('__name__', undefined, within)).filter((name) => pattern.test(name)), variable);
      }
      case 'query_result':
        return options(lines(await prometheus.query(asked.expr, within.to)), variable);
    }
  } catch (error) {
    throw new Error(`variable ${variable.name}: ${text}: ${(error as Error).message}`);
  }
}

/** A vector as `query_result` gives it to a variable's regular expression. */
function lines(result: Result): string[] {
  if (result.resultType !== 'vector') {
    return result.resultType === 'scalar' ? [result.result[1]] : [];
  }
  return result.result.map(({ metric: { __name__: name = '', ...labels }, value: [at, value] }) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
    return `${name}{${pairs.join(',')}} ${value} ${Math.round(at * 1000)}`;
  });
}

async function ask(target: Target, panel: Panel, values: Values, prometheus: Prometheus, own: Span, { scrape }: Wishes): Promise<Answer[]> {
  const taken = steps(own, box(panel.at).width, scrape, panel, target);
  const answer: Answer = {
    refId: target.refId,
    expr: target.expr,
    legend: target.legendFormat,
    format: target.format ?? 'time_series',
  };
  const kinds = target.instant === true ? (target.range === true ? ['range', 'instant'] : ['instant']) : ['range'];
  return Promise.all(
    kinds.map(async (kind) => {
      try {
        const expr = written(target.expr, { ...values, ...builtInSteps(taken) });
        return kind === 'instant'
          ? { ...answer, expr, result: await prometheus.query(expr, own.to) }
          : { ...answer, expr, step: taken.interval, result: await prometheus.queryRange(expr, own, taken.interval) };
      } catch (error) {
        return { ...answer, error: (error as Error).message };
      }
    })
  );
}

/** @throws when a variable is named that does not exist. */
function written(text: string, values: Values): string {
  const expr = interpolate(text, (name) => values[name], promql);
  const unknown = unknownVariables(expr);
  if (unknown.length > 0) {
    throw new Error(`no variable ${unknown.map((name) => `$${name}`).join(', ')}`);
  }
  return expr;
}

const USUAL_STEP = 60_000;

/** Grafana's rule: while a series is above zero an event lasts; each gap of a step begins a new one. */
async function marks(annotation: Annotation, values: Values, prometheus: Prometheus, within: Span): Promise<Marks> {
  const found: Marks = { name: annotation.name, color: annotation.iconColor, events: [] };
  try {
    const own = annotation.step ? rangeUtil.intervalToMs(annotation.step) : USUAL_STEP;
    const step = Math.max(own, Math.ceil((within.to - within.from) / 11_000));
    const expr = written(annotation.expr, { ...values, ...builtInSteps({ interval: step, rate: 4 * step }) });
    const result = await prometheus.queryRange(expr, within, step);
    if (result.resultType === 'matrix') {
      for (const { metric, values: samples } of result.result) {
        const title = titled(annotation, metric);
        const on = samples.filter(([, value]) => Number(value) > 0).map(([at]) => at * 1000);
        found.events.push(...joined(on, step).map((event) => ({ ...event, title })));
      }
    }
  } catch (error) {
    found.error = (error as Error).message;
  }
  return found;
}

function joined(moments: number[], step: number): Omit<Event, 'title'>[] {
  const events: Omit<Event, 'title'>[] = [];
  for (const at of moments) {
    const last = events.at(-1);
    if (last && at - last.until <= step) {
      last.until = at;
    } else {
      events.push({ time: at, until: at });
    }
  }
  return events;
}

const titled = ({ titleFormat, name }: Annotation, labels: Labels) =>
  titleFormat ? titleFormat.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label: string) => labels[label] ?? '') : name;
