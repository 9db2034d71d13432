//! The checks of a batch (docs/protocol/07-execution.md §11.2).

use std::collections::{BTreeMap, HashSet};

use num_bigint::BigUint;

use super::context::Admission;
use super::facts::{CHAIN_ID, Facts, authorisation, has_message};
use super::signatures::signer;
use crate::devnet::fees::{ChangePubKeyKind, Fee, is_enough};
use crate::devnet::ledger::AccountType;
use crate::devnet::requests::EthSignatures;
use crate::devnet::submit_error::SubmitError;
use crate::devnet::tokens::Token;
use crate::domain::{Address, SignedZkSyncTx, TokenId, TxEthSignature, ZkSyncTx};
use crate::execution::ethereum::{batch_messages, legacy_batch_message};
use crate::execution::{VerifiedTx, complete};

/// Largest number of transactions of a batch.
const MAX_TRANSACTIONS: usize = 200;
/// Largest number of Ethereum signatures of a batch.
const MAX_SIGNATURES: usize = 10;

/// The transactions of an admitted batch, as a block shows them.
pub(in crate::devnet) type AdmittedBatch = Vec<VerifiedTx>;

/// A transaction of a batch.
struct Member {
    tx: ZkSyncTx,
    facts: Facts,
    sender: Address,
    account_type: AccountType,
    signatures: EthSignatures,
}

