// The dashboard: subscribes to the server-sent events of the listener that served it, and reads /api/v1 after each event, at most once a
// second. If no events arrive, it polls and says so.

import { $, blocks, bytes, changeButton, counted, duration, element, now, range, request, roving, setButtons, setText, setToken, since, token } from "./common.js";
import { plot, rate } from "./charts.js";
import { readAttempts } from "./attempts.js";
import { showLanes, timeShown } from "./lanes.js";
import { refreshPanel, startPanel } from "./panel.js";
import { assess, icon, SIGNS } from "./state.js";

const STAGES = ["imported", "witnessed", "queued", "proving", "failed", "proven", "aggregated", "verified", "quarantined"];
const HEADS = ["verified", "aggregated", "proven", "witnessed"];
const SHOWN_JOBS = 50;
const REFRESH_INTERVAL_MS = 1000;
const HISTORY_MS = 5000;
const POLL_MS = 2000;
// The first event is sent at once; if it takes longer, something on the way holds the stream back.
const FIRST_EVENT_MS = 4000;
const RETRY_MS = 30000;

// What the server said last.
const view = {
  status: null, readiness: [], provers: [], working: [], failed: [], oldest: null, verified: null, history: null, lostAt: null, lostReason: "",
};

// --- state -------------------------------------------------------------------------------------------------------------------------

let announced = null;

function remedy({ kind, block, job }) {
  const about = job ? ` job ${job}` : block ? ` block ${block}` : "";
  if (kind === "explain") return element("a", { class: "button", href: `#block=${block}`, text: "explain", "aria-label": `explain block ${block}` });
  if (!token()) {
    const button = element("button", { type: "button", text: kind, "aria-label": `${kind}${about}: enter the operator token first` });
    button.addEventListener("click", () => $("operator").click());
    return button;
  }
  return changeButton(kind, `${kind}${about}`, block ? `blocks/${block}/retry` : job ? `jobs/${job}/requeue` : "jobs/resume");
}

function showState() {
  const state = assess(view);
  if (!state) return;
  const { level, code, headline, sentence, remedies, more } = state;
  if ($("state").dataset.level !== level) {
    $("state").dataset.level = level;
    $("sign").firstElementChild.setAttribute("d", SIGNS[level]);
    document.querySelector("link[rel=icon]").href = icon(level);
  }
  setText($("headline"), headline);
  setText($("sentence"), more.length ? `${sentence} Also: ${more.map((other) => other.headline.replace(/^The /, "the ")).join("; ")}.` : sentence);
  setButtons($("remedies"), remedies.filter(({ kind }) => kind === "explain" || !$("operator").hidden).map(remedy));
  const title = `${["bad", "wait", "off"].includes(level) ? "⚠ " : ""}${headline.replace(/ \d+ (s|min|h|d)( \d+ (s|min|h))? ago$/, "")} · witness-server`;
  if (document.title !== title) document.title = title;
  // Screen readers hear of each kind of state once, not of each second.
  if (announced !== code) {
    announced = code;
    setText($("said"), `${headline}. ${sentence}`);
  }
}

// --- progress ----------------------------------------------------------------------------------------------------------------------

// The heads, none behind one that follows from it: proofs from elsewhere may be ahead of the witnesses here.
function headsOf({ blocks: heads }) {
  const shown = { imported: heads.head };
  let least = 0;
  for (const stage of HEADS) {
    least = Math.max(least, heads[stage]);
    shown[stage] = least;
  }
  return shown;
}

