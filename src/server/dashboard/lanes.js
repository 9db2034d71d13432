// Lanes: a row for each prover, with a bar for each attempt; now is at the right edge. Positions are shares of the time shown, relative
// to an origin, so that a frame only moves each row as a whole and widens the bars of attempts that still last.

import { $, blocks, clock, counted, duration, element, exactly, now, range, roving, setButtons, setText, since } from "./common.js";

const SPANS = [["30 s", 30], ["2 min", 120], ["10 min", 600], ["1 h", 3600], ["6 h", 21600]];
const SPAN_KEY = "time-shown";
const SHOWN_LANES = 20;
// Pixels that a bar of the usual length should have.
const USUAL_PX = 12;
// Pixels of a digit, and of the margins of a bar.
const DIGIT_PX = 6.7;
const MARGIN_PX = 7;
const FRAME_MS = 100;

// How an attempt ended: the class of its bar, its sign, and words.
const OUTCOMES = {
  working: ["working", "", "in progress"],
  accepted: ["accepted", "", "accepted"],
  refused: ["rejected", "✕ ", "proof rejected"],
  lease_lost: ["lost", "? ", "lease lost"],
  not_delivered: ["lost", "? ", "answer not delivered"],
  stopped: ["ended", "– ", "released by the prover"],
  ended: ["ended", "– ", "ended by an operator or a revert"],
  superseded: ["ended", "– ", "another prover was faster"],
};

let span = Number(sessionStorage.getItem(SPAN_KEY)) || 0;
let chosen = span > 0;
let origin = now();
let showAll = false;
let width = 0;
const rows = new Map();

// On narrow screens the names are above the tracks.
const trackWidth = () => document.querySelector(".track")?.clientWidth || Math.min(innerWidth, 1400) - (innerWidth > 900 ? 320 : 40);
const endOf = (attempt) => attempt.to ?? now();
const share = (ms) => `${((ms / span) * 100).toFixed(4)}%`;
const keyOf = (attempt) => `${attempt.job}/${attempt.from}`;
export const outcomeOf = (attempt) => OUTCOMES[attempt.outcome ?? "working"] ?? OUTCOMES.ended;

function words(attempt) {
  const what = blocks(attempt.first, attempt.last) + (attempt.aggregate ? ", aggregate" : "");
  const [, , outcome] = outcomeOf(attempt);
  const time = attempt.to === null ? `since ${clock(attempt.from)}, ${duration(now() - attempt.from)}` : `${clock(attempt.from)} to ${clock(attempt.to)}, ${exactly(attempt.to - attempt.from)}`;
  return [`${what}: ${outcome}`, `job ${attempt.job}, ${attempt.prover}`, time, attempt.reason];
}

// --- the row of a prover -----------------------------------------------------------------------------------------------------------

class Row {
  constructor(name) {
    this.bars = new Map();
    this.name = element("b", { text: name });
    this.counts = element("small", { class: "counts" });
    this.facts = element("small");
    this.buttons = element("span", { class: "buttons" });
    this.track = element("div", { class: "bars" });
    this.li = element("li", { class: "lane" }, [
      element("div", { class: "who" }, [this.name, this.counts, this.facts, this.buttons]),
      element("div", { class: "track", role: "group" }, [this.track]),
    ]);
  }

  show(prover, attempts, buttons) {
    setButtons(this.buttons, buttons);
    const counts = { accepted: 0, rejected: 0, lost: 0 };
    const present = new Set();
    for (const attempt of attempts) {
      const [style] = outcomeOf(attempt);
      if (style in counts) counts[style] += 1;
      const key = keyOf(attempt);
      present.add(key);
      const bar = this.bars.get(key) ?? this.add(key);
      bar.attempt = attempt;
      this.draw(bar);
    }
    for (const [key, bar] of this.bars) {
      if (!present.has(key)) {
        bar.link.remove();
        this.bars.delete(key);
      }
    }
    const working = attempts.find((attempt) => attempt.to === null);
    const withheld = prover.blocked_at_ms ? "blocked by an operator"
      : prover.suspended_until_ms > now() ? `suspended for ${duration(prover.suspended_until_ms - now())}` : null;
    const state = withheld ? withheld
      : working ? `on ${blocks(working.first, working.last)}${working.eta ? `, ${duration(working.eta)} left` : ""}`
      : prover.last_seen_ms ? `seen ${since(prover.last_seen_ms)} ago` : "never seen";
    this.li.classList.toggle("resting", !working);
    this.li.classList.toggle("trouble", Boolean(withheld));
    setText(this.facts, state);
    setText(this.counts, `${prover.proofs} accepted${prover.rejected ? `, ${prover.rejected} rejected` : ""}`);
    const described = ["accepted", "rejected", "lost"].map((style) => `${counts[style]} ${style}`).join(", ");
    this.li.lastChild.setAttribute("aria-label", `${prover.name}, last ${duration(span * 1000)}: ${described}`);
  }