impl Admission<'_> {
    /// Checks a batch; `signatures` are those of the whole batch.
    pub(in crate::devnet) fn batch(
        &self,
        txs: Vec<(ZkSyncTx, EthSignatures)>,
        signatures: &[TxEthSignature],
    ) -> Result<AdmittedBatch, SubmitError> {
        if txs.is_empty() {
            return Err(SubmitError::EmptyBatch);
        }
        if txs.len() > MAX_TRANSACTIONS {
            return Err(SubmitError::BatchTooLarge);
        }
        if signatures.len() > MAX_SIGNATURES {
            return Err(SubmitError::TooManyEthSignatures);
        }
        let facts = txs.iter().map(|(tx, _)| Facts::of(tx).ok_or(SubmitError::CloseDisabled));
        let facts = facts.collect::<Result<Vec<_>, _>>()?;
        let chunks = self.batch_chunks(&facts);
        self.check_batch_fees(&facts, chunks)?;
        for (tx, signatures) in &txs {
            self.check_orders(tx, signatures)?;
        }
        let members = self.members(txs, facts)?;
        self.check_batch_signatures(&members, signatures)?;
        let admitted = self.verify_members(members)?;
        match chunks > self.largest_block as u128 {
            true => Err(SubmitError::BatchTooLarge),
            false => Ok(admitted),
        }
    }

    /// Returns the number of chunks of a batch: a recipient that is new counts once as new.
    fn batch_chunks(&self, all: &[Facts]) -> u128 {
        let mut created = HashSet::new();
        let mut sum = 0;
        for facts in all {
            let chunks = self.chunks(facts);
            let is_new = chunks != facts.kind.resolved(true).chunks();
            let again = is_new && !created.insert(facts.recipient);
            sum += if again { facts.kind.resolved(true).chunks() } else { chunks };
        }
        sum
    }

    /// Checks that the fees together are enough for all chunks.
    fn check_batch_fees(&self, all: &[Facts], chunks: u128) -> Result<(), SubmitError> {
        let mut offered: BTreeMap<TokenId, u128> = BTreeMap::new();
        for facts in all.iter().filter(|facts| facts.fee > 0) {
            self.fee_token(facts.fee_token).map_err(|_| SubmitError::FeeToken)?;
            let sum = offered.entry(facts.fee_token).or_default();
            *sum = sum.saturating_add(facts.fee);
        }
        let enough = match offered.len() {
            // Nothing is enough only if nothing is required.
            0 => Fee::of(self.fee_token(TokenId(0))?, chunks, None).total == 0,
            1 => offered.iter().try_fold(true, |_, (token, sum)| {
                let token = self.fee_token(*token)?;
                Ok::<_, SubmitError>(is_enough(*sum, Fee::of(token, chunks, None).total))
            })?,
            // The price of a chunk is fixed in each token, so fees in several tokens pay for chunks
            // each.
            _ => {
                let mut paid = BigUint::from(0u8);
                for (token, amount) in &offered {
                    paid += chunks_paid(self.fee_token(*token)?, *amount, chunks);
                }
                is_enough_of(&paid, chunks)
            }
        };
        if enough { Ok(()) } else { Err(SubmitError::BatchFeeTooLow) }
    }

    /// Completes the transactions and looks their senders up.
    fn members(
        &self,
        txs: Vec<(ZkSyncTx, EthSignatures)>,
        facts: Vec<Facts>,
    ) -> Result<Vec<Member>, SubmitError> {
        let mut created: HashSet<Address> = HashSet::new();
        let mut members = Vec::with_capacity(txs.len());
        for ((mut tx, signatures), facts) in txs.into_iter().zip(facts) {
            complete(&mut tx, CHAIN_ID);
            self.check_token(facts.fee_token)?;
            let sender = self.sender(&facts)?;
            let account_type = match created.contains(&sender) {
                true => AccountType::Create2,
                false => self.account_type(&sender),
            };
            if let ZkSyncTx::ChangePubKey(change) = &tx
                && authorisation(change) == ChangePubKeyKind::CREATE2
            {
                created.insert(sender);
            }
            members.push(Member { tx, facts, sender, account_type, signatures });
        }
        Ok(members)
    }

    /// Checks the signatures of the whole batch: one of each sender, if there are any.
    fn check_batch_signatures(
        &self,
        members: &[Member],
        signatures: &[TxEthSignature],
    ) -> Result<(), SubmitError> {
        let signed = !signatures.is_empty();
        if signed && members.iter().any(|member| member.account_type == AccountType::Create2) {
            return Err(SubmitError::Create2Signature);
        }
        for member in members.iter().filter(|member| has_message(&member.tx)) {
            match Self::expected(member.account_type, &member.facts.signature, member.signatures.sender()) {
                Err(SubmitError::MissingEthSignature) if signed => {}
                other => drop(other?),
            }
        }
        if !signed {
            return Ok(());
        }
        let signed_by = self.batch_signers(members, signatures)?;
        match members.iter().all(|member| signed_by.contains(&member.sender)) {
            true => Ok(()),
            false => Err(SubmitError::WrongEthSignature),
        }
    }

    /// Returns the addresses that signed one of the accepted messages of a batch.
    fn batch_signers(
        &self,
        members: &[Member],
        signatures: &[TxEthSignature],
    ) -> Result<HashSet<Address>, SubmitError> {
        let txs: Vec<_> = members.iter().map(|member| (&member.tx, member.sender)).collect();
        let texts = batch_messages(&txs, &|id| self.text_of(id)).ok_or(SubmitError::UnknownToken)?;
        let plain: Vec<_> = members.iter().map(|member| &member.tx).collect();
        let mut messages: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
        messages.extend(legacy_batch_message(&plain).map(|hash| hash.to_vec()));
        let signers = signatures
            .iter()
            .flat_map(|signature| messages.iter().map(move |message| signer(signature, message)));
        Ok(signers.flatten().collect())
    }

    /// Checks each transaction: authorisation, own signature, correctness, nonce.
    fn verify_members(&self, members: Vec<Member>) -> Result<AdmittedBatch, SubmitError> {
        let mut nonces = Vec::with_capacity(members.len());
        let mut signed = Vec::with_capacity(members.len());
        for Member { tx, facts, sender, account_type, signatures } in members {
            self.check_authorisation(&tx)?;
            let own = signatures
                .sender()
                .filter(|_| has_message(&tx) && Self::needs_eth_signature(account_type, &facts.signature));
            let eth_sign_data = own.map(|signature| self.verify(&tx, sender, signature)).transpose()?;
            signed.push(SignedZkSyncTx { tx, eth_sign_data, created_at: self.now });
            nonces.push(facts);
        }
        let verified = VerifiedTx::all(signed);
        verified.iter().try_for_each(Self::check_correctness)?;
        nonces.iter().try_for_each(|facts| self.check_nonce(facts))?;
        Ok(verified)
    }
}

/// Fractions of a chunk that are counted.
const CHUNK_PARTS: u32 = 1_000_000_000;

/// Returns the parts of chunks that a fee pays for; all of them if chunks cost nothing.
fn chunks_paid(token: &Token, amount: u128, chunks: u128) -> BigUint {
    match token.fee_per_chunk {
        0 => BigUint::from(chunks) * CHUNK_PARTS,
        price => BigUint::from(amount) * CHUNK_PARTS / price,
    }
}

/// Returns true if these parts are enough for the chunks: up to a twentieth may be missing.
fn is_enough_of(parts: &BigUint, chunks: u128) -> bool {
    BigUint::from(chunks) * CHUNK_PARTS * 20u8 <= parts * 21u8
}
