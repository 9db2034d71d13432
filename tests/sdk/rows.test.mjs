// Every call of the SDK that reaches a zkSync server, by both of its providers.

import { before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { ethers } from 'ethers';
import * as zksync from 'zksync';
import { eth, refused, start, until, ZERO } from './support.mjs';

const devnet = await start('--finality', 'instant');
const { closestPackableTransactionFee } = zksync.utils;
const HASH = /^(0x|sync-tx:)[0-9a-f]{64}$/;
const CONTENT = `0x${'5a'.repeat(32)}`;
const NO_KEY = `sync:${'00'.repeat(20)}`;
const address = () => ethers.Wallet.createRandom().address;

for (const kind of ['RPC', 'REST']) {
  describe(`the ${kind} provider`, () => {
    let provider;
    let alice;
    let bob;

    /** Returns the fee that the server wants. */
    const fee = async (type, to = ZERO, token = 'ETH') => (await provider.getTransactionFee(type, to, token)).totalFee;
    const balance = (wallet, token = 'ETH') => wallet.getBalance(token);

    before(async () => {
      provider = await devnet.provider(kind);
      alice = await devnet.wallet(provider, { ETH: eth('100'), DAI: eth('100'), USDC: 100_000_000n });
      bob = await devnet.wallet(provider, { ETH: eth('100'), DAI: eth('100') });
    });

    test('reads tokens and contracts when it is created', async () => {
      assert.match(provider.contractAddress.mainContract, /^0x[0-9a-f]{40}$/);
      assert.match(provider.contractAddress.govContract, /^0x[0-9a-f]{40}$/);
      assert.equal(provider.tokenSet.resolveTokenId('ETH'), 0);
      assert.equal(provider.tokenSet.resolveTokenAddress('ETH'), ZERO);
      for (const [symbol, decimals] of [['ETH', 18], ['DAI', 18], ['USDC', 6], ['WBTC', 8]]) {
        assert.equal(provider.tokenSet.resolveTokenDecimals(symbol), decimals, symbol);
      }
      await provider.updateTokenSet();
      assert.equal(provider.tokenSet.resolveTokenSymbol(0), 'ETH');
      assert.deepEqual(await provider.getContractAddress(), provider.contractAddress);
      assert.equal(await provider.getConfirmationsForEthOpAmount(), 0);
    });

    test('shows an unknown account as empty', async () => {
      const state = await provider.getState(address());
      assert.ok(state.id === null || state.id === undefined, `${state.id}`);
      assert.deepEqual(state.depositing, { balances: {} });
      const empty = { balances: {}, nfts: {}, mintedNfts: {}, nonce: 0, pubKeyHash: NO_KEY };
      assert.deepEqual(state.committed, empty);
      assert.deepEqual(state.verified, empty);
    });

    test('shows balances, nonce and key of an account', async () => {
      const state = await alice.getAccountState();
      assert.ok(state.id > 0);
      assert.equal(state.address.toLowerCase(), alice.address().toLowerCase());
      assert.equal(state.committed.balances.DAI, eth('100').toString());
      assert.equal(state.committed.balances.WBTC, undefined);
      assert.equal(await alice.getNonce(), 1);
      assert.equal(await alice.getAccountId(), state.id);
      assert.equal(await alice.isSigningKeySet(), true);
      assert.equal(await alice.isCorrespondingSigningKeySet(), true);
      assert.equal((await balance(alice, 'USDC')).toString(), '100000000');
      assert.equal(await alice.getNFT(65536 + 1000), undefined);
      await until(async () => (await alice.getAccountState()).verified.nonce === 1);
      assert.ok((await alice.getBalance('ETH', 'verified')).gt(0));
    });

    for (const ethAuthType of ['ECDSA', 'ECDSALegacyMessage']) {
      test(`sets a key by ${ethAuthType}`, async () => {
        const wallet = await devnet.locked(provider);
        assert.equal(await wallet.isSigningKeySet(), false);
        const change = await wallet.setSigningKey({ feeToken: 'ETH', ethAuthType });
        const receipt = await change.awaitReceipt();
        assert.equal(receipt.success, true);
        assert.equal(receipt.block.committed, true);
        assert.equal(await wallet.isCorrespondingSigningKeySet(), true);
        assert.equal((await wallet.getAccountState()).accountType, 'Owned');
      });
    }

    test('sets a key on chain once the devnet knows the authorisation', async () => {
      const wallet = await devnet.locked(provider);
      const change = () => wallet.setSigningKey({ feeToken: 'ETH', ethAuthType: 'Onchain' });
      await refused(change(), { rpc: 203, rest: 605 });
      const pubKeyHash = await wallet.syncSignerPubKeyHash();
      await devnet.own('authorizations', { account: wallet.address(), nonce: 0, pubKeyHash });
      await (await change()).awaitReceipt();
      assert.equal(await wallet.isCorrespondingSigningKeySet(), true);
    });

    test('sets a key by CREATE2, and transactions need no Ethereum signature', async () => {
      const signer = await zksync.Signer.fromSeed(ethers.utils.randomBytes(32));
      const data = { creatorAddress: address(), saltArg: ethers.utils.hexlify(ethers.utils.randomBytes(32)), codeHash: CONTENT };
      const wallet = await zksync.Wallet.fromCreate2Data(signer, provider, data);
      await devnet.deposit(wallet.address(), 'ETH', eth('1'));
      await (await wallet.setSigningKey({ feeToken: 'ETH', ethAuthType: 'CREATE2' })).awaitReceipt();
      assert.equal((await wallet.getAccountState()).accountType, 'CREATE2');
      await (await wallet.syncTransfer({ to: bob.address(), token: 'ETH', amount: 1 })).awaitReceipt();
      const batch = await wallet.syncMultiTransfer([
        { to: bob.address(), token: 'ETH', amount: 1, fee: await fee('Transfer', bob.address()) },
        { to: bob.address(), token: 'ETH', amount: 1, fee: await fee('Transfer', bob.address()) },
      ]);
      for (const transaction of batch) await transaction.awaitReceipt();
      await refused(wallet.toggle2FA(false), { rpc: 304, rest: 608 });
    });

    test('uses a key that has nothing to do with Ethereum', async () => {
      const owner = ethers.Wallet.createRandom();
      await devnet.deposit(owner.address, 'ETH', eth('1'));
      const signer = await zksync.Signer.fromSeed(ethers.utils.randomBytes(32));
      const type = { verificationMethod: 'ECDSA', isSignedMsgPrefixed: true };
      const wallet = await zksync.Wallet.fromEthSigner(owner, provider, signer, undefined, type);
      await (await wallet.setSigningKey({ feeToken: 'ETH', ethAuthType: 'ECDSA' })).awaitReceipt();
      await (await wallet.syncTransfer({ to: bob.address(), token: 'ETH', amount: 1 })).awaitReceipt();
    });

    test('transfers to known accounts, to new ones and to the sender', async () => {
      for (const [to, feeType] of [[bob.address(), 'Transfer'], [address(), 'TransferToNew'], [alice.address(), 'Transfer']]) {
        const [before, other] = [await balance(alice), (await provider.getState(to)).committed.balances.ETH ?? '0'];
        const quoted = await provider.getTransactionFee('Transfer', to, 'ETH');
        if (kind === 'RPC') assert.equal(quoted.feeType, feeType);
        const amount = eth('0.5');
        const transfer = await alice.syncTransfer({ to, token: 'ETH', amount });
        assert.match(transfer.txHash, HASH);
        const receipt = await transfer.awaitReceipt();
        assert.equal(receipt.executed, true);
        const self = to === alice.address();
        const paid = self ? quoted.totalFee : quoted.totalFee.add(amount);
        assert.equal((await balance(alice)).toString(), before.sub(paid).toString());
        if (!self) {
          const after = (await provider.getState(to)).committed.balances.ETH;
          assert.equal(after, ethers.BigNumber.from(other).add(amount).toString());
        }
      }
    });

    test('sends one transaction after another without waiting', async () => {
      const nonce = await alice.getNonce();
      const sent = [];
      for (let i = 0; i < 5; i += 1) {
        sent.push(await alice.syncTransfer({ to: bob.address(), token: 'USDC', amount: 7, nonce: nonce + i }));
      }
      for (const transaction of sent) await transaction.awaitReceipt();
      assert.equal(await alice.getNonce(), nonce + 5);
    });

    for (const fastProcessing of [undefined, true]) {
      test(`withdraws${fastProcessing ? ' fast' : ''}, up to verified`, async () => {
        const before = await balance(alice);
        const amount = eth('0.1').add(12345);
        const withdrawal = await alice.withdrawFromSyncToEthereum({ ethAddress: alice.address(), token: 'ETH', amount, fastProcessing });
        const receipt = await withdrawal.awaitVerifyReceipt();
        assert.equal(receipt.block.verified, true);
        assert.ok((await balance(alice)).lt(before.sub(amount)));
        assert.equal(await provider.getEthTxForWithdrawal(withdrawal.txHash), null);
      });
    }

    test('forces the exit of an account without a key', async () => {
      const target = address();
      await devnet.deposit(target, 'DAI', eth('3'));
      await (await alice.syncForcedExit({ target, token: 'DAI' })).awaitReceipt();
      assert.equal((await provider.getState(target)).committed.balances.DAI, undefined);
    });

    test('mints, transfers, swaps and withdraws an NFT', async () => {
      const mint = await alice.mintNFT({ recipient: alice.address(), contentHash: CONTENT, feeToken: 'ETH' });
      await mint.awaitReceipt();
      const id = await provider.getNFTIdByTxHash(mint.txHash);
      assert.ok(id >= 65536);
      const nft = await provider.getNFT(id);
      assert.equal(nft.contentHash, CONTENT);
      assert.equal(nft.symbol, `NFT-${id}`);
      assert.equal(nft.creatorAddress.toLowerCase(), alice.address().toLowerCase());
      assert.equal(nft.withdrawnFactory, null);
      assert.match(nft.currentFactory, /^0x[0-9a-f]{40}$/);
      assert.equal(await provider.getNFTOwner(id), await alice.getAccountId());
      const state = (await alice.getAccountState()).committed;
      assert.equal(state.nfts[id].serialId, state.mintedNfts[id].serialId);
      assert.equal(state.nfts[id].contentHash, CONTENT);
      assert.equal(Object.keys(state.balances).some((symbol) => symbol.startsWith('NFT')), false);

      const transfers = await alice.syncTransferNFT({ to: bob.address(), token: await alice.getNFT(id), feeToken: 'ETH' });
      for (const transfer of transfers) await transfer.awaitReceipt();
      assert.equal(await alice.getNFT(id), undefined);
      assert.equal((await bob.getNFT(id)).id, id);
      assert.equal(await provider.getNFTOwner(id), await bob.getAccountId());

      const sale = await bob.signOrder({
        tokenSell: id, tokenBuy: 'ETH', amount: 1, ratio: zksync.utils.tokenRatio({ [id]: 1, ETH: '0.25' }),
      });
      const purchase = await alice.signOrder({
        tokenSell: 'ETH', tokenBuy: id, amount: eth('0.25'), ratio: zksync.utils.tokenRatio({ [id]: 1, ETH: '0.25' }),
      });
      const before = await balance(bob);
      await (await alice.syncSwap({ orders: [sale, purchase], feeToken: 'ETH' })).awaitReceipt();
      assert.equal((await balance(bob)).toString(), before.add(eth('0.25')).toString());
      assert.equal(await provider.getNFTOwner(id), await alice.getAccountId());

      await (await alice.withdrawNFT({ to: alice.address(), token: id, feeToken: 'ETH' })).awaitReceipt();
      assert.equal(await alice.getNFT(id), undefined);
      assert.equal((await alice.getAccountState()).committed.mintedNfts[id].id, id);
      assert.equal(await provider.getNFTOwner(id), null);
    });

    test('withdraws an NFT fast', async () => {
      const mint = await alice.mintNFT({ recipient: bob.address(), contentHash: CONTENT, feeToken: 'DAI' });
      await mint.awaitReceipt();
      const id = await provider.getNFTIdByTxHash(mint.txHash);
      await (await bob.withdrawNFT({ to: bob.address(), token: id, feeToken: 'ETH', fastProcessing: true })).awaitReceipt();
    });

    test('knows no NFT that was not minted', async () => {
      await assert.rejects(provider.getNFT(65536 + 5000), /doesn't exist/);
      assert.equal(await provider.getNFTOwner(65536 + 5000), null);
      const transfer = await alice.syncTransfer({ to: bob.address(), token: 'ETH', amount: 1 });
      await transfer.awaitReceipt();
      assert.equal(await provider.getNFTIdByTxHash(transfer.txHash), null);
    });

    test('swaps by orders with amounts', async () => {
      const ratio = zksync.utils.tokenRatio({ ETH: 1, DAI: 2 });
      const orders = [
        await alice.signOrder({ tokenSell: 'ETH', tokenBuy: 'DAI', amount: eth('1'), ratio }),
        await bob.signOrder({ tokenSell: 'DAI', tokenBuy: 'ETH', amount: eth('2'), ratio }),
      ];
      const before = [await balance(alice, 'DAI'), await balance(bob, 'DAI')];
      const nonces = [await alice.getNonce(), await bob.getNonce()];
      await (await alice.syncSwap({ orders, feeToken: 'ETH' })).awaitReceipt();
      assert.equal((await balance(alice, 'DAI')).sub(before[0]).toString(), eth('2').toString());
      assert.equal(before[1].sub(await balance(bob, 'DAI')).toString(), eth('2').toString());
      assert.deepEqual([await alice.getNonce(), await bob.getNonce()], [nonces[0] + 1, nonces[1] + 1]);
    });

    test('fills limit orders more than once', async () => {
      const submitter = await devnet.wallet(provider);
      const ratio = zksync.utils.weiRatio({ ETH: 1, DAI: 3 });
      const orders = [
        await alice.signLimitOrder({ tokenSell: 'ETH', tokenBuy: 'DAI', ratio }),
        await bob.signLimitOrder({ tokenSell: 'DAI', tokenBuy: 'ETH', ratio }),
      ];
      const before = await balance(alice, 'DAI');
      const nonce = await bob.getNonce();
      for (const amount of [1_000_000, 2_000_000]) {
        await (await submitter.syncSwap({ orders, feeToken: 'ETH', amounts: [amount, 3 * amount] })).awaitReceipt();
      }
      assert.equal((await balance(alice, 'DAI')).sub(before).toString(), '9000000');
      assert.equal(await bob.getNonce(), nonce);
    });

    test('transfers to many at once', async () => {
      const nonce = await alice.getNonce();
      const recipients = [bob.address(), address(), address()];
      const transfers = [];
      for (const to of recipients) transfers.push({ to, token: 'DAI', amount: eth('1'), fee: await fee('Transfer', to, 'DAI') });
      const sent = await alice.syncMultiTransfer(transfers);
      assert.equal(sent.length, 3);
      const receipts = [];
      for (const transaction of sent) receipts.push(await transaction.awaitReceipt());
      assert.equal(new Set(receipts.map((receipt) => receipt.block.blockNumber)).size, 1);
      assert.equal((await provider.getState(recipients[2])).committed.balances.DAI, eth('1').toString());
      assert.equal(await alice.getNonce(), nonce + 3);
    });

    test('builds a batch of every kind, whose last member pays', async () => {
      const wallet = await devnet.locked(provider, { ETH: eth('5'), DAI: eth('10') });
      const target = address();
      await devnet.deposit(target, 'DAI', eth('1'));
      const ratio = zksync.utils.tokenRatio({ ETH: 1, DAI: 2 });
      const orders = [
        await alice.signLimitOrder({ tokenSell: 'ETH', tokenBuy: 'DAI', ratio }),
        await bob.signLimitOrder({ tokenSell: 'DAI', tokenBuy: 'ETH', ratio }),
      ];
      const batch = await wallet
        .batchBuilder()
        .addChangePubKey({ feeToken: 'ETH', ethAuthType: 'ECDSA' })
        .addTransfer({ to: address(), token: 'DAI', amount: eth('1') })
        .addWithdraw({ ethAddress: wallet.address(), token: 'ETH', amount: 77 })
        .addForcedExit({ target, token: 'DAI' })
        .addMintNFT({ recipient: wallet.address(), contentHash: CONTENT, feeToken: 'DAI' })
        .addSwap({ orders, amounts: [1000, 2000], feeToken: 'DAI' })
        .build('ETH');
      assert.equal(batch.txs.length, 7);
      const sent = await zksync.wallet.submitSignedTransactionsBatch(provider, batch.txs, [batch.signature]);
      for (const transaction of sent) await transaction.awaitReceipt();
      assert.equal(await wallet.isCorrespondingSigningKeySet(), true);
      assert.equal(await wallet.getNonce(), 7);
      const minted = Object.values((await wallet.getAccountState()).committed.nfts);
      assert.equal(minted.length, 1);

      const withdrawal = await wallet.batchBuilder()
        .addWithdrawNFT({ to: wallet.address(), token: minted[0].id, feeToken: 'ETH' })
        .build('ETH');
      const [exit] = await zksync.wallet.submitSignedTransactionsBatch(provider, withdrawal.txs, withdrawal.signature);
      await exit.awaitReceipt();
    });

    test('submits a signed transaction', async () => {
      const signed = await alice.signSyncTransfer({
        to: bob.address(), token: 'ETH', amount: 5, fee: await fee('Transfer', bob.address()), nonce: await alice.getNonce(),
      });
      const transaction = await zksync.wallet.submitSignedTransaction(signed, provider);
      await transaction.awaitReceipt();
      const hash = await zksync.utils.getTxHash(signed.tx);
      assert.equal(transaction.txHash.replace('0x', 'sync-tx:'), hash);
    });

    test('shows receipts from unknown to verified', async () => {
      const unknown = await provider.getTxReceipt(`sync-tx:${'ab'.repeat(32)}`);
      assert.equal(unknown.executed, false);
      const transfer = await alice.syncTransfer({ to: bob.address(), token: 'ETH', amount: 5 });
      const committed = await provider.notifyTransaction(transfer.txHash, 'COMMIT');
      assert.equal(committed.success, true);
      assert.ok(committed.block.blockNumber > 0);
      const verified = await transfer.awaitVerifyReceipt();
      assert.equal(verified.block.verified, true);
      assert.equal(verified.block.blockNumber, committed.block.blockNumber);
      const again = await provider.getTxReceipt(transfer.txHash);
      assert.equal(again.block.verified, true);
    });

    test('follows a deposit and a full exit', async () => {
      const to = address();
      const deposit = await devnet.own('deposits', { to, token: 'USDC', amount: '5000000' });
      const key = kind === 'RPC' ? deposit.serialId : deposit.ethHash;
      const committed = await provider.notifyPriorityOp(key, 'COMMIT');
      assert.equal(committed.executed, true);
      assert.equal((await provider.getState(to)).committed.balances.USDC, '5000000');
      const verified = await provider.notifyPriorityOp(key, 'VERIFY');
      assert.equal(verified.block.verified, true);
      assert.equal((await provider.getPriorityOpStatus(key)).block.verified, true);
      if (kind === 'REST') {
        const byOwnHash = await provider.txStatus(deposit.txHash);
        assert.deepEqual(byOwnHash, await provider.txStatus(deposit.ethHash));
        assert.equal(byOwnHash.id, deposit.serialId);
      }

      const { id } = await provider.getState(to);
      const exit = await devnet.own('full_exits', { accountId: id, token: 'USDC' });
      await provider.notifyPriorityOp(kind === 'RPC' ? exit.serialId : exit.ethHash, 'COMMIT');
      assert.equal((await provider.getState(to)).committed.balances.USDC, undefined);
      assert.equal(exit.serialId > deposit.serialId, true);
    });

    test('switches the second factor off and on', async () => {
      const wallet = await devnet.wallet(provider);
      const unsigned = async () => {
        const signed = await wallet.signSyncTransfer({
          to: bob.address(), token: 'ETH', amount: 1, fee: await fee('Transfer', bob.address()), nonce: await wallet.getNonce(),
        });
        return provider.submitTx(signed.tx);
      };
      await refused(unsigned(), { rpc: 200, rest: 605 });
      assert.equal(await wallet.toggle2FA(false), true);
      assert.deepEqual((await wallet.getAccountState()).accountType, { No2FA: null });
      await provider.notifyTransaction(await unsigned(), 'COMMIT');
      assert.equal(await wallet.toggle2FA(true), true);
      assert.equal((await wallet.getAccountState()).accountType, 'Owned');
      await refused(unsigned(), { rpc: 200, rest: 605 });
      const hash = await wallet.syncSignerPubKeyHash();
      assert.equal(await wallet.toggle2FA(false, hash), true);
      assert.deepEqual((await wallet.getAccountState()).accountType, { No2FA: hash });
      await provider.notifyTransaction(await unsigned(), 'COMMIT');
      await refused(wallet.toggle2FA(true, hash), { rpc: 304, rest: 608 });
    });

    test('quotes packable fees of every kind', async () => {
      const kinds = [
        'Transfer', 'Withdraw', 'FastWithdraw', 'ForcedExit', 'MintNFT', 'WithdrawNFT', 'FastWithdrawNFT', 'Swap',
        ...['Onchain', 'ECDSA', 'CREATE2', 'EIP712'].map((ChangePubKey) => ({ ChangePubKey })),
        ...[true, false].map((onchainPubkeyAuth) => ({ ChangePubKey: { onchainPubkeyAuth } })),
      ];
      for (const token of ['ETH', 'USDC', 0, ZERO]) {
        for (const type of kinds) {
          const quoted = await provider.getTransactionFee(type, alice.address(), token);
          const { totalFee } = quoted;
          assert.ok(closestPackableTransactionFee(totalFee).eq(totalFee), `${JSON.stringify(type)} ${totalFee}`);
          if (kind === 'RPC') {
            const shown = { ForcedExit: 'Withdraw' }[type] ?? type;
            if (typeof type === 'string') assert.equal(quoted.feeType, shown);
          }
        }
        const batch = await provider.getTransactionsBatchFee(['Transfer', 'Withdraw', 'MintNFT'], [address(), ZERO, ZERO], token);
        assert.ok(closestPackableTransactionFee(batch).eq(batch), `${batch}`);
        assert.ok((await provider.getTokenPrice(token)) > 0);
      }
      await refused(provider.getTransactionFee('Transfer', alice.address(), 'NONE'), { rpc: 105, rest: 606 });
      await refused(provider.getTokenPrice('NONE'), { rpc: -32603, rest: 500 });
    });
  });
}

describe('the REST provider alone', () => {
  let provider;
  let alice;
  let transfer;
  let batch;

  before(async () => {
    provider = await devnet.provider('REST');
    alice = await devnet.wallet(provider);
    transfer = await alice.syncTransfer({ to: address(), token: 'ETH', amount: 5 });
    await transfer.awaitReceipt();
    const to = address();
    const { totalFee: fee } = await provider.getTransactionFee('Transfer', to, 'ETH');
    const built = await alice.batchBuilder()
      .addTransfer({ to, token: 'ETH', amount: 6, fee })
      .addTransfer({ to, token: 'ETH', amount: 7, fee })
      .build();
    batch = await provider.submitTxsBatchNew(
      built.txs.map(({ tx, ethereumSignature }) => ({ tx, signature: ethereumSignature })), [built.signature],
    );
    await provider.notifyTransaction(batch.transactionHashes[1], 'VERIFY');
  });

  test('shows accounts by id and by address', async () => {
    const id = await alice.getAccountId();
    const full = await provider.accountFullInfo(id);
    assert.deepEqual(full.committed, (await provider.accountFullInfo(alice.address())).committed);
    assert.equal(full.committed.accountId, id);
    assert.ok(full.committed.lastUpdateInBlock > 0);
    assert.deepEqual(await provider.accountInfo(id, 'committed'), full.committed);
    assert.equal((await provider.accountInfo(alice.address(), 'finalized')).accountId, id);
    assert.equal(await provider.accountInfo(address(), 'committed'), null);
    assert.equal(await provider.accountInfo(16_000_000, 'committed'), null);
    await refused(provider.accountFullInfo(16_000_000), { rest: 204 });
    await refused(provider.accountFullInfo('nobody'), { rest: 203 });
  });

  test('pages the transactions of an account', async () => {
    const newest = await provider.accountTxs(alice.address(), { from: 'latest', limit: 100, direction: 'older' });
    assert.deepEqual(newest.list.map((item) => item.op.type), ['Transfer', 'Transfer', 'Transfer', 'ChangePubKey', 'Deposit']);
    assert.equal(newest.pagination.count, 5);
    assert.equal(newest.list[0].batchId, newest.list[1].batchId);
    assert.equal(newest.list[3].batchId, null);
    const oldest = newest.list.at(-1);
    assert.equal(oldest.op.amount, eth('10').toString());
    const rising = await provider.accountTxs(alice.address(), { from: oldest.txHash, limit: 2, direction: 'newer' });
    assert.deepEqual(rising.list.map((item) => item.op.type), ['Deposit', 'ChangePubKey']);
    assert.equal(rising.pagination.from, oldest.txHash);
    const dai = await provider.accountTxs(alice.address(), { from: 'latest', limit: 9, direction: 'older' }, 'DAI');
    assert.deepEqual(dai.list, []);
    const { to } = (await provider.txData(transfer.txHash)).tx.op;
    const both = await provider.accountTxs(alice.address(), { from: 'latest', limit: 9, direction: 'older' }, undefined, to);
    assert.deepEqual(both.list.map((item) => item.txHash), [transfer.txHash]);
    const pending = await provider.accountPendingTxs(alice.address(), { from: 'latest', limit: 9, direction: 'older' });
    assert.deepEqual([pending.list, pending.pagination.from, pending.pagination.count], [[], 0, 0]);
    await refused(provider.accountTxs(alice.address(), { from: 'latest', limit: 101, direction: 'older' }), { rest: 206 });
    await refused(provider.accountTxs(alice.address(), { from: 'x', limit: 9, direction: 'older' }), { rest: 207 });
    await refused(provider.accountTxs(alice.address(), { from: `0x${'ab'.repeat(32)}`, limit: 9, direction: 'older' }), { rest: 205 });
  });

  test('pages blocks and their transactions', async () => {
    const status = await provider.networkStatus();
    const last = status.lastCommitted;
    assert.ok(last > 1 && status.finalized <= last && status.totalTransactions > 0);
    assert.equal(status.mempoolSize, 0);
    const page = await provider.blockPagination({ from: 'latest', limit: 2, direction: 'older' });
    assert.ok(page.list[0].blockNumber >= last && page.list[1].blockNumber === page.list[0].blockNumber - 1);
    assert.equal(page.pagination.count, page.pagination.from);
    const first = await provider.blockByPosition(1);
    assert.equal(first.blockNumber, 1);
    assert.match(first.newStateRoot, /^[0-9a-f]{64}$/);
    assert.ok((await provider.blockByPosition('lastCommitted')).blockNumber >= last);
    assert.equal((await provider.blockByPosition('lastFinalized')).status, 'finalized');
    assert.equal(await provider.blockByPosition(1_000_000), null);
    await refused(provider.blockByPosition('first'), { rest: 202 });

    const { rollupBlock } = await provider.txStatus(transfer.txHash);
    const listed = await provider.blockTransactions(rollupBlock, { from: 'latest', limit: 100, direction: 'older' });
    assert.ok(listed.list.some((item) => item.txHash === transfer.txHash));
    assert.ok(listed.list.every((item) => item.blockNumber === rollupBlock));
    const { blockIndex } = (await provider.txData(transfer.txHash)).tx;
    const one = await (await fetch(`${provider.address}/blocks/${rollupBlock}/transactions/${blockIndex}`)).json();
    assert.equal(one.result.tx.txHash, transfer.txHash);
  });

  test('shows a transaction, its data and its batch', async () => {
    const receipt = await provider.txStatus(transfer.txHash);
    assert.deepEqual(Object.keys(receipt).sort(), ['failReason', 'rollupBlock', 'status', 'txHash']);
    const data = await provider.txData(transfer.txHash);
    assert.match(data.ethSignature, /^0x[0-9a-f]{130}$/);
    assert.equal(data.tx.op.type, 'Transfer');
    assert.equal(data.tx.op.amount, '5');
    assert.equal(await provider.txData(`0x${'ab'.repeat(32)}`), null);
    const colon = await provider.txStatus(transfer.txHash.replace('0x', 'sync-tx:'));
    assert.equal(colon.txHash, receipt.txHash);
    const shown = await provider.getBatch(batch.batchHash);
    assert.deepEqual(shown.transactionHashes, batch.transactionHashes);
    assert.equal(shown.batchStatus.lastState, 'finalized');
    assert.equal(await provider.getBatch(`0x${'ab'.repeat(32)}`), null);
  });

  test('shows configuration and tokens', async () => {
    const config = await provider.config();
    assert.equal(config.network, 'localhost');
    assert.equal(config.depositConfirmations, 0);
    assert.equal(config.zksyncVersion, 'contractV4');
    const page = await provider.tokenPagination({ from: 0, limit: 2, direction: 'newer' });
    assert.deepEqual(page.list.map((token) => token.symbol), ['ETH', 'DAI']);
    const latest = await provider.tokenPagination({ from: 'latest', limit: 1, direction: 'older' });
    assert.equal(latest.list[0].id, latest.pagination.from);
    const usdc = await provider.tokenInfo('USDC');
    assert.deepEqual(await provider.tokenInfo(usdc.id), usdc);
    assert.deepEqual(await provider.tokenInfo(usdc.address), usdc);
    assert.equal(usdc.enabledForFees, true);
    await refused(provider.tokenInfo('NONE'), { rest: 500 });
    const price = await provider.tokenPriceInfo('USDC', 'usd');
    assert.equal(price.priceIn, 'usd');
    assert.ok(Number(price.price) > 0);
    assert.equal(Number((await provider.tokenPriceInfo('ETH', '0')).price), 1);
    await refused(provider.tokenPriceInfo('ETH', 'eur'), { rest: 201 });
    await refused(provider.getNFTOwner(5), { rest: 208 });
  });
});
