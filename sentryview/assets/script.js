// Makes the page live and texts easy to copy. Everything else works without it.
"use strict";
const state = document.getElementById("state"), pause = document.getElementById("pause");
const root = document.body.dataset.root;
let shown = document.body.dataset.version; // the version that the page shows
const marks = new Map(); // the keys of the rows that came last, by the part that they are in
let newest = shown, paused = false, ended = false, loading = false, events = null;

function say(text, mode) {
  if (state.textContent !== text) state.textContent = text; // a screen reader reads each change
  state.dataset.mode = mode;
}

function tell() {
  if (ended) say("Ended", "off");
  else if (paused) say(newest === shown ? "Paused" : "Paused, there is more", "off");
  else if (!events || events.readyState !== EventSource.OPEN) say("Not connected", "off");
  else say("Live", "on");
}

// refresh fetches this page again. A document that XMLHttpRequest returns runs no script and loads nothing.
function refresh() {
  tell();
  if (loading || paused || newest === shown) return;
  loading = true;
  const request = new XMLHttpRequest();
  request.open("GET", location.href);
  request.responseType = "document";
  request.onload = () => { if (request.status === 200 && request.response) swap(request.response); else shown = newest; };
  request.onerror = () => { shown = newest; };
  request.onloadend = () => { loading = false; refresh(); };
  request.send();
}

// swap puts the live parts of another document in the place of ours. What has the focus keeps it. The rows that came
// last look new until others come.
function swap(next) {
  shown = next.body.dataset.version;
  for (const part of document.querySelectorAll("[data-live]")) {
    const fresh = next.getElementById(part.id);
    if (!fresh) continue;
    const known = new Set(Array.from(part.querySelectorAll("[data-key]"), row => row.dataset.key));
    const rows = Array.from(fresh.querySelectorAll("[data-key]"));
    const added = rows.filter(row => !known.has(row.dataset.key)).map(row => row.dataset.key);
    if (added.length > 0) marks.set(part.id, new Set(added));
    for (const row of rows) row.classList.toggle("fresh", marks.get(part.id)?.has(row.dataset.key) ?? false);
    const focus = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    part.replaceWith(document.adoptNode(fresh));
    if (focus) Array.from(fresh.querySelectorAll("a")).find(a => a.getAttribute("href") === focus)?.focus();
  }
}

// A browser has few connections for one host, so a page that nobody sees gives its own up.
function connect() {
  events?.close();
  events = null;
  if (ended || document.hidden) return;
  events = new EventSource(root + "live");
  events.onopen = events.onerror = tell;
  events.onmessage = event => { newest = event.data; refresh(); };
  events.addEventListener("end", () => { ended = true; events.close(); tell(); });
}

pause.hidden = false;
pause.addEventListener("click", () => {
  paused = !paused;
  pause.textContent = paused ? "Resume" : "Pause";
  refresh();
});
document.addEventListener("visibilitychange", connect);
document.addEventListener("keydown", event => { // "/" goes to the search field
  const typing = event.target.closest("input, select, textarea");
  const search = document.getElementById("q");
  if (event.key !== "/" || typing || !search || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  search.focus();
});
for (const button of document.querySelectorAll("[data-copy]")) {
  const label = button.textContent;
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(await (await fetch(button.dataset.copy)).text());
      button.textContent = "Copied";
    } catch {
      button.textContent = "The browser won't let us";
    }
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}
connect();
