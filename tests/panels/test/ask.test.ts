// Asking a Prometheus: which requests a dashboard makes, and what failures leave behind. The Prometheus is a small server here.

import './support';
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { collect, type Wishes } from '../ask/collect';
import { Prometheus } from '../ask/prometheus';
import { readDashboard } from '../model/dashboard';

const NOW = 1_700_000_007_000;
let server: Server;
let base = '';
let asked: string[] = [];
let say: (path: string, parameters: URLSearchParams) => { status?: number; body: string };

const success = (data: unknown) => ({ body: JSON.stringify({ status: 'success', data }) });
const usual: typeof say = (path, parameters) => {
  if (path.endsWith('/values')) {
    return success(['b', 'a']);
  }
  const metric = { job: 'a' };
  return path === '/api/v1/query'
    ? success({ resultType: 'vector', result: [{ metric, value: [1, '1'] }] })
    : success({ resultType: 'matrix', result: [{ metric, values: [1, 2, 9].map((at) => [Number(parameters.get('start')) + at, '1']) }] });
};

before(async () => {
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => (body += part));
    request.on('end', () => {
      const url = new URL(request.url ?? '', 'http://x');
      const parameters = new URLSearchParams(body || url.search);
      asked.push(`${url.pathname} ${[...parameters].map(([name, value]) => `${name}=${value}`).join(' ')}`);
      const { status = 200, body: text } = say(url.pathname, parameters);
      response.writeHead(status, { 'content-type': 'application/json' }).end(text);
    });
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => server.close());
beforeEach(() => {
  asked = [];
  say = usual;
});

const target = (more: object = {}) => ({ refId: 'A', expr: 'up{job=~"$job"}', ...more });
const asks = (panel: object, more: object = {}, wishes: Partial<Wishes> = {}) => {
  const dashboard = readDashboard(
    JSON.stringify({
      uid: 'u',
      title: 't',
      time: { from: 'now-5m', to: 'now' },
      templating: { list: [{ name: 'job', type: 'query', query: 'label_values(up, job)', sort: 1 }] },
      panels: [{ id: 1, type: 'timeseries', gridPos: { x: 0, y: 0, w: 12, h: 8 }, ...panel }],
      ...more,
    })
  );
  return collect(dashboard, new Prometheus(base), { variables: {}, scrape: '15s', now: NOW, ...wishes });
};

test('a variable, then its query, on whole steps', async () => {
  const sheet = await asks({ targets: [target()] });
  assert.deepEqual(asked, [
    '/api/v1/label/job/values start=1699999707 end=1700000007 match[]=up',
    '/api/v1/query_range query=up{job=~"a"} start=1699999695 end=1699999995 step=15',
  ]);
  assert.equal(sheet.answers[1][0].result?.resultType, 'matrix');
});

const queries: [string, object, string[]][] = [
  ['an instant query', { instant: true }, ['/api/v1/query query=up{job=~"a"} time=1700000007']],
  ['both at once', { instant: true, range: true }, ['/api/v1/query query=up{job=~"a"} time=1700000007', '/api/v1/query_range query=up{job=~"a"} start=1699999695 end=1699999995 step=15']],
  ['a hidden query is not asked', { hide: true }, []],
  ['steps are written out', { expr: 'rate(up[$__rate_interval]) + $__range_s', instant: true }, ['/api/v1/query query=rate(up[60s]) + 300 time=1700000007']],
];
for (const [name, more, expected] of queries) {
  test(name, async () => {
    await asks({ targets: [target(more)] });
    assert.deepEqual(asked.slice(1).sort(), expected);
  });
}

test('what the caller wishes: time, variables, the scrape interval', async () => {
  await asks({ targets: [target()] }, {}, { time: { from: 'now-1m', to: 'now' }, variables: { 'u/job': 'z', job: 'y' }, scrape: '1s' });
  assert.equal(asked[1], '/api/v1/query_range query=up{job=~"z"} start=1699999947 end=1700000007 step=1');
});

test('a panel with a time of its own', async () => {
  await asks({ timeFrom: '1h', targets: [target({ expr: 'up' })] });
  assert.match(asked[1], /start=1699996395 end=1699999995/);
});

test('one failed query does not hide the other', async () => {
  say = (path, parameters) =>
    parameters.get('query') === 'bad' ? { status: 400, body: JSON.stringify({ status: 'error', error: 'parse error' }) } : usual(path, parameters);
  const sheet = await asks({ targets: [target({ expr: 'bad' }), target({ refId: 'B' })] });
  assert.deepEqual(sheet.answers[1].map(({ refId, error }) => [refId, error]), [['A', 'parse error'], ['B', undefined]]);
});

test('a variable that does not exist is never asked', async () => {
  const sheet = await asks({ targets: [target({ expr: 'up{a="$nobody"}' })] });
  assert.deepEqual([asked.length, sheet.answers[1][0].error], [1, 'no variable $nobody']);
});

const broken: [string, typeof say, RegExp][] = [
  ['an error', () => ({ status: 500, body: JSON.stringify({ status: 'error', error: 'down' }) }), /variable job: .*down/],
  ['no JSON', () => ({ status: 502, body: '<html>' }), /variable job: .*answered 502 without JSON/],
  ['nothing to choose', () => success([]), /job has no options/],
];
for (const [name, answers, says] of broken) {
  test(`a variable fails: ${name}`, async () => {
    say = answers;
    await assert.rejects(asks({ targets: [] }), says);
  });
}

test('nobody answers', async () => {
  await assert.rejects(new Prometheus('http://127.0.0.1:1').query('up', NOW), /fetch failed/);
});

test('annotations: each stretch above zero is an event', async () => {
  const list = [{ name: 'Renewed', enable: true, iconColor: 'blue', expr: 'changes(up[1m])', step: '2s', titleFormat: '{{job}}' }];
  const sheet = await asks({ targets: [] }, { annotations: { list } });
  const [first, second, ...others] = sheet.marks[0].events;
  assert.deepEqual([first.until - first.time, second.time - first.until, first.title, others.length], [1000, 7000, 'a', 0]);
});

test('an annotation that fails says so', async () => {
  const sheet = await asks({ targets: [] }, { annotations: { list: [{ name: 'R', enable: true, expr: 'up{a="$nobody"}' }] } });
  assert.equal(sheet.marks[0].error, 'no variable $nobody');
});
