// The time that a dashboard shows, the steps of its queries, and the variables that Grafana itself defines.
//
// Pure: the moment that "now" means is an argument.

import { dateMath, dateTime, rangeUtil, type TimeRange } from '@grafana/data';
import type { Panel, Target } from './dashboard';
import { lone, type Values } from './interpolate';

/** What travels between programs; milliseconds. */
export interface Span {
  from: number;
  to: number;
  raw: { from: string; to: string };
}

/**
 * `now-6h`, `now/d`, or ISO 8601.
 *
 * @throws when it is neither, or ends before it begins.
 */
export function span(raw: { from: string; to: string }, now: number): Span {
  const moment = (text: string, roundUp: boolean) => {
    const parsed = dateMath.toDateTime(text, { roundUp, timezone: 'utc', now: new Date(now) });
    if (!parsed?.isValid()) {
      throw new Error(`"${text}" is no time`);
    }
    return parsed.valueOf();
  };
  const found = { from: moment(raw.from, false), to: moment(raw.to, true), raw };
  if (found.from >= found.to) {
    throw new Error(`the time range "${raw.from}..${raw.to}" is empty`);
  }
  return found;
}

/** The same as Grafana's own type. */
export function timeRange({ from, to, raw }: Span): TimeRange {
  return { from: dateTime(from), to: dateTime(to), raw };
}

export interface Steps {
  /** `$__interval`, milliseconds; also the step of range queries. */
  interval: number;
  /** `$__rate_interval`, milliseconds. */
  rate: number;
}

// Prometheus refuses more points in one series.
const MOST_POINTS = 11_000;

/**
 * Steps as Grafana's data source for Prometheus takes them: a point for each pixel of the panel, no finer than the scrape
 * interval; rates look back over four scrapes at least.
 */
export function steps(span: Span, pixels: number, scrape: string, panel: Panel, target: Target): Steps {
  const least = target.interval || panel.interval || scrape;
  const points = panel.maxDataPoints ?? Math.max(1, Math.floor(pixels));
  const { intervalMs } = rangeUtil.calculateInterval(timeRange(span), points, least);
  const interval = Math.max(intervalMs, Math.ceil((span.to - span.from) / MOST_POINTS)) * (target.intervalFactor || 1);
  const scrapeFor = rangeUtil.intervalToMs(least);
  return { interval, rate: Math.max(interval + scrapeFor, 4 * scrapeFor) };
}

/** Built-in variables of every text. */
export function builtIn(span: Span, dashboard: { uid: string; title: string }): Values {
  const seconds = Math.round((span.to - span.from) / 1000);
  return {
    __range: lone(`${seconds}s`),
    __range_s: lone(`${seconds}`),
    __range_ms: lone(`${span.to - span.from}`),
    __from: lone(`${span.from}`),
    __to: lone(`${span.to}`),
    __dashboard: { ...lone(dashboard.title), value: dashboard.uid },
    // Written out already: links keep it as it stands.
    __url_time_range: lone(`from=${span.raw.from}&to=${span.raw.to}`),
  };
}

/** Built-in variables of one query. */
export function builtInSteps({ interval, rate }: Steps): Values {
  return {
    __interval: lone(duration(interval)),
    __interval_ms: lone(`${interval}`),
    __rate_interval: lone(duration(rate)),
    __rate_interval_ms: lone(`${rate}`),
  };
}

/** A duration as PromQL writes it. */
const duration = (ms: number) => (ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`);