function showProgress() {
  const { status, history, oldest } = view;
  const { jobs, genesis } = status;
  setText($("version"), status.version);
  const heads = headsOf(status);
  setText($("head"), genesis ? heads.imported : "–");
  for (const stage of HEADS) setText($(stage), heads[stage]);
  const gaps = { witness: heads.imported - heads.witnessed, prove: heads.witnessed - heads.proven, aggregate: heads.proven - heads.aggregated, verify: heads.aggregated - heads.verified };
  for (const [name, count] of Object.entries(gaps)) {
    setText($(`to-${name}`), count);
    $(`to-${name}`).parentNode.classList.toggle("some", count > 0);
  }
  const rates = {};
  for (const stage of ["imported", ...HEADS]) {
    rates[stage] = history?.points.length > 1 ? rate(history.points, stage, history.interval_ms).at(-1) : null;
    setText($(`${stage}-rate`), rates[stage] === null ? "" : `${rates[stage]}/min`);
  }
  setText($("idle"), jobs.idle);
  setText($("in-progress"), jobs.in_progress);
  setText($("failed"), jobs.failed);
  $("failed").classList.toggle("bad", jobs.failed > 0);
  const busy = view.provers.filter((prover) => prover.held > 0).length;
  setText($("prover-count"), status.provers ? `${status.provers}, ${busy} busy` : "none");
  setText($("oldest"), oldest ? `${oldest.number}, ${since(oldest.imported_at_ms)} old` : genesis && heads.imported ? "none" : "–");
  const left = heads.imported - heads.proven;
  setText($("all-proven"), !genesis || heads.imported === 0 ? "–" : left === 0 ? "yes" : rates.proven > 0 ? `in about ${duration((left / rates.proven) * 60000)}` : "no estimate");
}

// --- what needs attention ----------------------------------------------------------------------------------------------------------

function showProblems() {
  const operates = Boolean(token());
  const quarantined = view.status.blocks.quarantined.map((block) => ({
    key: `b${block.block}`, block: block.block, title: `Block ${block.block} is quarantined`,
    text: block.operation === null ? block.reason : `Operation ${block.operation} (${block.kind}): ${block.reason}`,
    at: block.at_ms, buttons: operates ? [changeButton("retry", `retry block ${block.block}`, `blocks/${block.block}/retry`)] : [],
  }));
  const failed = view.failed.map((job) => ({
    key: `j${job.id}`, block: job.first_block, title: `Job ${job.id} failed, ${blocks(job.first_block, job.last_block)}`,
    text: `${counted(job.attempts, "attempt")}${job.holder ? `, the last one by ${job.holder}` : ""}.${job.last_rejection ? ` ${job.last_rejection.reason}` : ""}`,
    at: job.updated_at_ms, buttons: operates ? [changeButton("requeue", `requeue job ${job.id}`, `jobs/${job.id}/requeue`)] : [],
  }));
  const list = $("problem-list");
  const old = new Map([...list.children].map((item) => [item.dataset.key, item]));
  for (const problem of [...quarantined, ...failed]) {
    const item = old.get(problem.key) ?? element("li", { "data-key": problem.key }, [
      element("p", {}, [element("a", { href: `#block=${problem.block}`, class: "what" }), element("time")]), element("p", { class: "text" }), element("p", { class: "buttons" }),
    ]);
    old.delete(problem.key);
    setText(item.querySelector("a"), problem.title);
    setText(item.querySelector("time"), `${since(problem.at)} ago`);
    setText(item.querySelector(".text"), problem.text);
    setButtons(item.querySelector(".buttons"), problem.buttons);
    if (!item.parentNode) list.append(item);
  }
  for (const item of old.values()) item.remove();
  const all = view.status.jobs.failed;
  setButtons($("problem-actions"), operates && all > 1 ? [changeButton("requeue all failed", `requeue all ${all} failed jobs`, "jobs/requeue", { body: { status: "failed" } })] : []);
  $("problems").hidden = list.children.length === 0;
}

// --- chain -------------------------------------------------------------------------------------------------------------------------

// Rows begin at fixed blocks, so that a new block moves no other one.
const cells = new Map();
// The last row that is shown, counted from 0; null for that of the newest block.
let lastRow = null;

function layout() {
  const width = $("strip").clientWidth || innerWidth;
  const columns = width >= 1050 ? 40 : width >= 560 ? 20 : 10;
  return { columns, rows: columns === 40 ? 4 : 6 };
}

function rowsShown() {
  const { columns, rows } = layout();
  const base = view.status.genesis?.block ?? 0;
  const newest = Math.max(0, Math.ceil(view.status.blocks.head / columns) - 1);
  const last = Math.min(lastRow ?? newest, newest);
  const first = Math.max(last - rows + 1, Math.floor(base / columns));
  return { columns, rows, base, newest, first, last };
}