  add(key) {
    const bar = { link: element("a", { tabindex: "-1" }), attempt: null };
    bar.link.bar = bar;
    this.bars.set(key, bar);
    return bar;
  }

  draw(bar) {
    const { link, attempt } = bar;
    const [style, sign] = outcomeOf(attempt);
    const className = `bar ${style}${attempt.aggregate ? " aggregate" : ""}`;
    if (link.className !== className) link.className = className;
    const length = endOf(attempt) - attempt.from;
    link.style.left = share(attempt.from - origin);
    link.style.width = share(length);
    const fits = (text) => ((length / span) * width >= text.length * DIGIT_PX + MARGIN_PX ? text : "");
    setText(link, fits(`${sign}${range(attempt.first, attempt.last)}`) || fits(sign));
    if (link.getAttribute("href") !== `#block=${attempt.first}`) link.href = `#block=${attempt.first}`;
    link.setAttribute("aria-label", words(attempt).filter(Boolean).join(", "));
    if (!link.parentNode) {
      // In the order of time, which is the order of the arrow keys.
      const next = [...this.track.children].find((other) => other.bar.attempt.from > attempt.from);
      this.track.insertBefore(link, next ?? null);
    }
  }
}

// --- all rows ----------------------------------------------------------------------------------------------------------------------

const settle = roving($("lanes"), (from, key) => {
  const lanes = [...rows.values()].filter((row) => row.track.children.length);
  const at = lanes.findIndex((row) => row.track.contains(from));
  const bars = [...lanes[at].track.children];
  const nearest = (row) => row && [...row.track.children].reduce((best, bar) =>
    (Math.abs(bar.bar.attempt.from - from.bar.attempt.from) < Math.abs(best.bar.attempt.from - from.bar.attempt.from) ? bar : best));
  switch (key) {
    case "ArrowLeft": return bars[bars.indexOf(from) - 1];
    case "ArrowRight": return bars[bars.indexOf(from) + 1];
    case "Home": return bars[0];
    case "End": return bars.at(-1);
    case "ArrowUp": return nearest(lanes[at - 1]);
    case "ArrowDown": return nearest(lanes[at + 1]);
    default: return undefined;
  }
});

function choose(attempts) {
  if (chosen) return;
  const lengths = attempts.filter((attempt) => attempt.to !== null).map((attempt) => attempt.to - attempt.from).sort((a, b) => a - b);
  const usual = lengths[lengths.length >> 1] ?? 0;
  const most = (usual * trackWidth()) / USUAL_PX;
  span = (SPANS.findLast(([, seconds]) => seconds * 1000 <= most) ?? SPANS[usual ? 0 : 1])[1] * 1000;
  chosen = lengths.length > 2;
}

function showSpans() {
  if (!$("spans").children.length) {
    for (const [name, seconds] of SPANS) {
      const button = element("button", { type: "button", text: name });
      button.addEventListener("click", () => {
        span = seconds * 1000;
        chosen = true;
        sessionStorage.setItem(SPAN_KEY, span);
        dispatchEvent(new Event("changed"));
        showLanes(last.provers, last.attempts, last.more, last.buttonsOf);
      });
      $("spans").append(button);
    }
  }
  [...$("spans").children].forEach((button, index) => button.setAttribute("aria-pressed", String(SPANS[index][1] * 1000 === span)));
}

// The time shown, in milliseconds.
export const timeShown = () => span || SPANS[1][1] * 1000;

let last = { provers: [], attempts: [], more: false, buttonsOf: () => [] };

