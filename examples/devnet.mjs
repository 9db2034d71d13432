// A first transfer with the official SDK. Start a devnet with `witness-server devnet`, then:
//
//     npm install zksync@0.13.1 ethers@5 && node devnet.mjs

import { ethers } from 'ethers';
import * as zksync from 'zksync';

// The first funded account of every devnet. Its key is public.
const KEY = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';

const rpc = process.env.DEVNET_RPC_URL ?? 'http://127.0.0.1:3030';
const provider = await zksync.Provider.newHttpProvider(rpc, 100, 'localhost').catch((error) => {
  console.error(`no devnet answers at ${rpc} (${error.message}): start one with \`witness-server devnet\``);
  process.exit(1);
});
const alice = await zksync.Wallet.fromEthSigner(new ethers.Wallet(KEY), provider);
if (!(await alice.isSigningKeySet())) {
  const change = await alice.setSigningKey({ feeToken: 'ETH', ethAuthType: 'ECDSA' });
  await change.awaitReceipt();
}

const bob = ethers.Wallet.createRandom().address;
const transfer = await alice.syncTransfer({ to: bob, token: 'DAI', amount: ethers.utils.parseEther('1.5') });
const receipt = await transfer.awaitReceipt();
console.log(`committed in block ${receipt.block.blockNumber}: ${transfer.txHash}`);
const { committed } = await provider.getState(bob);
console.log(`${bob} has ${ethers.utils.formatEther(committed.balances.DAI)} DAI`);
await transfer.awaitVerifyReceipt();
console.log('verified: the block is proven');