function showBlocks(list, { columns, rows, base, newest, first, last }) {
  const counts = new Map(STAGES.map((stage) => [stage, 0]));
  const strip = $("strip");
  strip.style.setProperty("--columns", columns);
  if (strip.dataset.columns !== String(columns)) {
    strip.dataset.columns = columns;
    strip.replaceChildren();
    cells.clear();
  }
  const present = new Set();
  const lines = new Map([...strip.children].map((line) => [Number(line.dataset.row), line]));
  for (const block of list) {
    const failed = block.stage === "queued" && block.job?.status === "failed";
    const stage = failed ? "failed" : block.stage;
    const { number } = block;
    present.add(number);
    counts.set(stage, (counts.get(stage) ?? 0) + 1);
    const row = Math.floor((number - 1) / columns);
    if (!lines.has(row)) {
      const line = element("div", { class: "line", "data-row": row }, [element("span", { class: "from", text: row * columns + 1, "aria-hidden": "true" })]);
      const next = [...lines.entries()].filter(([other]) => other > row).sort(([a], [b]) => a - b)[0];
      strip.insertBefore(line, next ? next[1] : null);
      lines.set(row, line);
    }
    let cell = cells.get(number);
    if (!cell) {
      // Long numbers are shortened to the digits that change within a row.
      cell = element("a", { id: `block-${number}`, href: `#block=${number}`, tabindex: "-1", text: number < 1000 ? number : String(number % 100).padStart(2, "0") });
      cell.style.gridColumn = ((number - 1) % columns) + 2;
      if (location.hash === `#block=${number}`) cell.setAttribute("aria-current", "true");
      cells.set(number, cell);
      const line = lines.get(row);
      const after = [...line.children].find((other) => other.id && Number(other.id.slice(6)) > number);
      line.insertBefore(cell, after ?? null);
    }
    if (cell.className !== stage) {
      cell.className = stage;
      const label = `block ${number}, ${stage}, ${counted(block.chunks, "chunk")}`;
      cell.setAttribute("aria-label", label);
      cell.title = label;
    }
  }
  for (const [number, cell] of cells) {
    if (!present.has(number)) {
      cell.remove();
      cells.delete(number);
    }
  }
  for (const line of lines.values()) if (line.children.length === 1) line.remove();
  settleStrip(cells.get(list.at(-1)?.number));
  $("older").parentNode.hidden = last === newest && first <= Math.floor(base / columns);
  $("older").disabled = first <= Math.floor(base / columns);
  $("older").onclick = () => turn(Math.max(last - rows, rows - 1));
  $("newest").disabled = last === newest;
  $("newest").onclick = () => turn(null);
  setText($("chain-title"), list.length ? `Chain, blocks ${range(list[0].number, list.at(-1).number)}` : "Chain: no block yet");
  $("legend").hidden = list.length === 0;
  if (!$("legend").children.length) {
    $("legend").append(...STAGES.map((stage) => element("li", {}, [element("i", { class: stage }), stage, " ", element("span", { text: "0" })])));
  }
  [...$("legend").children].forEach((item, index) => {
    const count = counts.get(STAGES[index]);
    setText(item.lastChild, count);
    item.classList.toggle("none", count === 0);
  });
}

function turn(row) {
  lastRow = row;
  requestRefresh();
}

const settleStrip = roving($("strip"), (from, key) => {
  const numbers = [...cells.keys()].sort((a, b) => a - b);
  const { columns } = layout();
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -numbers.length, End: numbers.length };
  if (steps[key] === undefined) return undefined;
  const at = numbers.indexOf(Number(from.id.slice(6)));
  return cells.get(numbers[Math.min(numbers.length - 1, Math.max(0, at + steps[key]))]);
});

// --- tables ------------------------------------------------------------------------------------------------------------------------

