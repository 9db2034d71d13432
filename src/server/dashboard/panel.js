// The panel of one block, which the address names: #block=3. It has the block's timeline, operations, explanation, buttons and files.

import { $, asOperator, blocks, changeButton, clock, counted, element, exactly, request, send, setButtons, setText, token } from "./common.js";
import { attemptsAt } from "./attempts.js";
import { outcomeOf } from "./lanes.js";

const RELOAD_MS = 2000;
const panel = $("panel");

let shown = null;
let loadedAt = 0;
let opener = null;

const wanted = () => {
  const number = /^#block=(\d{1,10})$/.exec(location.hash)?.[1];
  return number === undefined ? null : Number(number);
};

// --- parts -------------------------------------------------------------------------------------------------------------------------

// Commands of a sentence stand between backticks.
function withCode(text) {
  return text.split("`").map((part, index) => (index % 2 ? element("code", { text: part }) : part));
}

// The operation of an action that covers a block, if one is stored.
async function covering(action, number) {
  const page = await request(`aggregated_operations?action=${action}&after=${number - 1}&limit=1`);
  return page.aggregated_operations.find((operation) => operation.first_block <= number);
}

function attemptSteps(attempts) {
  return attempts.flatMap((attempt) => {
    const [style, , words] = outcomeOf(attempt);
    const claimed = { at: attempt.from, what: `claimed by ${attempt.prover}`, style: attempt.to === null ? "working" : "" };
    if (attempt.to === null || style === "accepted") return [claimed];
    return [claimed, { at: attempt.to, what: words, note: attempt.reason, style }];
  });
}

function steps({ block, job, operations: [create, publish, execute] }, attempts) {
  const { aggregate } = block;
  const found = [{ at: block.imported_at_ms, what: "imported" }];
  if (block.quarantine) found.push({ at: block.quarantine.at_ms, what: "quarantined", style: "rejected" });
  if (block.witnessed_at_ms) found.push({ at: block.witnessed_at_ms, what: "witness built" });
  if (job) found.push({ at: job.created_at_ms, what: `queued as job ${job.id}` });
  found.push(...attemptSteps(attempts.filter((attempt) => !attempt.aggregate)));
  if (job?.status === "failed") found.push({ at: job.updated_at_ms, what: `job failed after ${counted(job.attempts, "attempt")}`, style: "rejected" });
  if (block.proof) found.push({ at: block.proof.stored_at_ms, what: `proof accepted${block.proof.prover ? ` of ${block.proof.prover}` : ""}`, style: "accepted" });
  if (create) found.push({ at: create.stored_at_ms, what: `aggregate of ${blocks(create.first_block, create.last_block)} requested` });
  found.push(...attemptSteps(attempts.filter((attempt) => attempt.aggregate)).map((step) => ({ ...step, note: step.note ?? "for the aggregate" })));
  if (aggregate?.stored_at_ms) found.push({ at: aggregate.stored_at_ms, what: "aggregated", style: "accepted" });
  if (publish) found.push({ at: publish.stored_at_ms, what: "published on layer 1" });
  if (execute) found.push({ at: execute.stored_at_ms, what: "verified", style: "accepted" });
  // Of the same moment, the order above.
  found.sort((a, b) => a.at - b.at);
  if (execute) return found;
  const missing = [
    [block.witnessed_at_ms || block.proof, "witness"], [block.proof, "proof"], [aggregate?.stored_at_ms, "aggregate"], [execute, "verification"],
  ];
  return [...found, ...missing.filter(([done]) => !done).map(([, what]) => ({ at: null, what, style: "open" }))];
}

function showTimeline(list) {
  const longest = Math.max(1, ...list.map((step, index) => (index && step.at ? step.at - list[index - 1].at : 0)));
  $("timeline").replaceChildren(...list.map((step, index) => {
    const took = index && step.at !== null ? step.at - list[index - 1].at : null;
    const bar = element("i", { "aria-hidden": "true" });
    bar.style.width = `${took === null ? 0 : Math.max(2, (took / longest) * 100)}%`;
    return element("li", { class: step.style }, [
      element("span", { class: "what", text: step.what }),
      element("time", { text: step.at === null ? "awaited" : clock(step.at) }),
      element("span", { class: "took", text: took === null ? "" : `+${exactly(took)}` }),
      element("span", { class: "share" }, [bar]),
      ...(step.note ? [element("span", { class: "note", text: step.note })] : []),
    ]);
  }));
}

function showKinds({ chunks, kinds, failed }) {
  const used = kinds.reduce((sum, kind) => sum + kind.chunks, 0);
  const row = (name, note, part, style) => {
    const bar = element("i", { "aria-hidden": "true", class: style });
    bar.style.width = `${chunks ? Math.max(1, (part / chunks) * 100) : 0}%`;
    return element("li", {}, [element("span", { text: name }), element("span", { class: "share" }, [bar]), element("span", { class: "took", text: note })]);
  };
  $("kinds").replaceChildren(
    ...kinds.map((kind) => row(`${kind.count} ${kind.kind}`, counted(kind.chunks, "chunk"), kind.chunks)),
    ...(chunks > used ? [row("padding", counted(chunks - used, "chunk"), chunks - used, "pale")] : []),
    ...(failed ? [row(`${failed} failed`, "no chunk", 0)] : []),
  );
}