export function showLanes(provers, attempts, more, buttonsOf) {
  last = { provers, attempts, more, buttonsOf };
  width = trackWidth();
  choose(attempts);
  showSpans();
  origin = now();
  const begin = now() - span;
  const byProver = new Map(provers.map((prover) => [prover.name, []]));
  for (const attempt of attempts) if (endOf(attempt) >= begin) byProver.get(attempt.prover)?.push(attempt);
  const active = (prover) => byProver.get(prover.name).length > 0 || prover.held > 0;
  // Rows that are shown stay, so that nothing moves; free places go to the busy ones.
  const order = [...provers].sort((a, b) => rows.has(b.name) - rows.has(a.name) || active(b) - active(a) || b.last_seen_ms - a.last_seen_ms);
  const shown = order.slice(0, showAll ? undefined : SHOWN_LANES).sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  const names = new Set(shown.map((prover) => prover.name));
  for (const [name, row] of rows) {
    if (!names.has(name)) {
      row.li.remove();
      rows.delete(name);
    }
  }
  shown.forEach((prover, index) => {
    if (!rows.has(prover.name)) rows.set(prover.name, new Row(prover.name));
    const row = rows.get(prover.name);
    if ($("lanes").children[index] !== row.li) $("lanes").insertBefore(row.li, $("lanes").children[index] ?? null);
    row.show(prover, byProver.get(prover.name), buttonsOf(prover));
  });
  const hidden = provers.length - shown.length;
  setText($("lanes-rest"), provers.length === 0 ? "No prover has asked for work since the server started."
    : more ? "More: witness-server provers" : "");
  $("all-lanes").hidden = hidden === 0 && !showAll;
  setText($("all-lanes"), showAll ? "show fewer" : `show ${counted(hidden, "further prover")}`);
  $("lane-box").hidden = provers.length === 0;
  $("spans").hidden = provers.length === 0;
  $("outcomes").hidden = provers.length === 0;
  settle([...rows.values()].map((row) => row.track.lastChild).find(Boolean));
  showTimes();
  move();
}

$("all-lanes").addEventListener("click", () => {
  showAll = !showAll;
  showLanes(last.provers, last.attempts, last.more, last.buttonsOf);
});

function showTimes() {
  const step = [15, 30, 60, 120, 300, 600, 1800, 3600].find((seconds) => (span / 1000) / seconds <= (innerWidth < 600 ? 4 : 8)) * 1000;
  const first = Math.ceil((now() - span) / step) * step;
  const ticks = [];
  for (let at = first; at <= now() + step; at += step) {
    const tick = element("span", { class: "tick", text: clock(at, step < 60000) });
    tick.style.left = share(at - origin);
    ticks.push(tick);
  }
  $("times").replaceChildren(element("div", { class: "bars" }, ticks), element("span", { class: "now", text: "now" }));
}

function move() {
  if (!span) return;
  const shift = `translateX(${(-((now() - span - origin) / span) * 100).toFixed(4)}%)`;
  for (const row of rows.values()) {
    row.track.style.transform = shift;
    for (const bar of row.bars.values()) if (bar.attempt.to === null) bar.link.style.width = share(now() - bar.attempt.from);
  }
  if ($("times").firstChild) $("times").firstChild.style.transform = shift;
}

// The rows move by about a pixel at a time, with reduced motion once a second. Hidden tabs get no frames.
const calm = matchMedia("(prefers-reduced-motion: reduce)");
function frame() {
  move();
  const pixel = span / Math.max(1, width);
  setTimeout(() => requestAnimationFrame(frame), calm.matches ? 1000 : Math.min(1000, Math.max(FRAME_MS, pixel)));
}
requestAnimationFrame(frame);

// --- details of a bar --------------------------------------------------------------------------------------------------------------

const tip = $("tip");

function showTip(link) {
  const lines = words(link.bar.attempt).filter(Boolean);
  tip.replaceChildren(...lines.map((text, index) => element(index ? "span" : "b", { text })));
  tip.hidden = false;
  const bar = link.getBoundingClientRect();
  const track = link.closest(".track").getBoundingClientRect();
  const middle = (Math.max(bar.left, track.left) + Math.min(bar.right, track.right)) / 2;
  const left = Math.min(Math.max(8, middle - tip.offsetWidth / 2), document.documentElement.clientWidth - tip.offsetWidth - 8);
  const above = bar.top - tip.offsetHeight - 8;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > 8 ? above : bar.bottom + 8}px`;
  tip.of = link;
}

function hideTip() {
  tip.hidden = true;
  tip.of = null;
}

const barOf = (event) => event.target.closest?.(".lane a.bar");
let touched = false;

$("lanes").addEventListener("pointerdown", (event) => {
  touched = event.pointerType === "touch";
});
$("lanes").addEventListener("pointerover", (event) => barOf(event) && event.pointerType !== "touch" && showTip(barOf(event)));
$("lanes").addEventListener("pointerout", (event) => event.pointerType !== "touch" && hideTip());
$("lanes").addEventListener("focusin", (event) => barOf(event)?.matches(":focus-visible") && showTip(barOf(event)));
$("lanes").addEventListener("focusout", hideTip);
// The first tap shows the details, the second one opens the block.
$("lanes").addEventListener("click", (event) => {
  const bar = barOf(event);
  if (!bar || !touched || tip.of === bar) return hideTip();
  event.preventDefault();
  showTip(bar);
});
addEventListener("keydown", (event) => event.key === "Escape" && hideTip());
addEventListener("scroll", hideTip, { passive: true });
