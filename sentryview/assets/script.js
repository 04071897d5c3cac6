// Makes the page live and texts easy to copy. Everything else works without it.
"use strict";
const state = document.getElementById("state"), pause = document.getElementById("pause");
let shown = document.body.dataset.version, newest = shown; // versions: the page's, and the last that was announced
let paused = false, ended = false, loading = false, events = null;

function tell() {
  const more = newest === shown ? "" : ", there is more";
  const live = events?.readyState === EventSource.OPEN ? "Live" : "Not connected";
  const text = ended ? "Ended" : paused ? "Paused" + more : live;
  if (state.textContent !== text) state.textContent = text; // a screen reader reads each change
  state.dataset.mode = text === "Live" ? "on" : "off";
}

// refresh fetches this page again. A document that XMLHttpRequest returns runs no script and loads nothing.
function refresh() {
  tell();
  if (loading || paused || newest === shown) return;
  loading = true;
  shown = newest;
  const request = new XMLHttpRequest();
  request.open("GET", location.href);
  request.responseType = "document";
  request.onload = () => { if (request.status === 200) swap(request.response); };
  request.onloadend = () => { loading = false; refresh(); };
  request.send();
}

// swap puts the live parts of another document in the place of ours. What has the focus keeps it. The rows that came
// last look new until others come.
function swap(next) {
  const find = (part, name, value) => part.querySelector(`[${name}="${CSS.escape(value)}"]`);
  for (const part of document.querySelectorAll("[data-live]")) {
    const other = next.getElementById(part.id);
    if (!other) continue;
    const rows = Array.from(other.querySelectorAll("[data-key]"));
    const before = rows.map(row => find(part, "data-key", row.dataset.key)), grown = before.includes(null);
    rows.forEach((row, i) => row.classList.toggle("fresh", grown ? !before[i] : before[i].matches(".fresh")));
    const focus = part.contains(document.activeElement) && document.activeElement.getAttribute("href");
    part.replaceWith(other);
    if (focus) find(other, "href", focus)?.focus();
  }
}

// A browser has few connections for one host, so a page that nobody sees gives its own up.
function connect() {
  events?.close();
  if (ended || document.hidden) return;
  events = new EventSource(document.body.dataset.root + "live");
  events.onopen = events.onerror = tell;
  events.onmessage = event => { newest = event.data; refresh(); };
  events.addEventListener("end", () => { ended = true; events.close(); tell(); });
}

pause.hidden = false;
pause.onclick = () => {
  pause.textContent = (paused = !paused) ? "Resume" : "Pause";
  refresh();
};
document.onvisibilitychange = connect;
document.onkeydown = event => { // "/" goes to the search field
  const search = document.getElementById("q"), typing = event.target.matches("input, select");
  if (!search || typing || event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  search.focus();
};
for (const button of document.querySelectorAll("[data-copy]")) {
  const label = button.textContent;
  button.hidden = !navigator.clipboard;
  button.onclick = async () => {
    const copied = fetch(button.dataset.copy).then(r => r.text()).then(text => navigator.clipboard.writeText(text));
    button.textContent = await copied.then(() => "Copied", () => "The browser won't let us");
    setTimeout(() => { button.textContent = label; }, 2000);
  };
}
connect();
