// Prometheus' HTTP API, as much of it as dashboards ask for.
//
// Touches the network. Every answer is bounded in time and size.

import type { Labels, Result } from '../model/answers';
import type { Span } from '../model/range';

const PATIENCE = 30_000;
const MOST_BYTES = 64 << 20;

export class Prometheus {
  constructor(private readonly base: string) {}

  /** @throws with Prometheus' own words. */
  async query(expr: string, at: number): Promise<Result> {
    return (await this.ask('query', { query: expr, time: seconds(at) })) as Result;
  }

  /** Both ends are moved to whole steps, as Grafana does it. */
  async queryRange(expr: string, span: Span, step: number): Promise<Result> {
    const whole = (moment: number) => Math.floor(moment / step) * step;
    return (await this.ask('query_range', {
      query: expr,
      start: seconds(whole(span.from)),
      end: seconds(whole(span.to)),
      step: seconds(step),
    })) as Result;
  }

  async labelValues(label: string, match: string | undefined, span: Span): Promise<string[]> {
    return (await this.ask(`label/${encodeURIComponent(label)}/values`, within(span, match), 'GET')) as string[];
  }

  async labelNames(match: string | undefined, span: Span): Promise<string[]> {
    return (await this.ask('labels', within(span, match), 'GET')) as string[];
  }

  async series(match: string, span: Span): Promise<Labels[]> {
    return (await this.ask('series', within(span, match), 'GET')) as Labels[];
  }

  private async ask(path: string, parameters: Record<string, string>, method = 'POST'): Promise<unknown> {
    const url = new URL(`api/v1/${path}`, this.base.endsWith('/') ? this.base : `${this.base}/`);
    const body = new URLSearchParams(parameters);
    if (method === 'GET') {
      url.search = body.toString();
    }
    const answer = await fetch(url, { method, body: method === 'GET' ? undefined : body, signal: AbortSignal.timeout(PATIENCE) });
    const text = await bounded(answer);
    let said: { status?: string; data?: unknown; error?: string };
    try {
      said = JSON.parse(text);
    } catch {
      throw new Error(`${url.pathname} answered ${answer.status} without JSON: ${text.slice(0, 200)}`);
    }
    if (said.status !== 'success') {
      throw new Error(said.error ?? `${url.pathname} answered ${answer.status}`);
    }
    return said.data;
  }
}

const seconds = (ms: number) => String(ms / 1000);

const within = ({ from, to }: Span, match?: string): Record<string, string> => ({
  start: seconds(from),
  end: seconds(to),
  ...(match ? { 'match[]': match } : {}),
});

async function bounded(answer: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of answer.body ?? []) {
    length += part.length;
    if (length > MOST_BYTES) {
      throw new Error(`an answer of over ${MOST_BYTES >> 20} MiB`);
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
