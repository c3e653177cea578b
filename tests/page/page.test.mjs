// The status page in a real browser: with and without its script, in the hands of a keyboard, on a narrow screen, in the dark, and in front of
// certificates that somebody has named to do harm.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";

import { browser, open, shot } from "./browser.mjs";
import { EVIL, stage, until } from "./stage.mjs";

const run = promisify(execFile);
let chrome;
let shown;
before(async () => {
  [chrome, shown] = await Promise.all([browser(), stage()]);
});
after(async () => {
  await chrome?.close();
  await shown?.end();
});

// A list that makes no sense: a page, too, but refused.
const REFUSED = "places?state=nonsense";

// Opens a page, runs the test on it, and wants that nothing went wrong meanwhile.
async function on(path, options, look) {
  const base = options.base ?? shown.base;
  const opened = await open(chrome, base, options);
  try {
    const status = (await opened.page.goto(base + path)).status();
    assert.equal(status, path === REFUSED ? 400 : 200, path);
    await look(opened.page, opened);
    // The browser says on its console, too, that the page itself was refused: once.
    const told = opened.wrong.findIndex((said) => path === REFUSED && said.includes("status of 400"));
    if (told >= 0) opened.wrong.splice(told, 1);
    const violations = options.javaScriptEnabled === false ? [] : await opened.page.evaluate(() => window.violations);
    assert.deepEqual([...opened.wrong, ...violations], []);
  } finally {
    await opened.close();
  }
}

const text = (page) => page.locator("main").innerText();
const rows = (page) => page.locator("main tbody tr").count();

// Every page that there is, by a name for its picture.
async function everyPage() {
  const find = async (list, pattern) => {
    const html = await (await fetch(shown.base + list)).text();
    return [...html.matchAll(pattern)].map((found) => found[1].replaceAll("&amp;", "&"));
  };
  const certificates = await find("certificates?q=revoked.example", /href="(certificate\?[^"]+)"/g);
  const authorities = await find("authorities", /href="(certificate\?[^"]+)"/g);
  const places = [...(await find("places?state=failing", /href="(place\?[^"]+)"/g)), ...(await find("places?q=evil-", /href="(place\?[^"]+)"/g))];
  const evil = await find("certificates?q=attacked", /href="(certificate\?[^"]+)"/g);
  const lists = ["", "certificates", "places", "places?state=wrong", "authorities", "revocation", "sources", REFUSED];
  return [...lists, certificates[0], authorities[0], ...new Set(places), ...new Set(evil)];
}

