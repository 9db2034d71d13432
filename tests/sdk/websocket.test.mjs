// JSON-RPC over WebSocket on the RPC address, with the SDK's subscriptions.

import { before, test } from 'node:test';
import assert from 'node:assert/strict';
import { ethers } from 'ethers';
import * as zksync from 'zksync';
import { WSTransport } from 'zksync/build/transport.js';
import { eth, fails, start } from './support.mjs';

const devnet = await start('--finality', 'instant');
let provider;
let alice;

before(async () => {
  // `Provider.newWebsocketProvider` sends two requests with the same id, which its own transport refuses.
  provider = new zksync.Provider(await WSTransport.connect(devnet.rpc.replace('http:', 'ws:')));
  provider.contractAddress = await provider.getContractAddress();
  provider.tokenSet = new zksync.utils.TokenSet(await provider.getTokens());
  provider.network = 'localhost';
  alice = await devnet.wallet(await devnet.provider('RPC'));
  alice.connect(provider);
});

const transfer = (amount) => alice.syncTransfer({ to: ethers.Wallet.createRandom().address, token: 'ETH', amount });

test('a transaction is reported when it is committed and when it is verified', async () => {
  const sent = await transfer(1);
  assert.equal((await sent.awaitReceipt()).block.committed, true);
  assert.equal((await sent.awaitVerifyReceipt()).block.verified, true);
});

test('a failed one is reported', async () => {
  await fails(await transfer(eth('1000')), 'Not enough balance');
});

test('a priority operation is reported', async () => {
  const deposit = await devnet.own('deposits', { to: alice.address(), token: 'ETH', amount: '1' });
  const receipt = await provider.notifyPriorityOp(deposit.serialId, 'VERIFY');
  assert.equal(receipt.block.verified, true);
});

test('an account is reported when it changes', async () => {
  const states = [];
  const subscription = await provider.transport.subscribe(
    'account_subscribe', [alice.address(), 'COMMIT'], 'account_unsubscribe', (state) => states.push(state),
  );
  await (await transfer(1)).awaitReceipt();
  const nonce = await alice.getNonce();
  while (!states.some((state) => state.nonce === nonce)) await new Promise((resolve) => setTimeout(resolve, 20));
  await subscription.unsubscribe();
  await provider.disconnect();
});
