// The state of the server in words: one headline, one sentence, what to do, and a level from `good` to `bad`.

import { blocks, bytes, counted, duration, now } from "./common.js";

// Returns a short cause for a quarantine, whose reason is a sentence with hashes.
function cause({ reason, operation, kind }) {
  if (/^the commitment/i.test(reason)) return "wrong commitment";
  if (/^the root/i.test(reason)) return "wrong root hash";
  if (operation !== null && operation !== undefined) return `operation ${operation}${kind ? ` (${kind})` : ""} does not fit its state`;
  return "no witness can be built";
}

const ended = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.$/, "")}.`;

// Returns every trouble, the worst first. Codes tell kinds apart; an announcement is made when the first one changes.
function troubles({ status, readiness, provers, failed, oldest }) {
  const found = [];
  const { space, blocks: heads, jobs, node } = status;
  const add = (level, code, headline, sentence, remedies = []) => found.push({ level, code, headline, sentence, remedies });
  if (space.low) {
    add("bad", "disk", "Disk short: no new work",
      `${bytes(space.free_bytes)} are free, ${bytes(space.min_free_bytes)} must stay free. Imports, claims and witnesses wait; proofs are still accepted. Free some space or lower min_free_bytes.`);
  }
  for (const reason of readiness.filter((reason) => !space.low || !reason.includes("free"))) {
    add("bad", "not-ready", "The server is not ready", ended(reason));
  }
  const [stop] = heads.quarantined;
  if (stop) {
    const behind = heads.head - stop.block;
    add("bad", "quarantine", `Chain stops at block ${stop.block}: ${cause(stop)}`,
      `${behind > 0 ? `${counted(behind, "block")} behind it ${behind === 1 ? "waits" : "wait"}. ` : ""}Once the cause is fixed, retry it; or revert to block ${stop.block - 1} and import the right block.`,
      [{ kind: "explain", block: stop.block }, { kind: "retry", block: stop.block }]);
  }
  const fault = status.witness_fault;
  if (fault) {
    add("bad", "witness-fault", `Chain stops at block ${fault.block}: its witness cannot be built`,
      `${ended(fault.cause)} The server tries again by itself.`, [{ kind: "explain", block: fault.block }]);
  }
  if (jobs.failed > 0) {
    const [job] = failed;
    const which = job ? `${blocks(job.first_block, job.last_block)}: ` : "";
    add("bad", "failed", `${counted(jobs.failed, "job")} failed`,
      `${which.charAt(0).toUpperCase()}${which.slice(1)}${job ? `job ${job.id} used up ${counted(job.attempts, "attempt")}. ` : ""}${jobs.failed === 1 ? "It waits" : "They wait"} until requeued, and so does the aggregation behind.`,
      job ? [{ kind: "explain", block: job.first_block }, { kind: "requeue", job: job.id }] : []);
  }
  if (jobs.paused_at_ms) {
    add("wait", "paused", "Claims are paused", `An operator paused them ${duration(now() - jobs.paused_at_ms)} ago. Provers get no job until they are resumed; proofs are still accepted.`, [{ kind: "resume" }]);
  }
  if (node?.phase === "stopped") {
    add("bad", "node-stopped", "The node is no longer followed", node.fault ? ended(node.fault.message) : "The link stopped.");
  } else if (node?.fault) {
    add("wait", "node-failing", "The node is out of reach", `${ended(node.fault.message)} The server tries again by itself; provers are still served.`);
  }
  if (node?.hand_back_fault && !node.fault) {
    add("wait", "hand-back", `${counted(node.proofs_pending, "proof")} not handed back`, `${ended(node.hand_back_fault.message)} The server tries again by itself.`);
  }
  if (oldest?.stage === "witnessed" && oldest.number <= jobs.last_single_block) {
    add("wait", "dropped", `Block ${oldest.number} has no job`, "Its job was dropped; a retry creates it again.",
      [{ kind: "explain", block: oldest.number }, { kind: "retry", block: oldest.number }]);
  }
  const withheld = provers.filter((prover) => prover.blocked_at_ms || prover.suspended_until_ms > now());
  if (withheld.length > 0) {
    const [{ name, blocked_at_ms: blocked }] = withheld;
    add("wait", "withheld", `${counted(withheld.length, "prover")} ${withheld.length === 1 ? "gets" : "get"} no job`,
      `${name} is ${blocked ? "blocked by an operator" : "suspended after refused proofs"}${withheld.length > 1 ? `, and ${withheld.length - 1} more` : ""}.`);
  }
  if (jobs.idle > 0 && status.provers === 0) {
    add("wait", "no-provers", `${counted(jobs.idle, "job")} ${jobs.idle === 1 ? "waits" : "wait"}, and no prover asks`,
      "Start provers against the main address, with the server's secret.");
  }
  return found;
}

// Says what the chain does while nothing is wrong.
function calm({ status, provers, working, verified }) {
  const { blocks: heads, jobs, genesis } = status;
  if (!genesis) {
    return { level: "idle", code: "empty", headline: "Nothing is imported yet", sentence: "Import a genesis, then blocks: witness-server import, or a POST to /api/v1/genesis and /api/v1/blocks." };
  }
  const base = genesis.block;
  if (heads.head <= base) {
    return { level: "idle", code: "no-block", headline: `The genesis is imported; block ${base + 1} is awaited`, sentence: `${counted(genesis.accounts, "account")}.` };
  }
  const [stage, number] = heads.verified > base ? ["verified", heads.verified]
    : heads.aggregated > base ? ["aggregated", heads.aggregated]
    : heads.proven > base ? ["proven", heads.proven]
    : heads.witnessed > base ? ["witnessed", heads.witnessed] : ["imported", heads.head];
  const ago = stage === "verified" && verified?.block === number && verified.at ? ` ${duration(now() - verified.at)} ago` : "";
  const headline = `Block ${number} ${stage}${ago}`;
  const parts = [];
  const busy = provers.filter((prover) => prover.held > 0).length;
  if (jobs.in_progress > 0) parts.push(`${counted(busy, "prover")} busy`);
  const soonest = Math.min(...working.map((job) => job.eta_ms ?? Infinity));
  if (Number.isFinite(soonest)) parts.push(soonest < 1000 ? "next proof at any moment" : `next proof in about ${duration(soonest)}`);
  if (jobs.idle > 0) parts.push(`${counted(jobs.idle, "job")} ${jobs.idle === 1 ? "waits" : "wait"} for a prover`);
  // Fewer are the normal course of things.
  if (heads.head > heads.witnessed + 2) parts.push(`${counted(heads.head - heads.witnessed, "block")} wait for a witness`);
  if (parts.length === 0) {
    const unaggregated = heads.proven - heads.aggregated;
    const unverified = heads.aggregated - heads.verified;
    if (heads.proven < heads.head) parts.push(`${counted(heads.head - heads.proven, "block")} to prove`);
    else if (unaggregated > 0) parts.push(`${blocks(heads.aggregated + 1, heads.proven)} ${unaggregated === 1 ? "waits" : "wait"} for a CreateProofBlocks operation`);
    else if (unverified > 0) parts.push(`${blocks(heads.verified + 1, heads.aggregated)} ${unverified === 1 ? "waits" : "wait"} for an ExecuteBlocks operation`);
    else parts.push("all blocks are done; the next one is awaited");
  }
  const sentence = parts.join("; ");
  return { level: jobs.pending > 0 ? "busy" : "good", code: "well", headline, sentence: ended(sentence) };
}

// Returns the state to show. `more` are further troubles.
export function assess(view) {
  if (view.lostAt !== null) {
    return {
      level: "off", code: "lost", headline: "No connection to the server", more: [], remedies: [],
      sentence: `${ended(view.lostReason)} ${view.status ? `What is shown is ${duration(now() - view.lostAt)} old.` : ""}`.trim(),
    };
  }
  if (!view.status) return null;
  const [first, ...more] = troubles(view);
  return first ? { ...first, more } : { remedies: [], more: [], ...calm(view) };
}

// Shapes of the icon, so that levels differ without colour: ring, play, tick, triangle, cross.
export const SIGNS = {
  none: "M16 5a11 11 0 1 0 0 22a11 11 0 1 0 0-22m0 4a7 7 0 1 1 0 14a7 7 0 1 1 0-14z",
  off: "M16 3a13 13 0 1 0 0 26a13 13 0 1 0 0-26m0 4c2 0 3.900.7 5.400 1.800L8.800 21.400A9 9 0 0 1 16 7m7.200 3.600A9 9 0 0 1 10.600 23.200z",
  idle: "M16 5a11 11 0 1 0 0 22a11 11 0 1 0 0-22m0 4a7 7 0 1 1 0 14a7 7 0 1 1 0-14z",
  busy: "M16 3a13 13 0 1 0 0 26a13 13 0 1 0 0-26m-3.500 7l9.500 6l-9.500 6z",
  good: "M16 3a13 13 0 1 0 0 26a13 13 0 1 0 0-26m6 7l2.200 2.200L14.500 22L8.300 15.800l2.200-2.200l4 4z",
  wait: "M16 3L30 28H2zm-1.600 9h3.200l-.5 9h-2.200zm1.600 10.500a1.700 1.700 0 1 0 0 3.400a1.700 1.700 0 1 0 0-3.400z",
  bad: "M10 3h12l7 7v12l-7 7H10l-7-7V10zm2 6.500L9.500 12l4 4l-4 4l2.500 2.500l4-4l4 4l2.500-2.500l-4-4l4-4L20 9.500l-4 4z",
};

const COLOURS = { none: "#6b7683", off: "#6b7683", idle: "#6b7683", busy: "#2f6fde", good: "#1f8a4c", wait: "#b26a00", bad: "#c62f38" };

// Returns the address of the tab's icon of a level.
export function icon(level) {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path fill="${COLOURS[level]}" fill-rule="evenodd" d="${SIGNS[level]}"/></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