describe("the overview", () => {
  test("says what is wrong, what ends next and whether the monitor sees", () =>
    on("", {}, async (page) => {
      const said = await text(page);
      for (const part of ["Revoked", "revoked.pem", "Expired", "Fails at connect: refused", "for ", "ending.example.com", "in 2 days", "all sources are up to date"]) {
        assert.ok(said.includes(part), `${part}:\n${said}`);
      }
      assert.match(await page.locator(".pulse").innerText(), /\d+ critical/);
      await shot(page, "overview");
    }));

  test("leads to a certificate, and from there to its CA and its place", () =>
    on("", {}, async (page) => {
      await page.getByRole("link", { name: "ending.example.com" }).click();
      await page.waitForURL(/certificate\?fingerprint=/);
      assert.match(await page.title(), /^ending\.example\.com/);
      assert.match(await text(page), /Issued by/i);
      await page.locator(".tree a").first().click();
      assert.match(await page.locator("h1").innerText(), /Shop CA/);
      assert.match(await text(page), /leaf certificates below it/);
      await page.goBack();
      await page.getByRole("link", { name: /ending\.pem/ }).first().click();
      await page.waitForURL(/place\?/);
      assert.match(await text(page), /ends soon|Certificates/i);
    }));

  test("follows what is watched, without losing what was unfolded", async () => {
    const { page, asked, wrong, close } = await open(chrome, shown.base);
    await page.clock.install();
    await page.goto(shown.base);
    // From here on its clock goes only as far as it is told to, however long all this takes.
    await page.clock.pauseAt((await page.evaluate(() => Date.now())) + 1_000);
    const before = asked.length;
    await page.locator("main .troubles > li", { hasText: "down.example.com" }).getByText("why, and what helps").click();
    const unfolded = () => page.evaluate(() => [...document.querySelectorAll("main details[open]")].map((each) => each.dataset.key));
    assert.deepEqual(await unfolded(), ["Fails at connect: refused"]);
    // While somebody is at something in it, it stays as it is.
    await page.clock.fastForward("00:31");
    assert.equal(asked.length, before, "the focus is in the page");
    await page.evaluate(() => document.activeElement.blur());
    await shown.arrive();
    assert.ok(!(await text(page)).includes("arrives.example.com"));
    await page.clock.fastForward("00:31");
    await page.waitForFunction(() => document.querySelector("main .ends").innerText.includes("arrives.example.com"));
    assert.equal(asked.length, before + 1, "it asked again by itself, once");
    assert.deepEqual(await unfolded(), ["Fails at connect: refused"], "and what was unfolded still is");
    assert.deepEqual(wrong, []);
    await close();
  });

  test("goes on with its times, and says when nobody answers any more", async () => {
    const { page, close } = await open(chrome, shown.base);
    await page.clock.install();
    await page.goto(shown.base);
    const first = page.locator("main .ends time.ago").first();
    const before = await first.innerText();
    const lost = page.locator("#lost");
    assert.ok(await lost.isHidden());
    await page.route("**/*", (route) => route.abort());
    await page.clock.fastForward("30:00:00");
    await page.clock.runFor(6_000);
    assert.notEqual(await first.innerText(), before);
    await lost.waitFor({ state: "visible" });
    assert.equal(await lost.innerText(), "notafter does not answer. What stands here is from 30 hours ago.");
    await shot(page, "lost");
    await page.unroute("**/*");
    await page.clock.fastForward("00:31");
    await lost.waitFor({ state: "hidden" });
    // A proxy that answers in the program's place has nothing to show.
    await page.route("**/*", (route) => route.fulfill({ status: 502, contentType: "text/html", body: "<p>bad gateway" }));
    await page.clock.fastForward("00:31");
    await lost.waitFor({ state: "visible" });
    assert.match(await text(page), /Wrong now/i);
    await close();
  });
});

describe("a certificate", () => {
  test("shows which list its verdict rests on, when it was fetched, and when it is fetched next", async () => {
    const found = (await everyPage()).find((path) => path.startsWith("certificate?"));
    await on(found, {}, async (page) => {
      const row = page.locator(".answers tr", { hasText: "/shop.crl" });
      const said = await row.innerText();
      for (const part of ["revoked", "keyCompromise", "number 1, 1 entry"]) assert.ok(said.includes(part), said);
      assert.match(await row.locator("td").nth(5).innerText(), /ago|now/);
      assert.match(await row.locator("td").nth(6).innerText(), /in \d+ minutes/);
      assert.match(await page.locator(".answers tr", { hasText: "OCSP" }).innerText(), /The certificate names no responder\./);
      // What confirms it is ready to be run, and does.
      const confirm = await page.locator("dl.help code").first().innerText();
      const { stdout } = await run("bash", ["-c", confirm]);
      assert.match(stdout, /Key Compromise/, confirm);
      await shot(page, "certificate");
    });
  });
});

describe("a place", () => {
  test("tells why it fails, step by step, with what confirms and mends it", () =>
    on("places?source=edge", {}, async (page) => {
      await page.locator("tbody a").first().click();
      await page.waitForURL(/place\?/);
      const said = await text(page);
      for (const part of ["The last look failed at connect: refused", "Confirm", "Fix", "1 look", "What it holds is not known."]) assert.ok(said.includes(part), `${part}:\n${said}`);
      assert.match(await page.locator(".steps tbody tr").last().innerText(), /connect[\s\S]*failed/);
      await shot(page, "place");
    }));
});

