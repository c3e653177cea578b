// The page's one function, `draw`: a sheet and a theme in, a drawn dashboard and what it says out.
//
// Runs in the browser, without any network: icons and fonts come from the packages.

import { createTheme, type DataFrame, locationUtil, ThemeContext, type TimeRange } from '@grafana/data';
import { GlobalStyles } from '@grafana/ui';
import { createRoot } from 'react-dom/client';
import { flushSync } from 'react-dom';
import type { Sheet } from '../model/answers';
import type { DrawnPage, DrawnPanel } from '../model/drawn';
import { timeRange } from '../model/range';
import { replacer } from '../model/replace';
import { Board } from './board';
import { KINDS } from './kinds';
import type { Kind } from './kinds/kind';
import { PanelFrame } from './panel';
import { hasData, prepare, type Prepared } from './prepare';

locationUtil.initialize({
  config: { appSubUrl: '' } as never,
  getTimeRangeForUrl: () => ({ from: '', to: '' }),
  getVariablesUrlParams: () => ({}),
});

async function draw(sheet: Sheet, mode: 'dark' | 'light'): Promise<DrawnPage> {
  const theme = createTheme({ colors: { mode } });
  const replace = replacer(sheet.values, theme);
  const { panels } = sheet.dashboard;
  const prepared = new Map<number, Prepared>();
  for (const panel of panels) {
    prepared.set(panel.id, await prepare(panel, sheet.answers[panel.id] ?? [], theme, replace));
  }
  const failures = new Map<number, string>();
  const root = createRoot(document.body.appendChild(document.createElement('div')));
  // Fonts first: panels measure their texts.
  flushSync(() =>
    root.render(
      <ThemeContext.Provider value={theme}>
        <GlobalStyles />
      </ThemeContext.Provider>
    )
  );
  await Promise.all([...document.fonts].map((font) => font.load()));
  flushSync(() =>
    root.render(
      <ThemeContext.Provider value={theme}>
        <GlobalStyles />
        <Board sheet={sheet} theme={theme} replace={replace}>
          {panels.map((panel) => (
            <PanelFrame
              key={panel.id}
              panel={panel}
              prepared={prepared.get(panel.id)!}
              range={timeRange(sheet.spans[panel.id])}
              marks={sheet.marks}
              theme={theme}
              replace={replace}
              failed={(message) => failures.set(panel.id, message)}
            />
          ))}
        </Board>
      </ThemeContext.Provider>
    )
  );
  await settled();
  const header = document.querySelector('[data-header]') as HTMLElement;
  return {
    panels: panels.map((panel) => {
      const { data, problems } = prepared.get(panel.id)!;
      const failure = failures.get(panel.id);
      return {
        id: panel.id,
        original: KINDS[panel.type]?.original ?? false,
        ...counted(data, KINDS[panel.type], timeRange(sheet.spans[panel.id])),
        ...read(panel.id),
        problems: [
          ...problems,
          ...(KINDS[panel.type] ? [] : [`panels of the type "${panel.type}" cannot be drawn`]),
          ...(failure === undefined ? [] : [failure]),
          ...(panel.type === 'table' && data.length > 1 ? [`the table has ${data.length} frames and shows one of them`] : []),
        ],
      };
    }),
    text: header.innerText,
    links: linksOf(header),
    height: Math.ceil(document.querySelector('main')!.getBoundingClientRect().bottom),
  };
}

/** Icons, fonts and plots come after the first drawing. */
async function settled() {
  await document.fonts.ready;
  const deadline = performance.now() + 10_000;
  let before = '';
  let same = 0;
  while (same < 5 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const now = `${document.body.innerHTML.length} ${document.querySelectorAll('svg').length}`;
    same = now === before ? same + 1 : 0;
    before = now;
  }
}

function counted(data: DataFrame[], kind: Kind | undefined, range: TimeRange): Pick<DrawnPanel, 'frames' | 'rows' | 'hasData'> {
  return {
    frames: data.length,
    rows: data.reduce((sum, { length }) => sum + length, 0),
    hasData: kind?.still === true || hasData(data, kind?.overTime ? range : undefined),
  };
}

function read(id: number): Pick<DrawnPanel, 'text' | 'links'> {
  const frame = document.querySelector(`[data-panel="${id}"]`) as HTMLElement;
  const content = frame.querySelector('[data-content]') as HTMLElement | null;
  return { text: content?.innerText ?? frame.innerText, links: linksOf(frame) };
}

const linksOf = (element: HTMLElement) => [...element.querySelectorAll('a[href]')].map((link) => link.getAttribute('href') ?? '');

declare global {
  interface Window {
    draw: (sheet: Sheet, mode: 'dark' | 'light') => Promise<DrawnPage>;
    __grafana_public_path__: string;
  }
}

window.draw = draw;
