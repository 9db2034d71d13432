// The explorer of a devnet: reads the REST endpoints of the listener that served it, once a second. What is shown in detail is named by
// the fragment of the address: #/block/7, #/tx/0x…, #/account/0x…. All text is set by textContent, because transactions are untrusted.

import { $, element, send, setText, short } from "./common.js";

const REFRESH_INTERVAL_MS = 1000;
const SHOWN_BLOCKS = 50;
const SHOWN_TRANSACTIONS = 100;

const time = (text) => (text ? new Date(text).toLocaleString() : null);
const link = (kind, value, text = value) => element("a", { href: `#/${kind}/${value}`, text, title: value });

const read = async (path) => (await send(`api/${path}`)).json();

// Returns the result of an endpoint of REST v0.2.
async function rest(path) {
  const answer = await read(`v0.2/${path}`);
  if (answer.status !== "success") throw new Error(answer.error.message);
  return answer.result;
}

// The states of blocks and transactions, in the words of this page.
const STATES = { committed: "sealed", finalized: "final" };
const state = (status) => STATES[status] ?? status;

// Tokens by id and by symbol.
const tokens = new Map();

async function readTokens() {
  for (const token of (await rest("tokens?from=0&limit=100&direction=newer")).list) {
    tokens.set(token.id, token);
    tokens.set(token.symbol, token);
  }
}

// Returns an amount, given in the smallest unit, in whole tokens with their symbol. NFTs have no unit.
function inTokens(amount, name) {
  const token = tokens.get(name);
  if (!token) return amount;
  const digits = amount.padStart(token.decimals + 1, "0");
  const whole = digits.slice(0, digits.length - token.decimals);
  const part = digits.slice(whole.length).replace(/0+$/, "");
  return `${whole}${part && "."}${part} ${token.symbol}`;
}

// Replaces the rows only if they changed, so that a selection and the focus stay.
function showRows(id, rows, empty) {
  const body = $(id);
  const table = body.closest("table");
  table.hidden = rows.length === 0;
  setText(table.nextElementSibling, rows.length ? "" : empty);
  const text = JSON.stringify(rows.map((cells) => cells.map((cell) => cell?.outerHTML ?? String(cell ?? ""))));
  if (body.dataset.shown === text) return;
  body.dataset.shown = text;
  const names = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
  body.replaceChildren(...rows.map((cells) => element("tr", { role: "row" }, cells.map((cell, place) => {
    const isVoid = cell === null || cell === undefined || cell === "";
    const made = element("td", { role: "cell", "data-name": names[place], class: isVoid ? "void" : null });
    if (!isVoid) made.append(cell instanceof Node ? cell : String(cell));
    return made;
  }))));
}

function showBlocks(blocks) {
  showRows("block-rows", blocks.map((block) => [
    link("block", block.blockNumber), state(block.status), block.blockSize, short(block.newStateRoot),
  ]), "No block yet.");
}

function showMempool(mempool) {
  const rows = [...mempool.pending.toReversed(), ...mempool.layerOne, ...mempool.waiting];
  showRows("mempool-rows", rows.map((item) => [item.op.type, link("tx", item.txHash, short(item.txHash)), state(item.status)]), "Nothing waits.");
}

// --- detail ----------------------------------------------------------------------------------------------------------------------

function showFacts(facts) {
  const rows = facts.filter(([, value]) => value !== null && value !== undefined && value !== "");
  $("facts").replaceChildren(...rows.map(([name, value]) => {
    const long = String(value).length > 40;
    const shown = value instanceof Node ? element("dd", {}, [value]) : element("dd", { text: value, title: value, class: long ? "long" : null });
    return element("div", {}, [element("dt", { text: name }), shown]);
  }));
}

function showTransactions(page) {
  const list = page?.list ?? [];
  showRows("detail-rows", list.map((item) => [
    item.op.type,
    link("tx", item.txHash, short(item.txHash)),
    item.blockNumber === null ? null : link("block", item.blockNumber),
    state(item.status),
    item.failReason,
  ]), page === null ? "" : "No transaction.");
  const more = (page?.pagination.count ?? 0) - list.length;
  if (more > 0) setText($("detail-rest"), `${more} more`);
}

const page = (limit) => `from=latest&limit=${limit}&direction=older`;

// Names of fields that hold addresses of accounts.
const ADDRESSES = ["from", "to", "account", "target", "creatorAddress", "recipient", "submitterAddress"];

function fact(name, value) {
  if (value === null || value === undefined) return [name, value];
  if (ADDRESSES.includes(name)) return [name, link("account", value, short(value))];
  // The default end of a period, 2^64 - 1, has no exact number here.
  if (typeof value === "number" && !Number.isSafeInteger(value)) return [name, "unlimited"];
  return [name, typeof value === "object" ? JSON.stringify(value) : String(value)];
}

