// What Prometheus answered to the queries of a dashboard, as it travels from the asking program to the drawing page.
//
// Pure data.

import type { Dashboard } from './dashboard';
import type { Values } from './interpolate';
import type { Span } from './range';

export type Labels = Record<string, string>;
/** Unix seconds, and the number as Prometheus writes it. */
export type Sample = [number, string];

export type Result =
  | { resultType: 'matrix'; result: { metric: Labels; values: Sample[] }[] }
  | { resultType: 'vector'; result: { metric: Labels; value: Sample }[] }
  | { resultType: 'scalar' | 'string'; result: Sample };

/** One query, asked once. */
export interface Answer {
  refId: string;
  /** As it was asked: every variable written out. */
  expr: string;
  legend?: string;
  format: string;
  /** Of a range query, milliseconds. */
  step?: number;
  result?: Result;
  error?: string;
}

export interface Event {
  time: number;
  until: number;
  title: string;
}

export interface Marks {
  name: string;
  color: string;
  events: Event[];
  error?: string;
}

/** All that a page needs to draw a dashboard. */
export interface Sheet {
  dashboard: Dashboard;
  span: Span;
  values: Values;
  /** By the panel's number. */
  answers: Record<number, Answer[]>;
  spans: Record<number, Span>;
  marks: Marks[];
}
