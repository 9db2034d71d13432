// Transactions that the server refuses, with the code and text of each reason, and those that it
// executes and fails. Nothing that is refused changes the state.

import { before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { ethers } from 'ethers';
import * as zksync from 'zksync';
import { eth, fails, refused, start, ZERO } from './support.mjs';

const devnet = await start('--finality', 'instant');
const address = () => ethers.Wallet.createRandom().address;
const CONTENT = `0x${'77'.repeat(32)}`;

for (const kind of ['RPC', 'REST']) {
  describe(`the ${kind} provider`, () => {
    let provider;
    let alice;
    let bob;
    let fee;

    before(async () => {
      provider = await devnet.provider(kind);
      alice = await devnet.wallet(provider, { ETH: eth('100'), DAI: eth('100') });
      bob = await devnet.wallet(provider, { ETH: eth('100'), DAI: eth('100') });
      fee = (await provider.getTransactionFee('Transfer', bob.address(), 'ETH')).totalFee;
    });

    /** Signs a transfer of 1 wei to bob, with changes. */
    const signed = async (changes = {}, wallet = alice) => {
      const transfer = { to: bob.address(), token: 'ETH', amount: 1, fee, nonce: await wallet.getNonce(), ...changes };
      return wallet.signSyncTransfer(transfer);
    };
    const submit = ({ tx, ethereumSignature }) => provider.submitTx(tx, ethereumSignature);
    const execute = async (transaction, reason) => fails(new zksync.wallet.Transaction(transaction, await submit(transaction), provider), reason);

    /** Checks that a submission is refused and that the account of alice stays the same. */
    const rejects = async (submission, expected) => {
      const before = (await alice.getAccountState()).committed;
      await refused(submission(), expected);
      assert.deepEqual((await alice.getAccountState()).committed, before);
    };

    test('a fee that is too low', async () => {
      await rejects(async () => submit(await signed({ fee: 1 })), { rpc: 104, rest: 605, text: /Transaction fee is too low/ });
      const { tx } = await signed({ fee: 0 });
      const batch = await alice.batchBuilder().addTransfer({ to: bob.address(), token: 'ETH', amount: 1 }).build();
      await rejects(() => provider.submitTxsBatch([{ tx }], [batch.signature]), { rpc: 104, rest: 605, text: /Transactions batch summary fee is too low/ });
    });

    test('a missing Ethereum signature', async () => {
      await rejects(async () => provider.submitTx((await signed()).tx), { rpc: 200, rest: 605, text: /MissingEthSignature/ });
      await rejects(async () => provider.submitTxsBatch([{ tx: (await signed()).tx }], []), { rpc: 200, rest: 605 });
    });

    test('an Ethereum signature of another account, or over another text', async () => {
      const { tx } = await signed();
      const text = `Transfer 0.000000000000000001 ETH to: ${bob.address().toLowerCase()}`;
      for (const signature of [
        await bob.ethMessageSigner().getEthMessageSignature(text),
        await alice.ethMessageSigner().getEthMessageSignature('something else'),
        { type: 'EIP1271Signature', signature: '0x1234' },
      ]) {
        await rejects(() => provider.submitTx(tx, signature), { rpc: 202, rest: 605, text: /Eth signature is incorrect/ });
      }
    });

    test('a signature of another zkSync key', async () => {
      const good = await signed();
      const bad = await signed({}, bob);
      good.tx.signature = bad.tx.signature;
      // The signature is not valid over this transaction.
      await rejects(() => submit(good), { rpc: 103, rest: 605, text: /Tx is incorrect/ });
      // A valid one of a foreign key is admitted, and fails.
      const other = await zksync.Signer.fromSeed(ethers.utils.randomBytes(32));
      const wallet = await zksync.Wallet.fromEthSigner(alice.ethSigner(), provider, other, undefined, { verificationMethod: 'ECDSA', isSignedMsgPrefixed: true });
      await execute(await signed({}, wallet), 'Transfer signature is incorrect');
    });

    test('a nonce that is too low, one that is too high, and a replay', async () => {
      const first = await signed({ amount: 2 });
      const hash = await submit(first);
      await provider.notifyTransaction(hash, 'COMMIT');
      await rejects(() => submit(first), { rpc: 101, rest: 605, text: /Tx nonce is too low/ });
      await execute(await signed({ nonce: (await alice.getNonce()) + 5 }), 'Nonce mismatch');
      assert.equal((await provider.getTxReceipt(hash)).success, true);
    });

    test('amounts that are not packable', async () => {
      const changed = async (changes) => {
        const transaction = await signed();
        Object.assign(transaction.tx, changes);
        return submit(transaction);
      };
      await rejects(() => changed({ amount: eth('1').add(1).toString() }), { rpc: 202, rest: 605 });
      const huge = (2n ** 128n).toString();
      await rejects(() => changed({ amount: huge }), { rpc: 202, rest: 605 });
    });

    test('tokens that do not exist', async () => {
      const transaction = await signed();
      transaction.tx.token = 900;
      await rejects(() => submit(transaction), { rpc: -32603, rest: 60000 });
    });

    test('a closed kind and a target without a history', async () => {
      const close = { type: 'Close', account: alice.address(), nonce: 0, timeRange: { validFrom: 0, validUntil: 9 }, signature: (await signed()).tx.signature };
      await rejects(() => provider.submitTx(close), { rpc: 301, rest: 601, text: /Account close tx is disabled/ });
      await rejects(() => alice.syncForcedExit({ target: address(), token: 'ETH' }), { rpc: -32602, rest: 602, text: /Target account does not exist/ });
    });

    test('account ids of others and ids out of range', async () => {
      for (const accountId of [await bob.getAccountId(), 16_777_214]) {
        const wallet = await zksync.Wallet.fromEthSigner(alice.ethSigner(), provider, undefined, accountId);
        const { tx, ethereumSignature } = await signed({ nonce: 1000 }, wallet);
        await execute({ tx, ethereumSignature }, 'Transfer account id is incorrect');
      }
      // The SDK refuses to sign such an id itself.
      const transaction = await signed();
      transaction.tx.accountId = 16_777_216;
      await rejects(() => submit(transaction), { rpc: 103, rest: 605, text: /Tx is incorrect/ });
    });

    test('periods that are over or have not begun', async () => {
      const now = Math.floor(Date.now() / 1000);
      const expired = await signed({ validUntil: now - 100 });
      await execute(expired, "The transaction can't be executed in the block because of an invalid timestamp");
      const backwards = await signed();
      Object.assign(backwards.tx, { validFrom: 10, validUntil: 5 });
      await rejects(() => submit(backwards), { rpc: 103, rest: 605 });
    });

    test('NFTs of others, and NFTs that do not exist', async () => {
      const mint = await bob.mintNFT({ recipient: bob.address(), contentHash: CONTENT, feeToken: 'ETH' });
      await mint.awaitReceipt();
      const id = await provider.getNFTIdByTxHash(mint.txHash);
      const { totalFee } = await provider.getTransactionFee('WithdrawNFT', alice.address(), 'ETH');
      const withdraw = (token) => alice.withdrawNFT({ to: alice.address(), token, feeToken: 'ETH', fee: totalFee });
      await fails(await withdraw(id), 'Not enough nft balance');
      await fails(await withdraw(id + 10_000), 'NFT was not found');
      const transfers = await alice.syncTransferNFT({ to: alice.address(), token: await bob.getNFT(id), feeToken: 'ETH' });
      const reason = 'Batch execution failed, since tx #1 of batch failed with a reason: Not enough balance';
      for (const transfer of transfers) await fails(transfer, reason);
      assert.equal(await provider.getNFTOwner(id), await bob.getAccountId());
      // Alone it cannot pay for itself.
      const alone = await alice.batchBuilder().addTransfer({ to: bob.address(), token: id, amount: 1 }).build();
      await rejects(() => submit({ tx: alone.txs[0].tx, ethereumSignature: alone.signature }), { rpc: 105, rest: 606 });
    });

    test('recipients and targets that do not exist, or are not allowed', async () => {
      const { totalFee } = await provider.getTransactionFee('Transfer', ZERO, 'ETH');
      await rejects(async () => submit(await signed({ to: ZERO, fee: totalFee })), { rpc: 103, rest: 605, text: /Tx is incorrect/ });
      await fails(await alice.mintNFT({ recipient: address(), contentHash: CONTENT, feeToken: 'ETH' }), 'Recipient account not found');
      await fails(await alice.syncForcedExit({ target: bob.address(), token: 'ETH' }), 'Target account is not locked; forced exit is forbidden');
    });

    test('senders without a key', async () => {
      const locked = await devnet.locked(provider);
      await fails(await locked.syncTransfer({ to: bob.address(), token: 'ETH', amount: 1 }), 'Account is locked');
      await assert.rejects(alice.setSigningKey({ feeToken: 'ETH', ethAuthType: 'ECDSA' }), /Current signing key is already set/);
    });

    test('batches that are empty, too large, or signed too often', async () => {
      await rejects(() => provider.submitTxsBatch([], []), { rpc: 300, rest: 605, text: /Transaction batch is empty/ });
      const { tx, ethereumSignature } = await signed();
      const many = (count) => new Array(count).fill({ tx, signature: ethereumSignature });
      await rejects(() => provider.submitTxsBatch(many(201), []), { rpc: 300, rest: 605, text: /Batch will not fit/ });
      await rejects(() => provider.submitTxsBatch(many(2), new Array(11).fill(ethereumSignature)), { rpc: 300, rest: 605, text: /Too many Ethereum signatures/ });
    });

    test('a batch fails as a whole', async () => {
      const nonce = await alice.getNonce();
      const before = await alice.getBalance('ETH');
      const sent = await alice.syncMultiTransfer([
        { to: bob.address(), token: 'ETH', amount: 1, fee },
        { to: bob.address(), token: 'ETH', amount: eth('1000'), fee },
      ]);
      const reason = 'Batch execution failed, since tx #2 of batch failed with a reason: Not enough balance';
      for (const transaction of sent) await fails(transaction, reason);
      assert.equal(await alice.getNonce(), nonce);
      assert.equal((await alice.getBalance('ETH')).toString(), before.toString());
    });

    test('swaps with wrong orders', async () => {
      const ratio = zksync.utils.tokenRatio({ ETH: 1, DAI: 2 });
      const sell = await alice.signLimitOrder({ tokenSell: 'ETH', tokenBuy: 'DAI', ratio });
      const buy = await bob.signLimitOrder({ tokenSell: 'DAI', tokenBuy: 'ETH', ratio });
      const swap = (orders, amounts) => alice.syncSwap({ orders, amounts, feeToken: 'ETH' });
      await fails(await swap([sell, buy], [1000, 2001]), 'Amounts are not compatible with prices');
      await fails(await swap([sell, sell], [1000, 2000]), 'Buy/Sell tokens do not match');
      const unsigned = { ...buy, ethSignature: undefined };
      await rejects(() => swap([sell, unsigned], [1000, 2000]), { rpc: 200, rest: 605 });
      const foreign = { ...buy, ethSignature: sell.ethSignature };
      await rejects(() => swap([sell, foreign], [1000, 2000]), { rpc: 202, rest: 605 });
    });

    test('requests for the second factor that are too old or not signed', async () => {
      const request = await alice.getToggle2FA(false);
      await rejects(() => provider.toggle2FA({ ...request, timestamp: request.timestamp - 41 * 60 * 1000 }), { rpc: -32602, rest: 602 });
      await rejects(() => provider.toggle2FA({ ...request, timestamp: request.timestamp + 1 }), { rpc: 202, rest: 605 });
      await rejects(() => provider.toggle2FA({ ...request, accountId: 16_000_000 }), { rpc: 300, rest: 605 });
    });

    test('what needs layer 1 fails in the SDK', async () => {
      await assert.rejects(alice.depositToSyncFromEthereum({ depositTo: alice.address(), token: 'ETH', amount: 1 }), TypeError);
      await assert.rejects(alice.onchainAuthSigningKey());
      await assert.rejects(alice.getEthereumBalance('ETH'));
    });
  });
}
