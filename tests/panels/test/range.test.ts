// Times and steps, as Grafana takes them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDashboard } from '../model/dashboard';
import { builtIn, builtInSteps, span, steps } from '../model/range';

const NOW = Date.UTC(2026, 0, 2, 12, 0, 0);
const HOUR = 3_600_000;

const times: [string, string, number, number][] = [
  ['now-6h', 'now', NOW - 6 * HOUR, NOW],
  ['now/d', 'now', Date.UTC(2026, 0, 2), NOW],
  ['now-1d/d', 'now-1d/d', Date.UTC(2026, 0, 1), Date.UTC(2026, 0, 2) - 1],
  ['2026-01-02T10:00:00Z', '2026-01-02T11:00:00Z', NOW - 2 * HOUR, NOW - HOUR],
];
for (const [from, to, begins, ends] of times) {
  test(`${from}..${to}`, () => {
    const found = span({ from, to }, NOW);
    assert.deepEqual([found.from, found.to], [begins, ends]);
  });
}
for (const [from, to] of [['yesterday', 'now'], ['now', 'now-1h'], ['now', 'now'], ['now-1x', 'now']]) {
  test(`no time: ${from}..${to}`, () => assert.throws(() => span({ from, to }, NOW), /is no time|is empty/));
}

const [panel] = readDashboard(JSON.stringify({ uid: 'u', title: 't', panels: [{ id: 1, type: 'timeseries' }] })).panels;
const target = { refId: 'A', expr: 'up' };
const found: [string, string, number, string, object, object, number, number][] = [
  ['a point for each pixel, rounded', 'now-6h', 800, '15s', {}, {}, 30_000, 60_000],
  ['no finer than the scrape interval', 'now-5m', 800, '15s', {}, {}, 15_000, 60_000],
  ['rates reach over a step and a scrape', 'now-24h', 800, '15s', {}, {}, 120_000, 135_000],
  ['fast scrapes', 'now-5m', 800, '1s', {}, {}, 1_000, 4_000],
  ["the panel's least step", 'now-5m', 800, '1s', { interval: '1m' }, {}, 60_000, 240_000],
  ["the query's least step comes first", 'now-5m', 800, '1s', { interval: '1m' }, { interval: '10s' }, 10_000, 40_000],
  ['fewer points where the panel says so', 'now-6h', 800, '15s', { maxDataPoints: 100 }, {}, 300_000, 315_000],
  ['never more than Prometheus gives', 'now-365d', 1e6, '1s', {}, {}, Math.ceil((365 * 24 * HOUR) / 11_000), Math.ceil((365 * 24 * HOUR) / 11_000) + 1_000],
];
for (const [name, from, pixels, scrape, ofPanel, ofTarget, interval, rate] of found) {
  test(`steps: ${name}`, () => {
    assert.deepEqual(steps(span({ from, to: 'now' }, NOW), pixels, scrape, { ...panel, ...ofPanel }, { ...target, ...ofTarget }), { interval, rate });
  });
}

test('the variables that Grafana defines', () => {
  const values = { ...builtIn(span({ from: 'now-6h', to: 'now' }, NOW), { uid: 'u', title: 't' }), ...builtInSteps({ interval: 30_000, rate: 500 }) };
  assert.deepEqual(Object.fromEntries(Object.entries(values).map(([name, { value }]) => [name, value])), {
    __range: '21600s',
    __range_s: '21600',
    __range_ms: '21600000',
    __from: String(NOW - 6 * HOUR),
    __to: String(NOW),
    __dashboard: 'u',
    __url_time_range: 'from=now-6h&to=now',
    __interval: '30s',
    __interval_ms: '30000',
    __rate_interval: '500ms',
    __rate_interval_ms: '500',
  });
});