// Returns a field of a transaction: amounts in whole tokens as well, tokens by symbol as well.
function factOf(fields, name, value) {
  const token = fields.token ?? fields.tokenId;
  if (name === "amount" && tokens.has(token)) return [name, `${inTokens(value, token)} (${value})`];
  const feeToken = fields.feeToken ?? token;
  if (name === "fee" && tokens.has(feeToken)) return [name, `${inTokens(value, feeToken)} (${value})`];
  if (["token", "tokenId", "feeToken"].includes(name) && tokens.has(value)) return [name, `${tokens.get(value).symbol} (${value})`];
  return fact(name, value);
}

const DETAILS = {
  async block(number) {
    if (!/^\d+$/.test(number)) throw new Error("Type the number of a block, the hash of a transaction, or an address.");
    const block = await rest(`blocks/${number}`);
    const listed = await rest(`blocks/${number}/transactions?${page(SHOWN_TRANSACTIONS)}`);
    if (!block && listed.list.length === 0) throw new Error(`block ${number} does not exist`);
    showFacts(block
      ? [
        ["status", state(block.status)], ["chunks", block.blockSize], ["sealed at", time(block.committedAt)], ["final at", time(block.finalizedAt)],
        ["root", `0x${block.newStateRoot}`],
      ]
      : [["status", "not sealed yet"]]);
    showTransactions(listed);
    return `Block ${number}`;
  },
  async tx(hash) {
    const data = await rest(`transactions/${hash}/data`);
    if (!data) throw new Error(`transaction ${hash} does not exist`);
    const { op, ...record } = data.tx;
    const { type, signature, ...fields } = op;
    showFacts([
      ["hash", record.txHash],
      ["status", state(record.status)],
      ["block", record.blockNumber === null ? null : link("block", record.blockNumber)],
      ["reason", record.failReason],
      ["accepted at", time(record.createdAt)],
      ["batch", record.batchId],
      ...Object.entries(fields).map(([name, value]) => factOf(fields, name, value)),
      ["signed by", signature?.pubKey],
      ["Ethereum signature", data.ethSignature],
    ]);
    showTransactions(null);
    return `${type} ${short(hash)}`;
  },
  async account(name) {
    const { committed, finalized, depositing } = await rest(`accounts/${name}`);
    const listed = await rest(`accounts/${name}/transactions?${page(SHOWN_TRANSACTIONS)}`);
    if (!committed && listed.list.length === 0 && Object.keys(depositing.balances).length === 0) {
      throw new Error(`account ${name} does not exist`);
    }
    showFacts([
      ["address", committed?.address ?? name],
      ["account id", committed?.accountId],
      ["nonce", committed?.nonce],
      ["signing key", committed?.pubKeyHash],
      ["kind", fact("kind", committed?.accountType)[1]],
      ...Object.entries(depositing.balances).map(([symbol, { amount }]) => [`${symbol}, being deposited`, inTokens(amount, symbol)]),
      ...Object.entries(committed?.balances ?? {}).map(([symbol, amount]) => [
        symbol,
        finalized?.balances[symbol] === amount
          ? inTokens(amount, symbol)
          : `${inTokens(amount, symbol)} (final: ${inTokens(finalized?.balances[symbol] ?? "0", symbol)})`,
      ]),
      ["NFTs", Object.keys(committed?.nfts ?? {}).join(", ")],
      ["minted NFTs", Object.keys(committed?.mintedNfts ?? {}).join(", ")],
    ]);
    showTransactions(listed);
    return `Account ${committed?.accountId ?? ""} ${short(committed?.address ?? name)}`;
  },
};

async function showDetail() {
  const [, kind, value] = location.hash.split("/");
  const show = DETAILS[kind];
  $("detail").hidden = !show || !value;
  if (!show || !value) return;
  try {
    if (tokens.size === 0) await readTokens();
    $("detail-title").textContent = await show(decodeURIComponent(value));
  } catch (error) {
    $("detail-title").textContent = error.message;
    showFacts([]);
    showTransactions(null);
  }
}

$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const wanted = $("wanted").value.trim();
  if (!wanted) return;
  const digits = wanted.replace(/^(0x|sync-tx:)/, "").length;
  const kind = digits === 64 ? "tx" : digits === 40 ? "account" : "block";
  location.hash = `#/${kind}/${encodeURIComponent(wanted)}`;
});

// --- refreshing ------------------------------------------------------------------------------------------------------------------

function live(on, words) {
  // Screen readers announce every change.
  if ($("live").textContent !== words) $("live").textContent = words;
  $("live").classList.toggle("on", on);
}

let seen = null;

async function refresh() {
  if (document.hidden) return;
  try {
    const status = await rest("networkStatus");
    $("sealed").textContent = status.lastCommitted;
    $("final").textContent = status.finalized;
    $("total").textContent = status.totalTransactions;
    $("waiting").textContent = status.mempoolSize;
    showMempool(await read("devnet/mempool"));
    const now = JSON.stringify(status);
    if (now !== seen) {
      seen = now;
      showBlocks((await rest(`blocks?${page(SHOWN_BLOCKS)}`)).list);
      await showDetail();
    }
    live(true, "live");
  } catch (error) {
    live(false, error.message);
  }
}

window.addEventListener("hashchange", showDetail);
document.addEventListener("visibilitychange", refresh);
refresh();
setInterval(refresh, REFRESH_INTERVAL_MS);
