// Where panels stand on the page: Grafana's grid of 24 columns, in pixels.
//
// Pure. The width of a panel also decides how many points its queries ask for.

import type { GridPos } from './dashboard';

export const PAGE_WIDTH = 1600;
const PAGE_PADDING = 16;
const COLUMNS = 24;
const CELL_HEIGHT = 30;
const GAP = 8;

export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

export function box({ x, y, w, h }: GridPos): Box {
  const column = (PAGE_WIDTH - 2 * PAGE_PADDING - (COLUMNS - 1) * GAP) / COLUMNS;
  return {
    left: PAGE_PADDING + x * (column + GAP),
    top: y * (CELL_HEIGHT + GAP),
    width: w * column + (w - 1) * GAP,
    height: h * CELL_HEIGHT + (h - 1) * GAP,
  };
}

/** The height of all panels together. */
export function heightOf(places: GridPos[]): number {
  return Math.max(0, ...places.map((at) => box(at).top + box(at).height)) + GAP;
}

// Of a label of an axis, in pixels.
const LINE = 12;

/** Names above each other, with those left out, evenly, that have no room of a line's height. */
export function thinned(names: string[], room: number): string[] {
  const every = Math.max(1, Math.ceil((names.length * LINE) / room));
  return names.map((name, at) => (at % every === 0 ? name : ''));
}
