// The dashboard: subscribes to the server-sent events of the listener that served it, and reads /api/v1 after each event, at most
// once a second. All text is set by textContent, because names of provers and reasons are untrusted.

const STAGES = ["imported", "witnessed", "queued", "proving", "proven", "aggregated", "verified", "quarantined"];
const SHOWN_BLOCKS = 240;
const SHOWN_JOBS = 50;
const REFRESH_INTERVAL_MS = 1000;
const HISTORY_MS = 5000;
const TOKEN_KEY = "operator-token";

const $ = (id) => document.getElementById(id);

// --- small helpers ---------------------------------------------------------------------------------------------------------------

function element(tag, { text, ...attributes } = {}, children = []) {
  const made = document.createElement(tag);
  if (text !== undefined && text !== null) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function duration(ms) {
  if (ms === null || ms === undefined) return "";
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

const since = (ms) => (ms === null || ms === undefined ? "" : duration(Date.now() - ms));

function bytes(count) {
  if (count === null || count === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let value = count;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(unit === 0 || value >= 100 ? 0 : 1)} ${units[unit]}`;
}

const range = (first, last) => (first === last ? `${first}` : `${first}–${last}`);

async function request(path, options = {}) {
  const response = await fetch(`api/v1/${path}`, options);
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.detail ?? body.message ?? `${path}: ${response.status}`);
  return body;
}

// --- operator --------------------------------------------------------------------------------------------------------------------

const token = () => sessionStorage.getItem(TOKEN_KEY);

function showOperator() {
  $("operator").textContent = token() ? "Operator: can change jobs" : "Operator: read only";
  document.body.classList.toggle("operates", Boolean(token()));
}

async function change(path, what) {
  notice("");
  try {
    await request(path, { method: "POST", headers: { authorization: `Bearer ${token()}` } });
    requestRefresh();
  } catch (error) {
    notice(`${what}: ${error.message}`);
  }
}

function notice(text) {
  if ($("notice").textContent !== text) $("notice").textContent = text;
}

function changeButton(label, description, path, question) {
  const button = element("button", { type: "button", text: label, "aria-label": description });
  button.addEventListener("click", () => {
    if (!question || confirm(question)) change(path, description);
  });
  return button;
}

// --- status ----------------------------------------------------------------------------------------------------------------------

function put(id, value, bad = false) {
  $(id).textContent = value ?? "–";
  $(id).classList.toggle("bad", bad);
}

function showStatus(status) {
  $("version").textContent = status.version;
  put("head", status.genesis ? status.blocks.head : "no genesis", !status.genesis);
  put("witnessed", status.blocks.witnessed);
  put("verified", status.blocks.verified);
  put("idle", status.jobs.idle);
  put("in-progress", status.jobs.in_progress);
  put("failed", status.jobs.failed, status.jobs.failed > 0);
  put("prover-count", status.provers);
  const storage = status.storage ?? {};
  const { free_bytes: free, min_free_bytes: floor, low } = status.space;
  const rows = [
    ["index", bytes(storage.index_bytes)],
    ["blobs", bytes(storage.blobs_bytes)],
    ["journal", bytes(storage.journal_bytes)],
    ["free", bytes(free), low],
    ["floor of free space", bytes(floor)],
    ["new work", low ? "stopped: free space is below the floor" : "accepted", low],
  ];
  showRows("storage", rows);
  const node = status.node;
  $("node-section").hidden = !node;
  if (node) {
    showRows("node", [
      ["database", node.url],
      ["link", node.phase.replace("_", " "), ["failing", "stopped"].includes(node.phase)],
      ["newest block", node.newest_block],
      ["blocks behind", node.blocks_behind],
      ["last failure", node.fault ? node.fault.message : "none", Boolean(node.fault)],
      ["proofs to hand back", node.proofs_pending],
      ["handing back", node.hand_back_fault ? node.hand_back_fault.message : "works", Boolean(node.hand_back_fault)],
    ]);
  }
}

function showRows(id, rows) {
  $(id).replaceChildren(...rows.map(([name, value, bad]) =>
    element("div", {}, [element("dt", { text: name }), element("dd", { text: String(value), class: bad ? "bad" : "" })])));
}

// --- chain -----------------------------------------------------------------------------------------------------------------------

const cells = new Map();
let chosen = null;
// The first block that is not shown; null to show the newest blocks.
let shownBefore = null;

function showBlocks(blocks, older) {
  const strip = $("strip");
  const atEnd = strip.scrollTop + strip.clientHeight >= strip.scrollHeight - 8;
  const present = new Set();
  const counts = new Map(STAGES.map((stage) => [stage, 0]));
  let before = null;
  for (const block of blocks) {
    present.add(block.number);
    counts.set(block.stage, (counts.get(block.stage) ?? 0) + 1);
    let cell = cells.get(block.number);
    if (!cell) {
      cell = element("span", { role: "option", id: `block-${block.number}`, text: block.number, "aria-selected": "false" });
      cell.addEventListener("click", () => choose(block.number));
      cells.set(block.number, cell);
    }
    const next = before ? before.nextSibling : strip.firstChild;
    if (next !== cell) strip.insertBefore(cell, next);
    before = cell;
    if (cell.className !== block.stage) {
      cell.className = block.stage;
      const label = `block ${block.number}, ${block.stage}, ${block.chunks} chunks`;
      cell.setAttribute("aria-label", label);
      cell.title = label;
      if (block.number === chosen) explain(block.number);
    }
  }
  for (const [number, cell] of cells) {
    if (!present.has(number)) {
      cell.remove();
      cells.delete(number);
    }
  }
  if (atEnd) strip.scrollTop = strip.scrollHeight;
  const first = blocks.at(0)?.number;
  $("older").disabled = !older;
  $("older").onclick = () => showBefore(first);
  $("newest").disabled = shownBefore === null;
  $("chain-title").textContent = blocks.length ? `Chain, blocks ${range(first, blocks.at(-1).number)}` : "Chain: no block yet";
  for (const item of $("legend").children) item.lastChild.textContent = counts.get(item.firstChild.className);
}

function showBefore(number) {
  shownBefore = number;
  requestRefresh();
}

$("newest").addEventListener("click", () => showBefore(null));

function choose(number) {
  if (!cells.has(number)) return;
  cells.get(chosen)?.setAttribute("aria-selected", "false");
  chosen = number;
  const cell = cells.get(number);
  cell.setAttribute("aria-selected", "true");
  cell.scrollIntoView({ block: "nearest" });
  $("strip").setAttribute("aria-activedescendant", cell.id);
  explain(number);
}

async function explain(number) {
  let text;
  try {
    text = (await request(`blocks/${number}/explain`)).text;
  } catch (error) {
    text = error.message;
  }
  if (number === chosen) $("block").replaceChildren(element("p", { text }));
}

$("strip").addEventListener("keydown", (event) => {
  const numbers = [...cells.keys()].sort((a, b) => a - b);
  if (!numbers.length) return;
  const row = Math.max(1, Math.floor($("strip").clientWidth / (cells.get(numbers[0]).offsetWidth + 3)));
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -row, ArrowDown: row, Home: -numbers.length, End: numbers.length };
  const step = steps[event.key];
  if (step === undefined) return;
  event.preventDefault();
  const at = chosen === null ? (step > 0 ? -1 : numbers.length) : numbers.indexOf(chosen);
  choose(numbers[Math.min(numbers.length - 1, Math.max(0, at + step))]);
});

// --- tables ----------------------------------------------------------------------------------------------------------------------

// Rows are kept by key, so that the keyboard focus survives changes of values.
function fill(body, items, key, cellsOf, empty) {
  const rows = new Map([...body.children].filter((row) => row.dataset.key).map((row) => [row.dataset.key, row]));
  body.querySelector(".none")?.remove();
  let before = null;
  const focused = body.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
  for (const item of items) {
    const name = String(key(item));
    const row = rows.get(name) ?? element("tr", { "data-key": name });
    rows.delete(name);
    const next = before ? before.nextSibling : body.firstChild;
    if (next !== row) body.insertBefore(row, next);
    before = row;
    cellsOf(item).forEach((cell, index) => {
      const old = row.children[index];
      if (!old) row.append(cell);
      else if (old.textContent !== cell.textContent || old.className !== cell.className) old.replaceWith(cell);
    });
  }
  for (const row of rows.values()) row.remove();
  // A cell whose buttons changed is replaced; the focus returns to the button with the same label.
  if (focused && !body.contains(document.activeElement)) {
    [...body.querySelectorAll("button")].find((button) => button.getAttribute("aria-label") === focused)?.focus();
  }
  if (!items.length) {
    const columns = body.closest("table").tHead.rows[0].cells.length;
    body.append(element("tr", { class: "none" }, [element("td", { text: empty, colspan: columns, class: "empty" })]));
  }
}

const text = (value, type = "") => element("td", { text: value ?? "", class: type });
const number = (value) => text(value, "number");

// The table shows the first jobs of each status.
function showJobs(jobs, more) {
  $("jobs-rest").textContent = more ? "More: witness-server jobs list" : "";
  const buttonsOf = (job) => {
    if (!token()) return [];
    const buttons = [];
    if (job.status === "failed" || job.status === "in_progress") {
      buttons.push(changeButton("requeue", `requeue job ${job.id}`, `jobs/${job.id}/requeue`));
    }
    buttons.push(changeButton("drop", `drop job ${job.id}`, `jobs/${job.id}/drop`, `Drop job ${job.id}? Its blocks will not be proven by it.`));
    return buttons;
  };
  fill($("job-rows"), jobs, (job) => job.id, (job) => [
    text(job.id),
    text(`${range(job.first_block, job.last_block)}${job.type === "AGGREGATED_PROOF" ? " aggregated" : ""}`),
    text(job.status.replace("_", " ")),
    // The holder of an idle job is the prover that held it last.
    text(job.status === "idle" ? "" : job.holder),
    number(job.attempts),
    number(since(job.status === "in_progress" ? job.updated_at_ms : job.created_at_ms)),
    number(job.status === "in_progress" ? since(job.last_heartbeat_ms) : ""),
    number(job.status === "in_progress" && job.eta_ms !== null ? duration(job.eta_ms) : ""),
    element("td", { class: "actions" }, buttonsOf(job)),
  ], "No job is idle, in progress or failed.");
}

function held({ jobs, held: count }) {
  const shown = jobs.slice(0, 3);
  const rest = count > shown.length ? ` and ${count - shown.length} more` : "";
  return count ? `${shown.map((id) => `job ${id}`).join(", ")}${rest}` : "nothing";
}

function showProvers(provers, more) {
  $("provers-rest").textContent = more ? "More: witness-server provers" : "";
  fill($("prover-rows"), provers, (prover) => prover.name, (prover) => [
    text(prover.name, "text"),
    text(held(prover)),
    number(prover.proofs),
    number(prover.rejected),
    number(since(prover.last_seen_ms)),
  ], "No prover has sent a request since the server started.");
}

function showProblems(quarantined, rejected) {
  const blocks = quarantined.map((block) => ({
    key: `block ${block.block}`,
    what: `block ${block.block}`,
    reason: block.operation === null ? block.reason : `operation ${block.operation} (${block.kind}): ${block.reason}`,
    at_ms: block.at_ms,
    retry: block.block,
  }));
  const proofs = rejected.map((proof) => ({
    key: `proof ${proof.number}`,
    what: `proof ${proof.number}, job ${proof.job_id}${proof.prover ? ` of ${proof.prover}` : ""}`,
    reason: proof.reason,
    at_ms: proof.at_ms,
  }));
  fill($("problem-rows"), [...blocks, ...proofs], (problem) => problem.key, (problem) => {
    const buttons = token() && problem.retry !== undefined
      ? [changeButton("retry", `retry block ${problem.retry}`, `blocks/${problem.retry}/retry`)] : [];
    return [text(problem.what), text(problem.reason, "text"), number(since(problem.at_ms)), element("td", { class: "actions" }, buttons)];
  }, "None.");
}

// --- plots -----------------------------------------------------------------------------------------------------------------------

const SVG = "http://www.w3.org/2000/svg";

function plot(id, points, series) {
  const figure = $(id);
  const width = 600;
  const height = 140;
  const top = Math.max(1, ...series.flatMap((line) => line.values));
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", series.map((line) => `${line.name} ${line.values.at(-1) ?? 0}`).join(", "));
  for (const part of [0, 0.5, 1]) {
    const line = document.createElementNS(SVG, "line");
    for (const [name, value] of [["x1", 0], ["x2", width], ["y1", 2 + part * (height - 4)], ["y2", 2 + part * (height - 4)]]) line.setAttribute(name, value);
    svg.append(line);
  }
  series.forEach((line) => {
    const path = document.createElementNS(SVG, "path");
    const step = width / Math.max(1, line.values.length - 1);
    const y = (value) => (height - 2 - (value / top) * (height - 4)).toFixed(1);
    path.setAttribute("d", line.values.map((value, index) => `${index ? "L" : "M"}${(index * step).toFixed(1)} ${y(value)}`).join(""));
    path.setAttribute("class", line.style);
    svg.append(path);
  });
  const span = points.length > 1 ? duration(points.at(-1).at_ms - points[0].at_ms) : "0 s";
  const caption = element("figcaption", {}, series.flatMap((line) =>
    [element("b", { class: `${line.style}-text`, text: `${line.name} ${line.values.at(-1) ?? 0}` }), "  "]));
  caption.append(`· highest ${top} · last ${span}`);
  figure.replaceChildren(svg, caption);
}

// Rate over the last minute of points. A revert decreases a counter; its rate is shown as 0.
function rate(points, field, interval) {
  const back = Math.max(1, Math.round(60000 / interval));
  return points.map((point, index) => {
    const from = points[Math.max(0, index - back)];
    const minutes = (point.at_ms - from.at_ms) / 60000;
    return minutes > 0 ? Math.max(0, Math.round((point[field] - from[field]) / minutes)) : 0;
  });
}

let lastPoint = null;

// The last point is some seconds old; blocks that were verified since then are proven and aggregated, too.
function showProven() {
  const verified = status?.blocks.verified ?? 0;
  put("proven", lastPoint && Math.max(lastPoint.proven, verified));
  put("aggregated", lastPoint && Math.max(lastPoint.aggregated, verified));
}

function showHistory({ interval_ms: interval, points }) {
  lastPoint = points.at(-1);
  showProven();
  const values = (field) => points.map((point) => point[field]);
  plot("queue", points, [
    { name: "idle", style: "one", values: values("idle") },
    { name: "in progress", style: "two", values: values("in_progress") },
    { name: "failed", style: "three", values: values("failed") },
  ]);
  plot("rates", points, [
    { name: "witnessed", style: "one", values: rate(points, "witnessed", interval) },
    { name: "proven", style: "two", values: rate(points, "proven", interval) },
  ]);
}

// --- refreshing ------------------------------------------------------------------------------------------------------------------

let status = null;
let refreshing = false;
let refreshAgain = false;

function requestRefresh() {
  refreshAgain = true;
  if (!refreshing) refresh();
}

async function refresh() {
  refreshing = true;
  while (refreshAgain && !document.hidden) {
    refreshAgain = false;
    try {
      const jobs = (state) => request(`jobs?status=${state}&limit=${SHOWN_JOBS}`);
      const upTo = shownBefore === null ? "" : `&before=${shownBefore}`;
      const [blocks, proving, idle, failed, provers, rejected] = await Promise.all([
        request(`blocks?order=desc&limit=${SHOWN_BLOCKS}${upTo}`),
        jobs("in_progress"),
        jobs("idle"),
        jobs("failed"),
        request(`provers?limit=${SHOWN_JOBS}`),
        request(`rejected_proofs?limit=${SHOWN_JOBS}`),
      ]);
      showBlocks(blocks.blocks.reverse(), blocks.next !== null);
      const pages = [failed, proving, idle];
      showJobs(pages.flatMap((page) => page.jobs), pages.some((page) => page.next !== null));
      showProvers(provers.provers, provers.next !== null);
      showProblems(status?.blocks.quarantined ?? [], rejected.rejected_proofs);
      answered();
    } catch (error) {
      live(false, error.message);
    }
    await new Promise((resolve) => setTimeout(resolve, REFRESH_INTERVAL_MS));
  }
  refreshing = false;
}

async function history() {
  if (!document.hidden) {
    try {
      showHistory(await request("history"));
      // Sizes and free space change without events.
      showStatus(await request("status"));
      answered();
    } catch (error) {
      live(false, error.message);
    }
  }
}

function live(on, words) {
  // Screen readers announce every change.
  if ($("live").textContent !== words) $("live").textContent = words;
  $("live").classList.toggle("on", on);
}

let events = null;

function listen() {
  if (document.hidden || (events && events.readyState !== EventSource.CLOSED)) return;
  events = new EventSource("api/v1/events");
  events.addEventListener("change", (event) => {
    status = JSON.parse(event.data);
    live(true, "live");
    showStatus(status);
    showProven();
    requestRefresh();
  });
  // The browser reconnects by itself unless the response was not a stream.
  events.addEventListener("error", () => {
    live(false, "not connected; reconnecting");
    setTimeout(listen, 3000);
  });
}

// Replaces an earlier error after a successful request.
function answered() {
  if (events?.readyState === EventSource.OPEN) live(true, "live");
}

$("operator").addEventListener("click", () => {
  // The escape key does not reset the value of the previous use.
  $("token-dialog").returnValue = "";
  $("token-dialog").showModal();
});
$("token-dialog").addEventListener("close", () => {
  const given = $("token").value.trim();
  $("token").value = "";
  if ($("token-dialog").returnValue === "save" && given) sessionStorage.setItem(TOKEN_KEY, given);
  if ($("token-dialog").returnValue === "forget") sessionStorage.removeItem(TOKEN_KEY);
  showOperator();
  // Cells are compared by their text, so rows with other buttons have to be rebuilt.
  $("job-rows").replaceChildren();
  $("problem-rows").replaceChildren();
  requestRefresh();
});
// Browsers open at most six connections to a server for all tabs, so a hidden tab holds none.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    events?.close();
    return;
  }
  listen();
  requestRefresh();
  history();
});

showOperator();
request("operator").then((operator) => { $("operator").hidden = !operator.enabled; }).catch(() => {});
showBlocks([], false);
listen();
history();
setInterval(history, HISTORY_MS);
// Ages grow even if nothing changes.
setInterval(requestRefresh, 5000);