// Rows are kept by key and cells by place, so that focus and selection survive changes of values.
function fill(body, items, key, cellsOf, empty) {
  const rows = new Map([...body.children].filter((row) => row.dataset.key).map((row) => [row.dataset.key, row]));
  const names = [...body.closest("table").tHead.rows[0].cells].map((cell) => cell.textContent);
  const table = body.closest("table");
  table.hidden = items.length === 0;
  setText(table.nextElementSibling, items.length ? "" : empty);
  items.forEach((item, index) => {
    const name = String(key(item));
    const values = cellsOf(item);
    const row = rows.get(name) ?? element("tr", { role: "row", "data-key": name }, values.map((_, place) => element("td", { role: "cell", "data-name": names[place] })));
    rows.delete(name);
    values.forEach((value, place) => {
      const cell = row.children[place];
      const { text, style = "", link, buttons } = typeof value === "object" && value !== null ? value : { text: value };
      if (cell.className !== style) cell.className = style;
      cell.classList.toggle("void", !buttons?.length && !text && text !== 0);
      if (buttons) return setButtons(cell, buttons);
      if (!link) return setText(cell, text);
      if (!cell.firstElementChild) cell.append(element("a"));
      cell.firstElementChild.href = link;
      return setText(cell.firstElementChild, text);
    });
    if (body.children[index] !== row) body.insertBefore(row, body.children[index] ?? null);
  });
  for (const row of rows.values()) row.remove();
}

const number = (text) => ({ text, style: "number" });

function showJobs(jobs, more) {
  const pause = changeButton("pause claims", "pause claims", "jobs/pause", { question: "Pause all claims? Provers get no job until they are resumed." });
  setButtons($("queue-actions"), !token() ? [] : [view.status.jobs.paused_at_ms ? changeButton("resume claims", "resume claims", "jobs/resume") : pause]);
  const buttonsOf = (job) => {
    if (!token()) return [];
    const buttons = [];
    if (job.status === "failed" || job.status === "in_progress") buttons.push(changeButton("requeue", `requeue job ${job.id}`, `jobs/${job.id}/requeue`));
    buttons.push(changeButton("drop", `drop job ${job.id}`, `jobs/${job.id}/drop`, { question: `Drop job ${job.id}? Its blocks will not be proven by it.` }));
    return buttons;
  };
  fill($("job-rows"), jobs, (job) => job.id, (job) => [
    job.id,
    { text: `${range(job.first_block, job.last_block)}${job.type === "AGGREGATED_PROOF" ? ", aggregate" : ""}`, link: `#block=${job.first_block}` },
    { text: job.status.replace("_", " "), style: `status ${job.status}` },
    // The holder of an idle job is the prover that held it last.
    job.status === "idle" ? "" : job.holder,
    number(job.attempts),
    number(since(job.status === "in_progress" ? job.updated_at_ms : job.created_at_ms)),
    number(job.status === "in_progress" ? since(job.last_heartbeat_ms) : ""),
    number(job.status === "in_progress" && job.eta_ms !== null ? duration(job.eta_ms) : ""),
    { style: "actions", buttons: buttonsOf(job) },
  ], "No job is idle, in progress or failed.");
  if (more) setText($("jobs-rest"), "More: witness-server jobs list");
}

function showRejected(proofs, more) {
  fill($("rejected-rows"), proofs, (proof) => proof.number, (proof) => [
    proof.number, proof.job_id, proof.prover ?? "unknown", { text: proof.reason, style: "text" }, number(since(proof.at_ms)),
  ], "No proof was rejected.");
  if (more) setText($("rejected-rest"), "More: /api/v1/rejected_proofs");
}

function showFacts(id, rows) {
  const list = $(id);
  if (list.children.length !== rows.length) {
    list.replaceChildren(...rows.map(([name]) => element("div", {}, [element("dt", { text: name }), element("dd")])));
  }
  rows.forEach(([, value, bad], index) => {
    setText(list.children[index].lastChild, value);
    list.children[index].lastChild.classList.toggle("bad", Boolean(bad));
  });
}

function showStorage() {
  const { storage, space, node } = view.status;
  const part = (name) => bytes(storage?.[name]);
  showFacts("storage", [
    ["index", part("index_bytes")], ["blobs", part("blobs_bytes")], ["journal", part("journal_bytes")], ["free", bytes(space.free_bytes), space.low],
    ["must stay free", bytes(space.min_free_bytes)], ["new work", space.low ? "stopped" : "accepted", space.low],
  ]);
  $("node-section").hidden = !node;
  if (!node) return;
  showFacts("node", [
    ["database", node.url], ["link", `${node.phase.replace("_", " ")} for ${since(node.since_ms)}`, ["failing", "stopped"].includes(node.phase)],
    ["newest block", node.newest_block || "–"], ["blocks behind", node.blocks_behind], ["proofs to hand back", node.proofs_pending],
    ["last failure", node.fault?.message ?? node.hand_back_fault?.message ?? "none", Boolean(node.fault || node.hand_back_fault)],
  ]);
}