async function download(path, name) {
  const response = await send(`api/v1/${path}`, { ...asOperator(), signal: undefined });
  const address = URL.createObjectURL(await response.blob());
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

function showFiles(block) {
  const { number } = block;
  const files = [
    [true, "block", `blocks/${number}`, `block-${number}.json`], [block.witnessed_at_ms, "witness", `blocks/${number}/witness`, `witness-${number}.json`],
    [block.proof, "proof", `blocks/${number}/proof`, `proof-${number}.json`], [true, "bundle", `blocks/${number}/bundle`, `block-${number}.bundle`],
  ].filter(([exists]) => exists);
  if (!token()) {
    $("files").replaceChildren($("operator").hidden
      ? element("span", { text: "Files are fetched here with an operator_token_file, else with witness-server export." })
      : element("span", { text: "Files need the operator token; see the button at the top." }));
    return;
  }
  setButtons($("files"), files.map(([, what, path, name]) => {
    const button = element("button", { type: "button", text: what, "aria-label": `download the ${what} of block ${number}` });
    button.addEventListener("click", async () => {
      setText($("notice"), "");
      button.disabled = true;
      await download(path, name).catch((error) => setText($("notice"), `${what} of block ${number}: ${error.message}`));
      $("notice").hidden = !$("notice").textContent;
      button.disabled = false;
    });
    return button;
  }));
}

function actionsFor(block, job) {
  if (!token()) return [];
  const { number } = block;
  const retry = block.quarantine || (block.stage === "witnessed" && !job);
  return [
    ...(retry ? [changeButton("retry", `retry block ${number}`, `blocks/${number}/retry`)] : []),
    ...(job && ["failed", "in_progress"].includes(job.status) ? [changeButton("requeue", `requeue job ${job.id} of block ${number}`, `jobs/${job.id}/requeue`)] : []),
  ];
}

function showFacts(block, job) {
  const facts = [
    ["operations", block.operations], ["chunks", block.chunks], ["job", job ? `${job.id}, ${job.status.replace("_", " ")}` : "none"],
    ["root", block.root], ["commitment", block.commitment],
  ];
  $("panel-facts").replaceChildren(...facts.map(([name, value]) => element("div", {}, [element("dt", { text: name }), element("dd", { text: value })])));
}

// --- opening and closing -----------------------------------------------------------------------------------------------------------

async function load(number) {
  loadedAt = Date.now();
  const orNull = (promise) => promise.catch(() => null);
  const [page, explained, kinds, ...operations] = await Promise.all([
    request(`blocks?after=${number - 1}&limit=1`), request(`blocks/${number}/explain`), orNull(request(`blocks/${number}/operations`)),
    ...["CreateProofBlocks", "PublishProofBlocksOnchain", "ExecuteBlocks"].map((action) => covering(action, number)),
  ]);
  const block = page.blocks.find((block) => block.number === number);
  const job = block?.job ? await orNull(request(`jobs/${block.job.id}`)) : null;
  const aggregateJob = block?.aggregate?.job ?? null;
  const attempts = await orNull(attemptsAt([job?.id, aggregateJob].filter((id) => id !== null && id !== undefined))) ?? [];
  if (shown !== number) return;
  for (const part of panel.querySelectorAll("h3, #timeline, #kinds, #panel-facts, #files")) part.hidden = !block;
  setText($("panel-stage"), block ? (job?.status === "failed" && block.stage === "queued" ? "failed" : block.stage) : "not imported");
  $("panel-stage").className = `stage ${$("panel-stage").textContent.replace(" ", "-")}`;
  if ($("panel-text").dataset.text !== explained.text) {
    $("panel-text").dataset.text = explained.text;
    $("panel-text").replaceChildren(...withCode(explained.text));
  }
  if (!block) return;
  setButtons($("panel-actions"), actionsFor(block, job));
  showTimeline(steps({ block, job, operations }, attempts));
  if (kinds) showKinds(kinds);
  showFacts(block, job);
  showFiles(block);
  panel.dataset.settled = String(block.stage === "verified");
}

// Loads what is shown again, unless it can no longer change.
export async function refreshPanel(force = false) {
  if (shown === null || (!force && (panel.dataset.settled === "true" || Date.now() - loadedAt < RELOAD_MS))) return;
  try {
    await load(shown);
  } catch (error) {
    setText($("panel-text"), error.message);
    $("panel-text").dataset.text = "";
  }
}

function follow(byUser) {
  const number = wanted();
  if (number === shown) return;
  const opening = shown === null;
  shown = number;
  for (const link of document.querySelectorAll("[aria-current]")) link.removeAttribute("aria-current");
  $(`block-${number}`)?.setAttribute("aria-current", "true");
  document.body.classList.toggle("with-panel", number !== null);
  dispatchEvent(new Event("resize"));
  if (number === null) {
    panel.close();
    if (opener?.isConnected) opener.focus({ preventScroll: true });
    return;
  }
  if (opening) opener = document.activeElement;
  setText($("panel-title"), `Block ${number}`);
  $("previous-block").toggleAttribute("href", false);
  if (number > 1) $("previous-block").href = `#block=${number - 1}`;
  $("next-block").href = `#block=${number + 1}`;
  panel.dataset.settled = "false";
  if (!panel.open) panel.show();
  if (byUser) $("panel-title").focus({ preventScroll: true });
  refreshPanel(true);
}

function close() {
  history.replaceState(null, "", location.pathname + location.search);
  follow(true);
}

// Starts to follow the address.
export function startPanel() {
  $("close-panel").addEventListener("click", close);
  panel.addEventListener("keydown", (event) => event.key === "Escape" && close());
  addEventListener("hashchange", () => follow(true));
  addEventListener("changed", () => refreshPanel(true));
  follow(false);
}
