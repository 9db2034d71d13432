// Requests that no SDK sends: each gets an answer that says what is wrong, and changes nothing.

import { before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import * as zksync from 'zksync';
import { connect } from 'node:net';
import { eth, refused, start } from './support.mjs';

const devnet = await start('--finality', 'instant', '--mempool-limit', '5');
const ADDRESS = `0x${'ab'.repeat(20)}`;
const HASH = `sync-tx:${'ab'.repeat(32)}`;

describe('JSON-RPC', () => {
  const code = async (body) => {
    const { status, body: answer } = await devnet.post(body);
    assert.equal(status, 200);
    assert.equal('result' in answer, false, JSON.stringify(answer));
    return answer.error.code;
  };

  test('text that is not JSON, and JSON that is no call', async () => {
    for (const text of ['', '{', 'nothing', '[1,', '\u0000', '{"jsonrpc":"2.0","id":1,"method":"tokens"']) {
      assert.equal(await code(text), -32700, text);
    }
    for (const body of [[], 1, null, 'text', {}, { jsonrpc: '2.0', id: 1 }, { id: 1, method: 'tokens' }, { jsonrpc: '2.0', id: {}, method: 'tokens' }]) {
      assert.equal(await code(JSON.stringify(body)), -32600, JSON.stringify(body));
    }
    assert.equal(await code(`${'['.repeat(100_000)}${']'.repeat(100_000)}`), -32700);
  });

  test('unknown methods and wrong arguments', async () => {
    const call = async (method, params) => (await devnet.call(method, params)).error?.code;
    for (const method of ['', 'nothing', 'Tokens', 'eth_chainId', 'tx_subscribe', '__proto__']) {
      assert.equal(await call(method, []), -32601, method);
    }
    for (const [method, params] of [
      ['tokens', [1]], ['tokens', { a: 1 }], ['tokens', 'x'],
      ['account_info', []], ['account_info', [null]], ['account_info', [7]], ['account_info', ['0x12']], ['account_info', [ADDRESS, 1]],
      ['tx_info', ['ab']], ['tx_info', [HASH.slice(0, -1)]], ['ethop_info', [-1]], ['ethop_info', ['1']], ['ethop_info', [1.5]],
      ['get_tx_fee', ['Fly', ADDRESS, 'ETH']], ['get_tx_fee', ['Transfer', ADDRESS]], ['get_tx_fee', ['Transfer', ADDRESS, null]],
      ['get_tx_fee', [{ ChangePubKey: 'Magic' }, ADDRESS, 0]], ['get_txs_batch_fee_in_wei', ['Transfer', ADDRESS, 0]],
      ['get_nft', ['x']], ['get_nft', [2 ** 40]], ['get_nft_owner', [null]], ['get_nft_id_by_tx_hash', [1]],
      ['tx_submit', []], ['tx_submit', [{}]], ['tx_submit', [{ type: 'Transfer' }]], ['tx_submit', [[1]]], ['tx_submit', ['x', null, 'yes']],
      ['submit_txs_batch', [{}]], ['submit_txs_batch', [[1]]], ['submit_txs_batch', [[], 'x']],
      ['toggle_2fa', [{}]], ['toggle_2fa', [{ enable: 1 }]],
    ]) {
      assert.equal(await call(method, params), -32602, `${method} ${JSON.stringify(params)}`);
    }
    assert.equal(await call('get_txs_batch_fee_in_wei', [['Transfer'], [], 'ETH']), 103);
    assert.equal(await call('submit_txs_batch', [[]]), 300);
  });

  test('lists of calls and notifications', async () => {
    const call = (id, method) => ({ jsonrpc: '2.0', id, method });
    const { body } = await devnet.post([call(1, 'get_zksync_version'), call('two', 'nothing'), { jsonrpc: '2.0', method: 'tokens' }, 5]);
    assert.deepEqual(body.map((answer) => answer.id), [1, 'two', null]);
    assert.equal(body[0].result, 'contracts-6');
    assert.deepEqual(body.slice(1).map((answer) => answer.error.code), [-32601, -32600]);
    const notification = await devnet.post({ jsonrpc: '2.0', method: 'tokens' });
    assert.deepEqual([notification.status, notification.body], [204, undefined]);
    assert.equal(await code(new Array(1001).fill(call(1, 'tokens'))), -32600);
  });

  test('bodies that are too long', async () => {
    assert.equal(await code(JSON.stringify({ text: 'x'.repeat(2 ** 20) })), -32600);
    const response = await fetch(`${devnet.rest}/api/v0.2/transactions`, { method: 'POST', body: 'x'.repeat(2 ** 20 + 1) });
    assert.equal(response.status, 413);
  });

  test('other methods of HTTP', async () => {
    assert.equal((await fetch(devnet.rpc)).status, 405);
    assert.equal((await fetch(devnet.rpc, { method: 'DELETE' })).status, 405);
    const preflight = await fetch(devnet.rpc, { method: 'OPTIONS', headers: { origin: 'https://example.com', 'access-control-request-method': 'POST' } });
    assert.equal(preflight.headers.get('access-control-allow-origin'), '*');
  });

  test('bytes that are no HTTP', async () => {
    for (const bytes of ['\u0000\u0001\u0002\r\n\r\n', 'GET\r\n\r\n', 'POST / HTTP/1.1\r\ncontent-length: -5\r\n\r\n']) {
      const { hostname, port } = new URL(devnet.rpc);
      const answer = await new Promise((resolve, reject) => {
        const socket = connect(Number(port), hostname, () => socket.end(bytes));
        let text = '';
        socket.setEncoding('latin1').on('data', (more) => { text += more; });
        socket.on('end', () => resolve(text)).on('error', reject);
      });
      assert.ok(answer === '' || answer.startsWith('HTTP/1.1 400'), answer);
    }
    assert.equal((await devnet.call('get_zksync_version', [])).result, 'contracts-6');
  });
});

describe('REST', () => {
  const get = async (path) => {
    const response = await fetch(`${devnet.rest}/api/v0.2${path}`);
    const body = response.headers.get('content-type') === 'application/json' ? await response.json() : null;
    return response.status === 200 ? body.error?.code ?? 'success' : response.status;
  };
  const post = async (path, body) => {
    const response = await fetch(`${devnet.rest}/api/v0.2${path}`, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) });
    return response.status;
  };

  test('paths and queries that cannot be read', async () => {
    for (const [path, expected] of [
      ['/nothing', 404], ['/blocks/x', 202], ['/blocks/-1', 202], ['/blocks/99999999999', 202], ['/blocks/1/transactions/x', 400],
      ['/blocks', 400], ['/blocks?from=1', 400], ['/blocks?from=1&limit=0&direction=newer', 400], ['/blocks?from=1&limit=1&direction=up', 400],
      ['/blocks?from=x&limit=1&direction=newer', 207], ['/blocks?from=1&limit=101&direction=newer', 206],
      ['/accounts/x', 203], ['/accounts/%00', 203], ['/accounts/16777300', 204], [`/accounts/${ADDRESS}`, 'success'],
      [`/accounts/${ADDRESS}/transactions?from=latest&limit=1&direction=newer&token=NONE`, 500],
      [`/accounts/${ADDRESS}/transactions?from=latest&limit=1&direction=newer&secondAccount=x`, 203],
      ['/transactions/x', 400], [`/transactions/${HASH}`, 'success'], ['/tokens/NONE', 500], ['/tokens/ETH/priceIn/x', 201], ['/tokens/ETH/priceIn/900', 300],
      ['/tokens/nft/1', 208], ['/tokens/nft/x', 400], ['/tokens/nft/70000', 'success'], ['/tokens/nft_id_by_tx_hash/x', 400],
    ]) {
      assert.equal(await get(path), expected, path);
    }
  });

  test('bodies that are not the expected JSON', async () => {
    for (const path of ['/fee', '/fee/batch', '/transactions', '/transactions/batches', '/transactions/toggle2FA']) {
      for (const body of ['', '{', '[]', '1', '{"tx":{}}', '{"txs":[{}]}']) assert.equal(await post(path, body), 400, `${path} ${body}`);
    }
    assert.equal(await post('/config', {}), 405);
  });
});