function showHistory() {
  // Without a width there is nothing to draw in yet.
  if (document.querySelector("main").hidden) return;
  const { points, interval_ms: interval } = view.history;
  const values = (field) => points.map((point) => point[field]);
  plot("rates", points, [
    { name: "imported", values: rate(points, "imported", interval) },
    { name: "proven", values: rate(points, "proven", interval) },
    { name: "verified", values: rate(points, "verified", interval) },
  ], "No block was imported or proven");
  plot("queue", points, [
    { name: "in progress", values: values("in_progress") }, { name: "idle", values: values("idle") }, { name: "failed", values: values("failed") },
  ], "No job was in the queue");
}

// An operator may keep a prover from getting jobs.
function proverButtons({ name, blocked_at_ms: blocked, suspended_until_ms: suspended }) {
  if (!token()) return [];
  const path = `provers/${encodeURIComponent(name)}`;
  return blocked || suspended > now() ? [changeButton("unblock", `unblock prover ${name}`, `${path}/unblock`)]
    : [changeButton("block", `block prover ${name}`, `${path}/block`, { question: `Block ${name}? It gets no job until it is unblocked.` })];
}

// --- refreshing --------------------------------------------------------------------------------------------------------------------

let refreshing = false;
let refreshAgain = false;

function requestRefresh() {
  refreshAgain = true;
  if (!refreshing) refresh();
}

// The first block without a proof, and the time of the last verification.
async function readEnds() {
  const { head, proven, verified } = view.status.blocks;
  const [oldest, execute] = await Promise.all([
    head > proven ? request(`blocks?after=${proven}&limit=1`) : null,
    verified > 0 && (view.verified?.block !== verified || view.verified.seen) ? request(`aggregated_operations?action=ExecuteBlocks&after=${verified - 1}&limit=1`) : null,
  ]);
  view.oldest = oldest?.blocks[0] ?? null;
  if (execute) view.verified = { block: verified, at: execute.aggregated_operations[0]?.stored_at_ms ?? null };
}

async function refresh() {
  refreshing = true;
  while (refreshAgain && !document.hidden) {
    refreshAgain = false;
    try {
      if (!view.status) await takeStatus(await request("status"));
      const jobs = (state) => request(`jobs?status=${state}&limit=${SHOWN_JOBS}`);
      const rows = rowsShown();
      const count = (rows.last - rows.first + 1) * rows.columns;
      const [list, working, idle, failed, provers, rejected] = await Promise.all([
        request(`blocks?after=${rows.first * rows.columns}&limit=${count}`), jobs("in_progress"), jobs("idle"), jobs("failed"),
        request("provers?limit=200"), request(`rejected_proofs?limit=${SHOWN_JOBS}`), readEnds(),
      ]);
      Object.assign(view, { working: working.jobs, failed: failed.jobs, provers: provers.provers });
      const etas = new Map(working.jobs.map((job) => [job.id, job.eta_ms]));
      const attempts = await readAttempts(timeShown(), etas);
      found();
      showAll();
      if (document.querySelector("main").hidden) {
        document.querySelector("main").hidden = false;
        if (view.history) showHistory();
      }
      showBlocks(list.blocks, rows);
      showLanes(provers.provers, attempts, provers.next !== null, proverButtons);
      const pages = [failed, working, idle];
      showJobs(pages.flatMap((page) => page.jobs), pages.some((page) => page.next !== null));
      showRejected(rejected.rejected_proofs, rejected.next !== null);
      await refreshPanel();
    } catch (error) {
      lost(error.message);
    }
    await new Promise((resolve) => setTimeout(resolve, REFRESH_INTERVAL_MS));
  }
  refreshing = false;
}

