// Debian's Chromium, and what a test needs to know of a page besides what stands on it.

import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { chromium } from "playwright-core";

export function browser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

// A page that counts what goes wrong in it: violations of its policy, errors of scripts, dialogs, requests to anybody else.
export async function open(chrome, base, options = {}) {
  const context = await chrome.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  // For what never comes; what comes is waited for by a condition, however busy the machine is.
  context.setDefaultTimeout(120_000);
  const page = await context.newPage();
  const wrong = [];
  const asked = [];
  page.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
  page.on("console", (said) => ["error", "warning"].includes(said.type()) && wrong.push(`console: ${said.text()}`));
  page.on("dialog", (dialog) => {
    wrong.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("request", (request) => {
    asked.push(request.url());
    const url = request.url();
    if (!url.startsWith(base) && !url.startsWith("data:")) wrong.push(`asked ${url}`);
  });
  // In the page's own world, before anything of the page.
  await page.addInitScript(() => {
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
  });
  return { page, wrong, asked, close: () => context.close() };
}

// A picture, where somebody wants to look.
export async function shot(page, name) {
  const folder = process.env.SHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}
