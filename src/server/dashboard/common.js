// Helpers of all scripts of the pages. Text is set by textContent only: names of provers, reasons and transactions are untrusted.

export const $ = (id) => document.getElementById(id);

export function element(tag, { text, ...attributes } = {}, children = []) {
  const made = document.createElement(tag);
  if (text !== undefined && text !== null) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

export function drawn(tag, attributes = {}, children = []) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Writes only what differs: screen readers and selections are left alone.
export function setText(node, text) {
  const wanted = String(text ?? "");
  if (node.textContent !== wanted) node.textContent = wanted;
}

// --- numbers and times -------------------------------------------------------------------------------------------------------------

// Milliseconds by which the clock of the server is ahead of that of the browser.
let skew = 0;

export const now = () => Date.now() + skew;

export function duration(ms) {
  if (ms === null || ms === undefined) return "";
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

// A duration with tenths while they matter.
export const exactly = (ms) => (ms < 9950 ? `${(Math.max(0, ms) / 1000).toFixed(ms < 95 ? 2 : 1)} s` : duration(ms));

export const since = (ms) => (ms === null || ms === undefined ? "" : duration(now() - ms));

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const MINUTES = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

// A time of day, with the date if it was not today.
export function clock(ms, seconds = true) {
  const time = (seconds ? CLOCK : MINUTES).format(ms);
  return new Date(ms).toDateString() === new Date(now()).toDateString() ? time : `${DAY.format(ms)}, ${time}`;
}

export function bytes(count) {
  if (count === null || count === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
  let unit = 0;
  let value = count;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(unit === 0 || value >= 100 ? 0 : 1)} ${units[unit]}`;
}

export const range = (first, last) => (first === last ? `${first}` : `${first}–${last}`);
export const blocks = (first, last) => (first === last ? `block ${first}` : `blocks ${first}–${last}`);
export const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
export const short = (text, head = 10, tail = 6) => (text.length > head + tail + 3 ? `${text.slice(0, head)}…${text.slice(-tail)}` : text);

// --- requests ----------------------------------------------------------------------------------------------------------------------

const TIMEOUT_MS = 10000;
// Smaller differences are within the resolution of the header.
const MIN_SKEW_MS = 2000;

// Sends a request; throws the sentence of the server if it fails.
export async function send(path, options = {}) {
  const response = await fetch(path, { signal: AbortSignal.timeout(TIMEOUT_MS), ...options });
  const date = Date.parse(response.headers.get("date") ?? "");
  if (Number.isFinite(date)) skew = Math.abs(date - Date.now()) < MIN_SKEW_MS ? 0 : date - Date.now();
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Error(problem.detail ?? problem.message ?? `${path}: the server answers ${response.status}`);
}

export const request = async (path, options) => (await send(`api/v1/${path}`, options)).json();

// --- operator ----------------------------------------------------------------------------------------------------------------------

const TOKEN_KEY = "operator-token";

export const token = () => sessionStorage.getItem(TOKEN_KEY);

export function setToken(text) {
  if (text) sessionStorage.setItem(TOKEN_KEY, text);
  else sessionStorage.removeItem(TOKEN_KEY);
}

export const asOperator = () => ({ headers: { authorization: `Bearer ${token()}` } });

function notice(text) {
  setText($("notice"), text);
  $("notice").hidden = !text;
}

// Makes a button that changes something on the server.
export function changeButton(label, description, path, { question, body } = {}) {
  const button = element("button", { type: "button", text: label, "aria-label": description });
  button.addEventListener("click", async () => {
    if (question && !confirm(question)) return;
    notice("");
    button.disabled = true;
    try {
      const headers = { ...asOperator().headers, ...(body ? { "content-type": "application/json" } : {}) };
      await request(path, { method: "POST", headers, body: body ? JSON.stringify(body) : undefined });
      dispatchEvent(new Event("changed"));
    } catch (error) {
      notice(`${description}: ${error.message}`);
    }
    button.disabled = false;
  });
  return button;
}

// Replaces the buttons of a place only if they differ, so that the focus stays.
export function setButtons(place, buttons) {
  const names = (list) => JSON.stringify([...list].map((button) => [button.textContent, button.getAttribute("aria-label"), button.getAttribute("href")]));
  if (names(place.children) === names(buttons)) return;
  const focused = place.contains(document.activeElement) ? document.activeElement.textContent : null;
  place.replaceChildren(...buttons);
  if (focused) [...place.children].find((button) => button.textContent === focused)?.focus();
}

// --- keyboard ----------------------------------------------------------------------------------------------------------------------

// Makes links in a place one stop of the tab key; arrows move between them. `step` returns the link that a key leads to from another.
export function roving(place, step) {
  const enter = (link) => {
    for (const other of place.querySelectorAll("a[tabindex='0']")) other.tabIndex = -1;
    link.tabIndex = 0;
  };
  place.addEventListener("focusin", (event) => event.target.closest("a") && enter(event.target.closest("a")));
  place.addEventListener("keydown", (event) => {
    const from = event.target.closest("a");
    const to = from && step(from, event.key);
    if (!to) return;
    event.preventDefault();
    enter(to);
    to.focus();
  });
  // Called after links were added or removed.
  return (preferred) => {
    if (!place.querySelector("a[tabindex='0']") && preferred) preferred.tabIndex = 0;
  };
}