describe("the filter", () => {
  test("asks as one types, without loading the page", () =>
    on("", {}, async (page) => {
      await page.evaluate(() => (window.same = true));
      await page.locator("#q").pressSequentially("many-1");
      await page.waitForFunction(() => document.querySelector("main .lead")?.innerText.startsWith("11 certificates"));
      assert.equal(new URL(page.url()).search, "?q=many-1");
      assert.equal(await rows(page), 11);
      await page.locator("select[name=state]").focus();
      await page.locator("select[name=state]").selectOption("ends_in_7_days");
      await page.waitForFunction(() => document.querySelector("main .calm")?.innerText === "Nothing fits.");
      assert.ok(await page.evaluate(() => window.same), "it is still the same page");
      assert.equal(await page.evaluate(() => document.activeElement.name), "state", "and the focus stays");
      await shot(page, "nothing-fits");
      // One step back is the page from which the filter was asked, whatever was typed since.
      await page.goBack();
      await page.waitForFunction(() => document.getElementById("main")?.dataset.page === "./");
      assert.deepEqual([page.url(), await page.locator("#q").inputValue(), await page.locator("select[name=state]").inputValue()], [shown.base, "", ""]);
      await page.goForward();
      await page.waitForFunction(() => document.querySelector("main .calm")?.innerText === "Nothing fits.");
      assert.equal(await page.locator("#q").inputValue(), "many-1");
    }));

  test("finds by source, state and place", () =>
    on("places", {}, async (page) => {
      await page.locator("select[name=source]").selectOption("edge");
      await page.waitForFunction(() => document.querySelector("main .lead")?.innerText.startsWith("1 place"));
      await page.locator("select[name=source]").selectOption("");
      await page.locator("select[name=state]").selectOption("failing");
      await page.waitForFunction(() => document.querySelector("main .lead")?.innerText.startsWith("2 places"));
      await shot(page, "places");
      // A place's name finds what is in it: here a leaf and its CA.
      await page.locator("select[name=state]").selectOption("");
      await page.locator("#q").fill("batch-07");
      await page.waitForFunction(() => document.querySelector("main .lead")?.innerText.startsWith("1 place"));
      await page.getByRole("link", { name: "the certificates instead" }).click();
      await page.waitForFunction(() => document.querySelector("main .lead")?.innerText.startsWith("2 certificates"));
    }));

  for (const javaScriptEnabled of [true, false]) {
    test(`finds by namespace ${javaScriptEnabled ? "as one types" : "without a script"}`, () =>
      on("places", { javaScriptEnabled }, async (page) => {
        const offered = await page.locator("#namespaces option").evaluateAll((all) => all.map((each) => each.value)).catch(() => null);
        if (javaScriptEnabled) assert.deepEqual(offered, ["<i>odd</i>", "shop", "stage"]);
        await page.locator("input[name=namespace]").fill("stage");
        if (!javaScriptEnabled) await page.getByRole("button", { name: "Filter" }).click();
        await page.locator("main .lead", { hasText: /^1 place fit/ }).waitFor();
        assert.match(await page.locator("main tbody").innerText(), /stage.*api-tls/);
        assert.equal(new URL(page.url()).searchParams.get("namespace"), "stage");
        if (javaScriptEnabled) await shot(page, "namespace");
      }));
  }

  test("works without a script, and so do the pages of a list", () =>
    on("", { javaScriptEnabled: false }, async (page) => {
      await page.locator("#q").fill("many");
      await page.getByRole("button", { name: "Filter" }).click();
      assert.match(page.url(), /certificates\?q=many&/);
      assert.equal(await rows(page), 50);
      await page.getByRole("link", { name: "next page" }).click();
      assert.equal(await rows(page), 10);
      assert.match(await text(page), /60 certificates fit/);
      await page.locator("tbody a").first().click();
      assert.match(page.url(), /certificate\?fingerprint=/);
      assert.equal(await page.locator("details[open]").count(), 0);
    }));
});