describe('transactions', () => {
  let provider;
  let alice;
  let fee;

  before(async () => {
    provider = await devnet.provider('RPC');
    alice = await devnet.wallet(provider);
    fee = (await provider.getTransactionFee('Transfer', ADDRESS, 'ETH')).totalFee;
  });

  const signed = async (nonce, changes = {}) =>
    alice.signSyncTransfer({ to: ADDRESS, token: 'ETH', amount: 1, fee, nonce, ...changes });

  test('fields of the wrong type or out of range', async () => {
    const good = await signed(await alice.getNonce());
    const before = (await alice.getAccountState()).committed;
    for (const changes of [
      { accountId: -1 }, { accountId: 2 ** 32 }, { accountId: '1' }, { from: 'x' }, { to: null }, { token: 'ETH' }, { token: 2 ** 32 },
      { amount: '-1' }, { amount: 'x' }, { amount: {} }, { fee: null }, { nonce: -1 }, { nonce: 2 ** 32 },
      { signature: null }, { signature: { pubKey: '00', signature: '00' } }, { type: 'Fly' }, { type: null },
    ]) {
      const answer = await devnet.call('tx_submit', [{ ...good.tx, ...changes }, good.ethereumSignature]);
      assert.equal(answer.error?.code, -32602, `${JSON.stringify(changes)} ${JSON.stringify(answer)}`);
    }
    for (const signature of [7, 'x', {}, { type: 'EthereumSignature' }, { type: 'Other', signature: '0x' }, [], [null]]) {
      const answer = await devnet.call('tx_submit', [good.tx, signature]);
      assert.equal(answer.error?.code, -32602, JSON.stringify(signature));
    }
    assert.deepEqual((await alice.getAccountState()).committed, before);
    // Unknown keys are no reason: the SDK sends some itself.
    const { result } = await devnet.call('tx_submit', [{ ...good.tx, surprise: [1, { a: 2 }] }, good.ethereumSignature]);
    assert.match(result, /^sync-tx:/);
    await provider.notifyTransaction(result, 'COMMIT');
  });

  test('the same transaction many times at once is executed once', async () => {
    const nonce = await alice.getNonce();
    const before = await alice.getBalance('ETH');
    const { tx, ethereumSignature } = await signed(nonce);
    const answers = await Promise.all(Array.from({ length: 20 }, () => devnet.call('tx_submit', [tx, ethereumSignature])));
    const hashes = new Set(answers.map((answer) => answer.result).filter(Boolean));
    assert.equal(hashes.size, 1);
    for (const answer of answers) if (answer.error) assert.equal(answer.error.code, 101);
    assert.equal((await provider.notifyTransaction([...hashes][0], 'COMMIT')).success, true);
    assert.equal(await alice.getNonce(), nonce + 1);
    assert.equal((await alice.getBalance('ETH')).toString(), before.sub(fee).sub(1).toString());
  });

  test('a full mempool says so, and has room again after the transactions', async () => {
    const nonce = await alice.getNonce();
    const { time } = await devnet.own('time', undefined, { method: 'GET' });
    const validFrom = time + 1000;
    for (let i = 0; i < 5; i += 1) {
      const { tx, ethereumSignature } = await signed(nonce + i, { validFrom });
      await provider.submitTx(tx, ethereumSignature);
    }
    const more = await signed(nonce + 5, { validFrom });
    await refused(provider.submitTx(more.tx, more.ethereumSignature), { rpc: 300, text: /mempool is full/i });
    await devnet.own('time', { advance: 2000 });
    const last = await signed(nonce + 4, { validFrom });
    await provider.notifyTransaction(await zksync.utils.getTxHash(last.tx), 'COMMIT');
    await provider.notifyTransaction(await provider.submitTx(more.tx, more.ethereumSignature), 'COMMIT');
    assert.equal(await alice.getNonce(), nonce + 6);
  });
});

