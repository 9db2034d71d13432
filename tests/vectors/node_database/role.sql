-- The role of a prover server with the least permissions. The password is set separately.
CREATE ROLE prover_server LOGIN;
GRANT USAGE ON SCHEMA public TO prover_server;
GRANT SELECT ON blocks, executed_transactions, executed_priority_operations, account_creates,
    account_balance_updates, account_pubkey_updates, mint_nft_updates, aggregate_operations,
    accounts, balances TO prover_server;
GRANT SELECT, INSERT ON proofs, aggregated_proofs TO prover_server;