describe("names that mean harm", () => {
  test("are text on every page, and nothing of them runs", async () => {
    const seen = new Set();
    for (const path of await everyPage()) {
      await on(path, { extraHTTPHeaders: {} }, async (page) => {
        const state = await page.evaluate(() => ({
          attacked: window.attacked,
          scripts: document.scripts.length,
          images: document.images.length,
          handlers: [...document.querySelectorAll("*")].flatMap((each) => each.getAttributeNames()).filter((name) => name.startsWith("on")),
          links: [...document.links].map((link) => link.protocol).filter((protocol) => !["http:", "data:"].includes(protocol)),
          text: document.body.innerText,
          hidden: /[\u202A-\u202E\u2066-\u2069\u200B\uFEFF\u00AD]/.test(document.documentElement.outerHTML),
        }));
        assert.deepEqual([state.attacked, state.scripts, state.images, state.handlers, state.links, state.hidden], [undefined, 1, 0, [], [], false], path);
        for (const [name, evil] of Object.entries(EVIL)) if (state.text.includes(evil.slice(0, 8))) seen.add(name);
      });
    }
    for (const name of ["element", "image", "attribute", "address", "comment"]) assert.ok(seen.has(name), `${name} was on none of the pages: ${[...seen]}`);
  });

  test("are text, too, when the script brings them", () =>
    on("", {}, async (page) => {
      await page.locator("#q").fill("attacked");
      await page.waitForFunction(() => document.querySelector("main .lead")?.innerText.startsWith("4 certificates"));
      assert.deepEqual(await page.evaluate(() => [window.attacked, document.images.length, document.scripts.length]), [undefined, 0, 1]);
      assert.ok((await text(page)).includes(EVIL.element));
      await shot(page, "hostile");
    }));

  test("are written out where they would hide something", () =>
    on("certificates?q=exe", {}, async (page) => {
      assert.ok((await text(page)).includes("gpj.\\u{202e}gnp.exe\\u{202c}"), await text(page));
    }));

  test("would not run even as markup: the policy stops what is not the program's own", async () => {
    const opened = await open(chrome, shown.base);
    await opened.page.goto(shown.base);
    await opened.page.evaluate(() => {
      const main = document.getElementById("main");
      main.innerHTML = "<img src='x' onerror='window.attacked=1'><a id=bait href='javascript:window.attacked=1'>x</a>";
      const script = document.createElement("script");
      script.textContent = "window.attacked=1";
      main.append(script);
      document.getElementById("bait").click();
    });
    // The image, its handler, the script, and where the link leads to.
    await opened.page.waitForFunction(() => window.violations.length >= 4);
    assert.deepEqual(await opened.page.evaluate(() => window.attacked), undefined);
    await opened.close();
  });

  test("show themselves in nobody's frame", async () => {
    const outside = await shown.framed();
    const opened = await open(chrome, outside);
    await opened.page.goto(outside);
    await until("the browser refuses to frame it", () => opened.wrong.some((said) => /frame-ancestors|X-Frame-Options/i.test(said)));
    const inside = await opened.page.frames()[1].evaluate(() => document.body.innerText).catch(() => "");
    assert.ok(!inside.includes("notafter"), inside);
    await opened.close();
  });
});

