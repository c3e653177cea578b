// What the pages do beyond links and forms: they filter as one types, keep their times, and follow what is watched.
// All markup comes from the server; nothing here makes any of text.
(() => {
  "use strict";
  const form = document.getElementById("filter");
  const field = document.getElementById("q");
  const parser = new DOMParser();
  const skew = Date.now() - Date.parse(document.querySelector("footer time").dateTime);
  const here = () => location.pathname + location.search;
  let shown = here();
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

  // Puts the main part of another page in place of this one's. What was unfolded stays so, whatever its text says by now.
  const take = (page) => {
    const open = new Set([...document.querySelectorAll("main details[open][data-key]")].map((each) => each.dataset.key));
    document.title = page.title;
    for (const part of ["#main", ".pulse", ".bar nav", "#lost", "footer"]) {
      const [old, fresh] = [document.querySelector(part), page.querySelector(part)];
      if (old && fresh) old.replaceWith(document.adoptNode(fresh));
    }
    for (const each of document.querySelectorAll("main details[data-key]")) if (open.has(each.dataset.key)) each.open = true;
    tell();
  };

  const ask = async (address, isNew) => {
    if (asked) asked.abort();
    const mine = asked = new AbortController();
    if (isNew) form.dataset.busy = "";
    try {
      const answer = await fetch(address, { signal: mine.signal, credentials: "same-origin", redirect: "error" });
      const page = parser.parseFromString(await answer.text(), "text/html");
      if (mine !== asked) return;
      if (!page.getElementById("main")) throw new Error("not a page of the program: something stands in between");
      // From another page the way back stays; a text that grows is one step.
      const isSame = document.getElementById("main").dataset.page === form.getAttribute("action");
      take(page);
      if (isNew) {
        history[isSame ? "replaceState" : "pushState"](null, "", address);
        shown = here();
      }
    } catch (error) {
      // What stands here may be old by now, and must not look as if it were not.
      if (mine === asked) document.getElementById("lost").hidden = false;
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

  // The way back leads to what another address shows, with its form; a jump within the page leads nowhere.
  addEventListener("popstate", () => {
    if (here() !== shown) location.reload();
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
