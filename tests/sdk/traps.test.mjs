// Properties of the SDK that a server has to know, a test each, by both providers.

import { before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { ethers } from 'ethers';
import * as zksync from 'zksync';
import { eth, fails, refused, start } from './support.mjs';

const devnet = await start('--finality', 'manual');
const address = () => ethers.Wallet.createRandom().address;

for (const kind of ['RPC', 'REST']) {
  describe(`the ${kind} provider`, () => {
    let provider;
    let alice;
    let bob;

    before(async () => {
      provider = await devnet.provider(kind);
      alice = await devnet.wallet(provider, { ETH: eth('100'), DAI: eth('100') });
      bob = await devnet.wallet(provider, { ETH: eth('100'), DAI: eth('100') });
    });

    const fee = async (type) => (await provider.getTransactionFee(type, bob.address(), 'ETH')).totalFee;

    test('sends no signature with ChangePubKey', async () => {
      const wallet = await devnet.locked(provider);
      const signed = await wallet.signSetSigningKey({ feeToken: 'ETH', ethAuthType: 'ECDSA', fee: await fee({ ChangePubKey: 'ECDSA' }), nonce: 0 });
      assert.equal(signed.ethereumSignature, undefined);
      await provider.notifyTransaction(await provider.submitTx(signed.tx, null), 'COMMIT');
      assert.equal(await wallet.isCorrespondingSigningKeySet(), true);
    });

    test('sends no signatures of a CREATE2 wallet, and the server wants none', async () => {
      const signer = await zksync.Signer.fromSeed(ethers.utils.randomBytes(32));
      const word = () => ethers.utils.hexlify(ethers.utils.randomBytes(32));
      const data = { creatorAddress: address(), saltArg: word(), codeHash: word() };
      const wallet = await zksync.Wallet.fromCreate2Data(signer, provider, data);
      await devnet.deposit(wallet.address(), 'ETH', eth('1'));
      await (await wallet.setSigningKey({ feeToken: 'ETH', ethAuthType: 'CREATE2' })).awaitReceipt();
      const signed = await wallet.signSyncTransfer({ to: bob.address(), token: 'ETH', amount: 1, fee: await fee('Transfer'), nonce: 1 });
      assert.equal(signed.ethereumSignature, null);
      const foreign = await bob.ethMessageSigner().getEthMessageSignature('anything');
      await refused(provider.submitTx(signed.tx, foreign), { rpc: 103, rest: 604 });
      await refused(provider.submitTxsBatch([{ tx: signed.tx, signature: null }], [foreign]), { rpc: 103, rest: 604 });
      const [hash] = await provider.submitTxsBatch([{ tx: signed.tx, signature: null }], []);
      await provider.notifyTransaction(hash, 'COMMIT');
      assert.equal(await wallet.getNonce(), 2);
    });

    test('loses the signatures of orders in a batch that is passed on exactly as built', async () => {
      const ratio = zksync.utils.tokenRatio({ ETH: 1, DAI: 2 });
      const orders = [
        await alice.signLimitOrder({ tokenSell: 'ETH', tokenBuy: 'DAI', ratio }),
        await bob.signLimitOrder({ tokenSell: 'DAI', tokenBuy: 'ETH', ratio }),
      ];
      const batch = await alice.batchBuilder().addSwap({ orders, amounts: [1000, 2000], feeToken: 'ETH' }).build('ETH');
      await refused(provider.submitTxsBatch(batch.txs, [batch.signature]), { rpc: 200, rest: 605 });
      const sent = await zksync.wallet.submitSignedTransactionsBatch(provider, batch.txs, [batch.signature]);
      for (const transaction of sent) await transaction.awaitReceipt();
    });

    test('gets hashes of one form and asks with both', async () => {
      const transfer = await alice.syncTransfer({ to: bob.address(), token: 'ETH', amount: 1 });
      assert.match(transfer.txHash, kind === 'RPC' ? /^sync-tx:[0-9a-f]{64}$/ : /^0x[0-9a-f]{64}$/);
      await transfer.awaitReceipt();
      const digits = transfer.txHash.slice(-64);
      for (const hash of [`0x${digits}`, `sync-tx:${digits}`]) {
        assert.equal((await provider.getTxReceipt(hash)).success, true, hash);
        assert.equal(await provider.getNFTIdByTxHash(hash), null);
        assert.equal(await provider.getEthTxForWithdrawal(hash), null);
      }
    });

    test('throws the reason of a failed transaction', async () => {
      const transfer = await alice.syncTransfer({ to: bob.address(), token: 'ETH', amount: eth('1000') });
      await fails(transfer, 'Not enough balance');
      const receipt = await provider.getTxReceipt(transfer.txHash);
      assert.equal(receipt.success, false);
      assert.equal(receipt.failReason, 'Not enough balance');
    });

    test('needs an account without an id to have none', async () => {
      const wallet = await zksync.Wallet.fromEthSigner(ethers.Wallet.createRandom(), provider);
      const missing = 'Failed to Transfer funds: Account does not exist in the zkSync network';
      await assert.rejects(wallet.syncTransfer({ to: bob.address(), token: 'ETH', amount: 1 }), { message: missing });
    });

    test('sends amounts of transfers that are packable, and withdrawals of any', async () => {
      const odd = eth('1').add(1);
      await assert.rejects(alice.syncTransfer({ to: bob.address(), token: 'ETH', amount: odd }), /not packable/);
      await (await alice.withdrawFromSyncToEthereum({ ethAddress: alice.address(), token: 'ETH', amount: odd })).awaitReceipt();
    });

    test('sends amounts and prices of orders as text, and times always', async () => {
      const order = await alice.signLimitOrder({ tokenSell: 'ETH', tokenBuy: 'DAI', ratio: zksync.utils.weiRatio({ ETH: 1, DAI: 2 }) });
      assert.deepEqual([typeof order.amount, typeof order.ratio[0], order.validFrom], ['string', 'string', 0]);
      assert.equal(order.validUntil, 2 ** 32 - 1);
    });

    test('shows an account as empty while it is not verified', async () => {
      const wallet = await devnet.locked(provider);
      const { committed, verified } = await wallet.getAccountState();
      assert.equal(committed.balances.ETH, eth('10').toString());
      assert.deepEqual(verified.balances, {});
      await devnet.own('blocks');
      await devnet.own('finalize', {});
      assert.equal((await wallet.getAccountState()).verified.balances.ETH, eth('10').toString());
    });

    test('finds NFTs by their id as text', async () => {
      const mint = await alice.mintNFT({ recipient: bob.address(), contentHash: `0x${'11'.repeat(32)}`, feeToken: 'ETH' });
      await mint.awaitReceipt();
      const id = await provider.getNFTIdByTxHash(mint.txHash);
      assert.ok(Object.keys((await bob.getAccountState()).committed.nfts).includes(String(id)));
      assert.ok(Object.keys((await alice.getAccountState()).committed.mintedNfts).includes(String(id)));
      assert.equal(Object.keys((await alice.getAccountState()).committed.nfts).includes(String(id)), false);
    });
  });
}

test('fast processing is refused for other kinds than withdrawals', async () => {
  const provider = await devnet.provider('RPC');
  const alice = await devnet.wallet(provider);
  const { totalFee: fee } = await provider.getTransactionFee('Transfer', alice.address(), 'ETH');
  const signed = await alice.signSyncTransfer({ to: alice.address(), token: 'ETH', amount: 1, fee, nonce: 1 });
  await refused(provider.submitTx(signed.tx, signed.ethereumSignature, true), { rpc: 303 });
  const withdrawal = await alice.signWithdrawFromSyncToEthereum({ ethAddress: alice.address(), token: 'ETH', amount: 1, fee, nonce: 1 });
  withdrawal.tx.fast = true;
  await refused(provider.submitTx(withdrawal.tx, withdrawal.ethereumSignature, true), { rpc: 103 });
});