describe("the looks", () => {
  // The contrast of text with what lies behind it (WCAG 2.2, success criterion 1.4.3).
  const contrasts = (page) =>
    page.evaluate(() => {
      const channel = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
      const light = ([red, green, blue]) => 0.2126 * channel(red / 255) + 0.7152 * channel(green / 255) + 0.0722 * channel(blue / 255);
      const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
      const behind = (element) => {
        for (let each = element; each; each = each.parentElement) {
          const colour = parts(getComputedStyle(each).backgroundColor);
          if (colour.length < 4 || colour[3] > 0.9) return colour;
        }
        return [255, 255, 255];
      };
      const low = new Set();
      for (const element of document.querySelectorAll("body *")) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
        if (!own || !element.checkVisibility() || element.closest(".hidden, select, script, style, svg")) continue;
        const [one, other] = [light(parts(getComputedStyle(element).color)), light(behind(element))].sort((a, b) => b - a);
        const contrast = (one + 0.05) / (other + 0.05);
        if (contrast < 4.5) low.add(`${element.tagName}.${element.className} ${contrast.toFixed(2)}`);
      }
      return [...low];
    });

  for (const colorScheme of ["light", "dark"]) {
    test(`are ${colorScheme} where that is wished, with enough contrast`, async () => {
      for (const [number, path] of (await everyPage()).slice(0, 12).entries()) {
        await on(path, { colorScheme }, async (page) => {
          const [red] = await page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number));
          assert.equal(red < 80, colorScheme === "dark");
          assert.deepEqual(await contrasts(page), [], path);
          await shot(page, `${colorScheme}-${number}`);
        });
      }
    });
  }

  for (const width of [360, 700, 1021]) {
    test(`fit a narrow screen: nothing is wider than ${width} pixels`, async () => {
      for (const [number, path] of (await everyPage()).entries()) {
        await on(path, { viewport: { width, height: 740 } }, async (page) => {
          const wide = await page.evaluate((width) => {
            const beyond = [...document.querySelectorAll("body *")].filter((each) => each.getBoundingClientRect().right > width + 1 && !each.closest(".hidden, .skip, thead"));
            return { width: document.documentElement.scrollWidth, beyond: beyond.map((each) => `${each.tagName}.${each.className}`).slice(0, 5) };
          }, width);
          assert.deepEqual(wide, { width, beyond: [] }, path);
          if (number < 12) await shot(page, `narrow-${width}-${number}`);
        });
      }
    });
  }
});

describe("the keyboard", () => {
  const focused = (page) =>
    page.evaluate(() => {
      const { id, className } = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
      return { id, className, outline: outlineStyle === "none" ? "none" : outlineWidth };
    });

  test("reaches the content first, sees where it is, and finds the filter by a slash", () =>
    on("certificates", {}, async (page) => {
      await page.keyboard.press("Tab");
      assert.deepEqual(await focused(page), { id: "", className: "skip", outline: "3px" });
      const box = await page.locator(".skip").boundingBox();
      await page.waitForFunction(() => document.querySelector(".skip").getBoundingClientRect().top >= 0);
      assert.ok(box.width > 50);
      await page.keyboard.press("Enter");
      assert.equal((await focused(page)).id, "main");
      await page.keyboard.press("Tab");
      const next = await page.evaluate(() => [document.getElementById("main").contains(document.activeElement), document.activeElement.tagName]);
      assert.deepEqual(next, [true, "A"]);
      assert.equal((await focused(page)).outline, "3px");
      await page.keyboard.press("/");
      assert.equal((await focused(page)).id, "q");
      await page.keyboard.type("shop/");
      assert.equal(await page.locator("#q").inputValue(), "shop/", "in the field a slash is a slash");
      await page.keyboard.press("Escape");
      assert.equal(await page.locator("#q").inputValue(), "");
      await page.keyboard.press("Escape");
      assert.notEqual((await focused(page)).id, "q");
    }));
});

describe("below a path of a proxy", () => {
  test("every link and the filter stay there", async () => {
    const proxy = await shown.behindProxy("/tools/notafter/");
    await on("", { base: proxy.base }, async (page) => {
      await page.getByRole("link", { name: "Certificates", exact: true }).click();
      await page.locator("#q").fill("shop.example");
      await page.waitForFunction(() => document.querySelector("main .lead")?.innerText.startsWith("1 certificate"));
      await page.locator("tbody a").first().click();
      assert.match(page.url(), /\/tools\/notafter\/certificate\?/);
      await page.getByRole("link", { name: "Overview" }).click();
      assert.equal(page.url(), proxy.base);
    });
    assert.deepEqual(proxy.asked.filter((url) => !url.startsWith("/tools/notafter/")), []);
    assert.ok(proxy.asked.length > 4);
  });
});
