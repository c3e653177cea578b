// What the pages do beyond links and forms: they filter as one types, keep their times, and follow what is watched.
// All markup comes from the server; nothing here makes any of text.
(() => {
  "use strict";
  const form = document.getElementById("filter");
  const field = document.getElementById("q");
  const parser = new DOMParser();
  const skew = Date.now() - Date.parse(document.querySelector("footer time").dateTime);
  let asked = null;
  let timer = 0;

  const span = (secs) => {
    const units = [[31557600, "year"], [86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];
    const [size, unit] = units.find(([size]) => secs >= size * 2) || [1, "second"];
    const count = Math.floor(secs / size);
    return count + " " + unit + (count === 1 ? "" : "s");
  };
  const tell = () => {
    const now = Math.floor((Date.now() - skew) / 1000);
    for (const time of document.querySelectorAll("time[data-at]")) {
      const left = Number(time.dataset.at) - now;
      const text = "for" in time.dataset ? "for " + span(Math.max(0, -left)) : left === 0 ? "now" : left > 0 ? "in " + span(left) : span(-left) + " ago";
      if (time.textContent !== text) time.textContent = text;
    }
  };

  // Puts the main part of another page in place of this one's.
  const take = (text) => {
    const page = parser.parseFromString(text, "text/html");
    const fresh = page.getElementById("main");
    if (!fresh) return;
    const open = new Set([...document.querySelectorAll("main details[open] > summary")].map((each) => each.closest("li, tr, section")?.textContent));
    document.title = page.title;
    document.getElementById("main").replaceWith(document.adoptNode(fresh));
    for (const each of document.querySelectorAll("main details > summary")) {
      if (open.has(each.closest("li, tr, section")?.textContent)) each.parentNode.open = true;
    }
    for (const part of [".pulse", ".bar nav", "footer"]) {
      const [old, other] = [document.querySelector(part), page.querySelector(part)];
      if (old && other) old.replaceWith(document.adoptNode(other));
    }
    tell();
  };

  const ask = async (address, isNew) => {
    if (asked) asked.abort();
    const mine = asked = new AbortController();
    if (isNew) form.dataset.busy = "";
    try {
      const answer = await fetch(address, { signal: mine.signal, credentials: "same-origin", redirect: "error" });
      const text = await answer.text();
      if (mine !== asked || !(answer.headers.get("content-type") || "").startsWith("text/html")) return;
      take(text);
      if (isNew) history.replaceState(null, "", address);
    } catch (error) {
      // Another question came, or the program is not there now: the next one tells.
    } finally {
      if (mine === asked) delete form.dataset.busy;
    }
  };

  const query = () => {
    const wanted = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (String(value).trim()) wanted.set(name, value);
    const text = wanted.toString();
    return form.getAttribute("action") + (text ? "?" + text : "");
  };
  const filter = (wait) => {
    clearTimeout(timer);
    timer = setTimeout(() => ask(query(), true), wait);
  };
  form.addEventListener("input", () => filter(180));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    filter(0);
  });

  document.addEventListener("keydown", (event) => {
    const inField = event.target.closest("input, select, textarea");
    if (event.key === "/" && !inField && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      field.focus();
      field.select();
    } else if (event.key === "Escape" && event.target === field) {
      if (field.value) {
        field.value = "";
        filter(0);
      } else {
        field.blur();
      }
    }
  });

  // The overview follows what is watched; what somebody reads or selects stays.
  setInterval(() => {
    const main = document.getElementById("main");
    const isBusy = document.hidden || asked && form.dataset.busy !== undefined || main.contains(document.activeElement) && document.activeElement !== main
      || String(document.getSelection());
    if (main.dataset.page === "./" && !isBusy) ask("./", false);
  }, 30000);
  setInterval(tell, 5000);
})();
