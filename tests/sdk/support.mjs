// A devnet for each test file, and funded wallets for each test.
//
// The binary is named by WITNESS_SERVER; without it, the debug build of this repository is used.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { after } from 'node:test';
import assert from 'node:assert/strict';
import { ethers } from 'ethers';
import * as zksync from 'zksync';

export const BINARY =
  process.env.WITNESS_SERVER ?? fileURLToPath(new URL('../../target/debug/witness-server', import.meta.url));

/** The mnemonic of the funded accounts. */
export const MNEMONIC = 'test test test test test test test test test test test junk';
export const POLL_MS = 25;
export const ZERO = '0x0000000000000000000000000000000000000000';

export const eth = (amount) => ethers.utils.parseEther(amount);
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Returns a wallet of the given funded account, without a provider of layer 1. */
export function funded(index) {
  return ethers.Wallet.fromMnemonic(MNEMONIC, `m/44'/60'/0'/0/${index}`);
}

/** Starts a devnet on free ports; it ends with the test file. */
export async function start(...more) {
  const free = ['--rpc-listen', '127.0.0.1:0', '--rest-listen', '127.0.0.1:0', '--listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0'];
  const time = more.includes('--block-time') ? [] : ['--block-time', '100ms'];
  const child = spawn(BINARY, ['devnet', ...free, ...time, ...more], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text) => { log += text; });
  const ready = new Promise((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
      if (/^ready/im.test(output)) resolve();
    });
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`the devnet ended with ${code}:\n${output}${log}`)));
  });
  after(() => child.kill('SIGKILL'));
  await ready;
  const url = (name) => new RegExp(`${name}.*?(http://[0-9.]+:[0-9]+)`, 'i').exec(output)?.[1];
  return new Devnet(child, output, url('RPC'), url('REST'), url('Dashboard'));
}

class Devnet {
  constructor(child, output, rpc, rest, board) {
    Object.assign(this, { child, output, rpc, rest, board });
    assert.ok(rpc && rest, `no addresses in:\n${output}`);
  }

  /** Returns a provider of the SDK: `RPC` or `REST`. */
  provider(kind) {
    return kind === 'RPC'
      ? zksync.Provider.newHttpProvider(this.rpc, POLL_MS, 'localhost')
      : zksync.RestProvider.newProvider(`${this.rest}/api/v0.2`, POLL_MS, 'localhost');
  }

  /** Calls an own endpoint, by default on the REST address. */
  async own(path, body, { method = 'POST', base = this.rest } = {}) {
    const response = await fetch(`${base}/devnet/${path}`, {
      method,
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const answer = await response.json();
    if (!response.ok) throw Object.assign(new Error(answer.error), { status: response.status });
    return answer;
  }

  /** Sends one JSON-RPC request and returns the whole answer. */
  async call(method, params, more = {}) {
    return (await this.post({ jsonrpc: '2.0', id: 1, method, params, ...more })).body;
  }

  /** Posts a body, text or JSON, to the RPC address. */
  async post(body) {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const response = await fetch(this.rpc, { method: 'POST', headers: { 'content-type': 'application/json' }, body: text });
    const answer = await response.text();
    return { status: response.status, body: answer === '' ? undefined : JSON.parse(answer) };
  }

  /** Deposits and waits until the deposit is executed. */
  async deposit(to, token, amount) {
    const deposit = await this.own('deposits', { to, token, amount: amount.toString() });
    await this.executed(deposit.serialId);
    return deposit;
  }

  async executed(serialId) {
    await until(async () => (await this.call('ethop_info', [serialId])).result.executed);
  }

  /** Returns a new wallet that holds the given amounts and has no signing key yet. */
  async locked(provider, amounts = { ETH: eth('10') }) {
    const signer = ethers.Wallet.createRandom();
    for (const [token, amount] of Object.entries(amounts)) await this.deposit(signer.address, token, amount);
    return zksync.Wallet.fromEthSigner(signer, provider);
  }

  /** Returns a new wallet that holds the given amounts and can sign. */
  async wallet(provider, amounts) {
    const wallet = await this.locked(provider, amounts);
    const change = await wallet.setSigningKey({ feeToken: 'ETH', ethAuthType: 'ECDSA' });
    await change.awaitReceipt();
    return wallet;
  }
}

/** Waits until the condition holds, for at most half a minute. */
export async function until(condition) {
  const end = Date.now() + 30_000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    assert.ok(Date.now() < end, `still false: ${condition}`);
    await sleep(POLL_MS);
  }
}

/** Checks that a promise fails with the code of an error of the server; returns the error. */
export async function refused(promise, { rpc, rest, text }) {
  const error = await promise.then(() => assert.fail('not refused'), (error) => error);
  const answer = error.jrpcError ?? error.restError;
  assert.ok(answer, `no answer of the server: ${error.stack}`);
  assert.equal(answer.code, error.jrpcError ? rpc : rest, answer.message);
  if (text) assert.match(answer.message, text);
  return answer;
}

/** Checks that a transaction is executed and fails with the given reason. */
export async function fails(transaction, reason) {
  const error = await transaction.awaitReceipt().then(() => assert.fail('executed'), (error) => error);
  assert.equal(error.message, `zkSync transaction failed: ${reason}`);
  return error;
}
