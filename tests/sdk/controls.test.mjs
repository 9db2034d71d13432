// The endpoints of the devnet itself, on both addresses.

import { before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { ethers } from 'ethers';
import * as zksync from 'zksync';
import { eth, fails, funded, sleep, start, until } from './support.mjs';

const address = () => ethers.Wallet.createRandom().address;

const told = await start('--block-time', '1h', '--finality', 'manual');
const proving = await start('--finality', 'proof');

describe('a devnet that seals only when told', () => {
  const devnet = told;
  let provider;
  let alice;

  before(async () => {
    provider = await devnet.provider('REST');
    alice = await devnet.wallet(provider);
  });

  const head = async () => (await provider.networkStatus()).lastCommitted;
  const transfer = () => alice.syncTransfer({ to: address(), token: 'ETH', amount: 1 });

  test('both addresses have the endpoints', async () => {
    for (const base of [devnet.rpc, devnet.rest]) {
      const deposit = await devnet.own('deposits', { to: address(), token: 'ETH', amount: '1' }, { base });
      assert.match(deposit.ethHash, /^0x[0-9a-f]{64}$/);
      assert.match(deposit.txHash, /^(0x|sync-tx:)[0-9a-f]{64}$/);
      assert.equal(typeof deposit.ethBlock, 'number');
      await devnet.executed(deposit.serialId);
    }
  });

  test('lists the funded accounts with their keys', async () => {
    const { accounts } = await devnet.own('accounts', undefined, { method: 'GET' });
    assert.equal(accounts.length, 10);
    const first = funded(0);
    assert.equal(accounts[0].address.toLowerCase(), first.address.toLowerCase());
    assert.equal(accounts[0].privateKey, first.privateKey);
    const state = await provider.getState(first.address);
    for (const token of ['ETH', 'DAI', 'USDC', 'WBTC']) assert.ok(state.committed.balances[token], token);
  });

  test('seals now, once something was executed', async () => {
    const before = await head();
    await (await transfer()).awaitReceipt();
    assert.equal(await head(), before);
    const sealed = await devnet.own('blocks');
    assert.equal(sealed.block, before + 1);
    assert.equal(await head(), before + 1);
    assert.equal((await devnet.own('blocks')).block, null);
    assert.equal(await head(), before + 1);
  });

  test('finalises up to a block', async () => {
    const sent = await transfer();
    await sent.awaitReceipt();
    await devnet.own('blocks');
    const last = await head();
    assert.ok((await provider.networkStatus()).finalized < last);
    await devnet.own('finalize', { upTo: last - 1 });
    assert.equal((await provider.networkStatus()).finalized, last - 1);
    assert.equal((await provider.txStatus(sent.txHash)).status, 'committed');
    await devnet.own('finalize', {});
    assert.equal((await provider.txStatus(sent.txHash)).status, 'finalized');
  });

  test('mines blocks', async () => {
    const before = await head();
    await devnet.own('mine', { blocks: 3 });
    assert.equal(await head(), before + 3);
  });

  test('reverts to a snapshot, what waits included', async () => {
    const [before, nonce] = [await head(), await alice.getNonce()];
    const snapshot = await devnet.own('snapshot');
    const sent = await transfer();
    await sent.awaitReceipt();
    await devnet.own('blocks');
    assert.equal(await head(), before + 1);
    await devnet.own('revert', { snapshot: snapshot.snapshot });
    assert.equal(await head(), before);
    assert.equal(await alice.getNonce(), nonce);
    assert.equal(await provider.txStatus(sent.txHash), null);
    // The same transaction can be sent again.
    await (await transfer()).awaitReceipt();
  });

  test('sets and advances the time', async () => {
    const { time } = await devnet.own('time', undefined, { method: 'GET' });
    const begin = time + 1000;
    const early = await alice.syncTransfer({ to: address(), token: 'ETH', amount: 1, validFrom: begin });
    await sleep(300);
    assert.equal((await provider.getTxReceipt(early.txHash)).executed, false);
    const advanced = await devnet.own('time', { advance: 2000 });
    assert.ok(advanced.time >= time + 2000);
    await devnet.own('blocks');
    await early.awaitReceipt();
    // A block has the time of its first transaction, so the next one needs a new block.
    await devnet.own('blocks');
    await devnet.own('time', { set: advanced.time + 5000 });
    const late = await alice.syncTransfer({ to: address(), token: 'ETH', amount: 1, validUntil: advanced.time });
    await fails(late, "The transaction can't be executed in the block because of an invalid timestamp");
  });

  test('seals after each transaction if told', async () => {
    await devnet.own('automine', { enabled: true });
    const before = await head();
    await (await transfer()).awaitReceipt();
    await until(async () => (await head()) > before);
    await devnet.own('automine', { enabled: false });
  });

  test('refuses what layer 1 would refuse', async () => {
    const { id } = await provider.getState(alice.address());
    for (const [path, body] of [
      ['deposits', { to: address(), token: 'ETH', amount: '0' }],
      ['deposits', { to: address(), token: 'NONE', amount: '1' }],
      ['deposits', { to: `0x${'ff'.repeat(20)}`, token: 'ETH', amount: '1' }],
      ['deposits', { to: `0x${'00'.repeat(20)}`, token: 'ETH', amount: '1' }],
      ['deposits', { to: address(), token: 'ETH', amount: (2n ** 128n).toString() }],
      ['deposits', { to: address(), token: 'DAI', amount: (2n ** 104n).toString() }],
      ['deposits', { to: 'nobody', token: 'ETH', amount: '1' }],
      ['deposits', {}],
      ['full_exits', { accountId: 2 ** 24 - 1, token: 'ETH' }],
      ['full_exits', { accountId: 2 ** 24, token: 'ETH' }],
      ['full_exits', { accountId: id, token: 'NONE' }],
      ['full_exits', { accountId: id, token: 2 ** 31 - 2 }],
      ['authorizations', { account: 'x', nonce: 0, pubKeyHash: 'sync:00' }],
      ['revert', { snapshot: 10_000 }],
      ['finalize', { upTo: 1_000_000 }],
      ['time', { set: 1, advance: 1 }],
      ['time', {}],
      ['mine', { blocks: 1_000_000 }],
    ]) {
      const error = await devnet.own(path, body).then(() => assert.fail(`${path} ${JSON.stringify(body)}`), (error) => error);
      assert.ok(error.status >= 400 && error.status < 500, `${path} ${JSON.stringify(body)}: ${error.stack}`);
      assert.ok(error.message.length > 0);
    }
    await assert.rejects(devnet.own('nothing', {}), (error) => error.status === 404);
  });

  test('shows a full exit to another address as one that fails', async () => {
    const { id } = await provider.getState(alice.address());
    const before = await alice.getBalance('ETH');
    const exit = await devnet.own('full_exits', { accountId: id, token: 'ETH', ethAddress: address() });
    await devnet.executed(exit.serialId);
    assert.equal((await alice.getBalance('ETH')).toString(), before.toString());
  });

  test('resets to its genesis', async () => {
    await devnet.own('reset');
    assert.equal(await head(), 0);
    const fresh = await devnet.provider('REST');
    assert.equal((await fresh.getState(alice.address())).committed.nonce, 0);
    await devnet.wallet(fresh);
  });
});

describe('a devnet that proves', () => {
  const devnet = proving;
  let provider;
  let alice;

  before(async () => {
    provider = await devnet.provider('RPC');
    alice = await devnet.wallet(provider);
  });

  const transfer = () => alice.syncTransfer({ to: address(), token: 'ETH', amount: 1 });

  test('verifies a transaction once its block is proven', async () => {
    assert.equal((await (await transfer()).awaitVerifyReceipt()).block.verified, true);
  });

  test('verifies it although the next proof fails', async () => {
    await devnet.own('fail_next_proof');
    assert.equal((await (await transfer()).awaitVerifyReceipt()).block.verified, true);
  });

  test('holds a block until it is released', async () => {
    const { lastCommitted } = await (await devnet.provider('REST')).networkStatus();
    const held = lastCommitted + 1;
    await devnet.own('hold', { block: held });
    const sent = await transfer();
    const receipt = await sent.awaitReceipt();
    assert.ok(receipt.block.blockNumber >= held);
    await sleep(1500);
    assert.equal((await provider.getTxReceipt(sent.txHash)).block.verified, false);
    await devnet.own('release', { block: held });
    assert.equal((await sent.awaitVerifyReceipt()).block.verified, true);
  });
});