function showAll() {
  showState();
  showProgress();
  showProblems();
  showStorage();
}

async function readHistory() {
  if (document.hidden) return;
  try {
    const ready = fetch("readyz").then((answer) => answer.json());
    view.history = await request("history");
    view.readiness = (await ready).reasons ?? [];
    // Sizes and free space change without events.
    takeStatus(await request("status"));
    showHistory();
    found();
    showAll();
  } catch (error) {
    lost(error.message);
  }
}

function takeStatus(status) {
  const { verified } = status.blocks;
  // Exact once it is read.
  if (view.status && view.status.blocks.verified !== verified) view.verified = { block: verified, at: now(), seen: true };
  view.status = status;
}

function lost(reason) {
  view.lostAt ??= now();
  view.lostReason = reason;
  showState();
  showFeed();
}

function found() {
  if (view.lostAt === null) return;
  view.lostAt = null;
  showFeed();
  showState();
}

// --- events, or polling ------------------------------------------------------------------------------------------------------------

let events = null;
let firstEvent = null;
// True while events arrive; null before it is known.
let streams = null;

function showFeed() {
  const [words, style] = view.lostAt !== null ? ["not connected", "off"]
    : streams ? ["live", "on"]
    : streams === false ? [`polling every ${POLL_MS / 1000} s: no event stream arrives`, "polling"] : ["connecting", ""];
  setText($("live"), words);
  $("live").className = style;
  $("live").title = style === "polling" ? "A proxy on the way may collect the responses: X-Accel-Buffering, proxy_buffering." : "";
}

function stream() {
  if (document.hidden || (events && events.readyState !== EventSource.CLOSED)) return;
  clearTimeout(firstEvent);
  firstEvent = setTimeout(poll, FIRST_EVENT_MS);
  events = new EventSource("api/v1/events");
  events.addEventListener("change", (event) => {
    clearTimeout(firstEvent);
    streams = true;
    takeStatus(JSON.parse(event.data));
    found();
    showFeed();
    requestRefresh();
  });
  // The browser reconnects by itself unless the response was not a stream.
  events.addEventListener("error", () => {
    clearTimeout(firstEvent);
    poll();
    setTimeout(stream, POLL_MS);
  });
}

let polling = null;

// Reads the status from time to time until an event arrives.
async function poll() {
  if (polling || document.hidden) return;
  streams = false;
  polling = true;
  while (!streams && !document.hidden) {
    try {
      takeStatus(await request("status"));
      found();
      showFeed();
      requestRefresh();
    } catch (error) {
      lost(error.message);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  polling = false;
}

// --- operator ----------------------------------------------------------------------------------------------------------------------

function showOperator() {
  setText($("operator"), token() ? "Operator" : "Read only");
  document.body.classList.toggle("operates", Boolean(token()));
}

$("operator").addEventListener("click", () => {
  // The escape key does not reset the value of the previous use.
  $("token-dialog").returnValue = "";
  $("token-dialog").showModal();
});
$("token-dialog").addEventListener("close", () => {
  const given = $("token").value.trim();
  $("token").value = "";
  if ($("token-dialog").returnValue === "save" && given) setToken(given);
  if ($("token-dialog").returnValue === "forget") setToken(null);
  showOperator();
  dispatchEvent(new Event("changed"));
});

// Browsers open at most six connections to a server for all tabs, so a hidden tab holds none.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    clearTimeout(firstEvent);
    events?.close();
    return;
  }
  stream();
  requestRefresh();
  readHistory();
});
addEventListener("changed", requestRefresh);
let resized = null;
addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(() => {
    if (view.history) showHistory();
    requestRefresh();
  }, 150);
});

showOperator();
request("operator").then((operator) => {
  $("operator").hidden = !operator.enabled;
  if (view.status) showState();
}).catch(() => {});
startPanel();
stream();
readHistory();
setInterval(readHistory, HISTORY_MS);
// Ages grow even if nothing changes.
setInterval(() => view.status && showState(), 1000);
setInterval(requestRefresh, 5000);
// A proxy may let events through later.
setInterval(() => streams === false && events?.readyState === EventSource.OPEN && (events.close(), stream()), RETRY_MS);
