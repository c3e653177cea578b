// Chromium, without a window and without a network: every request is answered from the packages or refused.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { Sheet } from './model/answers';
import type { DrawnPage } from './model/drawn';
import { heightOf, PAGE_WIDTH } from './model/layout';

export type Mode = 'dark' | 'light';

export interface Picture {
  page: DrawnPage;
  /** What the page complained of while it was drawn. */
  complaints: string[];
}

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const ORIGIN = 'http://panels.invalid';
const PATIENCE = 60_000;
// The head of the page, with a second line of variables.
const HEADER = 200;

/** Where Grafana's components look for their icons and fonts, and where those are. */
const ASSETS: [RegExp, (found: string[]) => string][] = [
  [/^\/public\/build\/img\/icons\/([\w-]+\/[\w-]+\.svg)$/, ([, name]) => `@grafana/ui/dist/public/img/icons/${name}`],
  [/^\/public\/fonts\/inter\/(Inter-\w+\.woff2)$/, ([, name]) => `inter-ui/web/${name}`],
  [/^\/public\/fonts\/roboto\//, () => '@fontsource/roboto-mono/files/roboto-mono-latin-400-normal.woff2'],
];

const TYPES: Record<string, string> = { svg: 'image/svg+xml', woff2: 'font/woff2' };

export class Painter {
  private constructor(
    private readonly browser: Browser,
    private readonly script: string,
    private readonly style: string,
    private readonly packages: string
  ) {}

  /** @throws when Chromium does not start. */
  static async start({ executable, build, packages }: { executable: string; build: string; packages: string }): Promise<Painter> {
    const [script, style] = await Promise.all(['page.js', 'page.css'].map((name) => readFile(join(build, 'draw', name), 'utf8')));
    const browser = await chromium.launch({ executablePath: executable, args: FLAGS, timeout: PATIENCE });
    return new Painter(browser, script, style, packages);
  }

  async close() {
    await this.browser.close();
  }

  /** Draws a dashboard and takes one picture of all of it. */
  async picture(sheet: Sheet, mode: Mode, path: string): Promise<Picture> {
    const { panels, rows } = sheet.dashboard;
    const context = await this.browser.newContext({
      // All of it is in view: Grafana's components draw what can be seen.
      viewport: { width: PAGE_WIDTH, height: HEADER + heightOf([...panels, ...rows].map(({ at }) => at)) },
      colorScheme: mode,
      locale: 'en-US',
      timezoneId: 'UTC',
      reducedMotion: 'reduce',
    });
    try {
      const page = await context.newPage();
      page.setDefaultTimeout(PATIENCE);
      const complaints = await this.confine(page);
      await page.goto(`${ORIGIN}/`);
      const said = await bounded(page.evaluate(([given, theme]) => window.draw(given, theme), [sheet, mode] as const));
      const clip = { x: 0, y: 0, width: PAGE_WIDTH, height: said.height };
      await page.screenshot({ path, clip, fullPage: true, animations: 'disabled' });
      return { page: said, complaints };
    } finally {
      await context.close();
    }
  }

  private async confine(page: Page): Promise<string[]> {
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.route('**/*', async (route) => {
      const url = new URL(route.request().url());
      if (url.origin === ORIGIN && url.pathname === '/') {
        return route.fulfill({ contentType: 'text/html; charset=utf-8', body: this.html() });
      }
      for (const [pattern, place] of ASSETS) {
        const found = pattern.exec(url.pathname);
        if (url.origin === ORIGIN && found) {
          const path = place(found);
          const body = await readFile(join(this.packages, path)).catch(() => undefined);
          if (body) {
            return route.fulfill({ contentType: TYPES[path.split('.').at(-1) ?? ''], body });
          }
        }
      }
      complaints.push(`${url.href} was asked for, and nothing but the packages is there`);
      return route.abort();
    });
    return complaints;
  }

  private html(): string {
    // The path must be known before the components are loaded.
    const script = this.script.replaceAll('</script', '<\\/script');
    return `<!doctype html><html><head><meta charset="utf-8"><title>panels</title><style>${this.style}</style></head>
      <body style="margin:0"><script>window.__grafana_public_path__ = "${ORIGIN}/public/";</script><script>${script}</script></body></html>`;
  }
}

/** @throws when the page does not answer: a loop in it would otherwise last for ever. */
async function bounded<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the page was not drawn within ${PATIENCE / 1000} s`)), PATIENCE);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