test('the state survives a kill, and what was acknowledged is executed once', async () => {
  const { mkdtempSync, rmSync } = await import('node:fs');
  const folder = mkdtempSync('devnet-');
  try {
    let running = await start('--data-dir', folder);
    let provider = await running.provider('RPC');
    const alice = await running.wallet(provider);
    const fee = (await provider.getTransactionFee('Transfer', ADDRESS, 'ETH')).totalFee;
    const nonce = await alice.getNonce();
    const sent = [];
    for (let i = 0; i < 10; i += 1) {
      const { tx, ethereumSignature } = await alice.signSyncTransfer({ to: ADDRESS, token: 'ETH', amount: 1, fee, nonce: nonce + i });
      sent.push(await provider.submitTx(tx, ethereumSignature));
    }
    running.child.kill('SIGKILL');
    await new Promise((resolve) => { running.child.on('close', resolve); });
    running = await start('--data-dir', folder);
    provider = await running.provider('RPC');
    alice.connect(provider);
    for (const hash of sent) assert.equal((await provider.notifyTransaction(hash, 'COMMIT')).success, true);
    assert.equal(await alice.getNonce(), nonce + 10);
    assert.equal((await provider.getState(ADDRESS)).committed.balances.ETH, '10');
    assert.ok((await alice.getBalance('ETH')).lt(eth('10')));
    running.child.kill('SIGKILL');
    await new Promise((resolve) => { running.child.on('close', resolve); });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
