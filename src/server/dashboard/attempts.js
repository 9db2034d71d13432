// The attempts of provers: those in progress, and those that ended within the time shown. Ended ones do not change, so that only the
// new ones are read.

import { now, request } from "./common.js";

const PAGE = 1000;
const MAX_KEPT = 20000;
// Attempts that end at the same time may be stored one after another.
const OVERLAP_MS = 3000;

const shape = (attempt, etas) => ({
  job: attempt.job, aggregate: attempt.type === "AGGREGATED_PROOF", first: attempt.first_block, last: attempt.last_block, prover: attempt.prover,
  from: attempt.begun_at_ms, to: attempt.ended_at_ms, outcome: attempt.outcome, reason: attempt.reason, eta: etas?.get(attempt.job) ?? null,
});

// Ended attempts by job and begin; all that ended since `covered` are in it.
const ended = new Map();
let covered = Infinity;
let newest = 0;

// Returns the attempts that lasted within the last `time` milliseconds, at least; `etas` are the estimates of jobs in progress.
export async function readAttempts(time, etas) {
  const begin = now() - time;
  const since = Math.floor(begin < covered ? begin : Math.max(begin, newest - OVERLAP_MS));
  const open = [];
  let before = "";
  do {
    const page = await request(`attempts?since=${since}&limit=${PAGE}${before}`);
    for (const attempt of page.attempts) {
      if (attempt.ended_at_ms === null) open.push(attempt);
      else ended.set(`${attempt.job}/${attempt.begun_at_ms}`, attempt);
      newest = Math.max(newest, attempt.ended_at_ms ?? 0);
    }
    before = page.next === null ? "" : `&before=${page.next}`;
  } while (before);
  covered = Math.min(covered, begin);
  if (ended.size > MAX_KEPT) {
    ended.clear();
    covered = Infinity;
  }
  return [...ended.values(), ...open].map((attempt) => shape(attempt, etas));
}

// Returns the attempts at jobs.
export async function attemptsAt(jobs) {
  const pages = await Promise.all(jobs.map((job) => request(`attempts?job=${job}`)));
  return pages.flatMap((page) => page.attempts.map((attempt) => shape(attempt)));
}
