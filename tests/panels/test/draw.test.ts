// Drawing in Chromium: every kind of panel puts its data on the page, and what goes wrong is told.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Mode, Painter, type Picture } from '../browser';
import type { Marks, Sheet } from '../model/answers';
import { box } from '../model/layout';
import { cases, FROM, place, sheetOf, STEP, words, wrong } from './cases';
import { coloured, type Pixels, pixels } from './png';

const home = process.env.PANELS_HOME ?? '.';
const out = mkdtempSync(join(tmpdir(), 'panels-'));
let painter: Painter;
let full: Picture;
let light: Picture;
let empty: Picture;
let bad: Picture;
let image: Pixels;
let emptyImage: Pixels;

before(async () => {
  painter = await Painter.start({ executable: '/usr/bin/chromium', build: process.env.PANELS_BUILD ?? 'build', packages: join(home, 'node_modules') });
  const all = [...Object.values(cases), words];
  const draw = (sheet: Sheet, name: string, mode: Mode = 'dark') => painter.picture(sheet, mode, join(out, `${name}.png`));
  const blue: Marks = { name: 'Renewed', color: 'blue', events: [{ time: FROM + 30 * STEP, until: FROM + 30 * STEP, title: '' }] };
  full = await draw(sheetOf(all, [blue]), 'full');
  light = await draw(sheetOf(all, []), 'light', 'light');
  empty = await draw(sheetOf(all.map((each) => ({ ...each, answers: [] })), []), 'empty');
  bad = await draw(sheetOf(Object.values(wrong), []), 'bad');
  image = pixels(readFileSync(join(out, 'full.png')));
  emptyImage = pixels(readFileSync(join(out, 'empty.png')));
});
after(async () => {
  await painter?.close();
  rmSync(out, { recursive: true, force: true });
});

/** The panel's inside on the picture; the head of the page ends where the panels begin. */
function inside(at: number, of: Picture) {
  const { left, top, width, height } = box(place(at));
  const last = Math.max(...of.page.panels.map((_, each) => box(place(each)).top + box(place(each)).height));
  return { left: left + 2, top: of.page.height - last - 8 + top + 40, width: width - 4, height: height - 42 };
}

test('nothing goes wrong, and nothing but the packages is asked for', () => {
  for (const { complaints, page } of [full, light, empty]) {
    assert.deepEqual(complaints, []);
    assert.deepEqual(page.panels.flatMap(({ problems }) => problems), []);
  }
});

Object.entries(cases).forEach(([name, { type, original, says }], at) => {
  test(`drawn: ${name}`, () => {
    const panel = full.page.panels[at];
    assert.deepEqual([panel.hasData, panel.original], [true, original]);
    assert.match(panel.text, says ?? /(?:)/);
    const inColour = coloured(image, inside(at, full));
    assert.ok(inColour > 150, `${inColour} coloured pixels`);
  });
  test(`empty: ${name}`, () => {
    const panel = empty.page.panels[at];
    assert.deepEqual([panel.hasData, panel.text.trim()], [false, 'No data']);
    // A value that is missing is written in the colour of the lowest threshold.
    if (!['stat', 'gauge', 'bargauge'].includes(type)) {
      assert.equal(coloured(emptyImage, inside(at, empty)), 0);
    }
  });
});

test('words are drawn, cleaned, with their links', () => {
  const panel = full.page.panels.at(-1)!;
  assert.deepEqual([panel.hasData, panel.text.trim().replace(/\s+/g, ' '), panel.links], [true, 'For ours there <script>alert(1)</script>', ['/d/u?var-job=ours']]);
});

test('the head names the dashboard, its variables, its time and its annotations', () => {
  assert.match(full.page.text, /Every kind[\s\S]*Last 1 hour[\s\S]*Job\s+ours[\s\S]*Renewed\s+1/);
});

test('an annotation is a line on every plot of lines', () => {
  const lined = Object.keys(cases).indexOf('lines over time');
  const area = inside(lined, full);
  const [r, g, b] = [0x57, 0x94, 0xf2];
  let found = 0;
  for (let y = Math.ceil(area.top); y < area.top + area.height; y++) {
    for (let x = Math.ceil(area.left); x < area.left + area.width; x++) {
      const [red, green, blue] = image.at(x, y);
      found += Math.abs(red - r) + Math.abs(green - g) + Math.abs(blue - b) < 12 ? 1 : 0;
    }
  }
  assert.ok(found > 50, `${found} pixels of the annotation's colour`);
});

test('light is light', () => {
  const bright = pixels(readFileSync(join(out, 'light.png'))).at(2, 2);
  assert.ok(Math.min(...bright) > 220 && Math.max(...image.at(2, 2)) < 40, `${bright} and ${image.at(2, 2)}`);
});

Object.entries(wrong).forEach(([name, { problem }], at) => {
  test(`told: ${name}`, () => assert.match(bad.page.panels[at].problems.join('\n'), problem));
});
