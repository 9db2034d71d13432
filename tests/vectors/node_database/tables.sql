-- The part of a zkSync Lite node's database that a prover server meets.
-- Written from the facts there, for tests. The node's own tables have a few more columns and indexes.

CREATE TYPE token_kind AS ENUM ('ERC20', 'NFT', 'None');

-- Read: blocks and what was executed in them.

CREATE TABLE blocks (
    number                      bigint PRIMARY KEY,
    root_hash                   bytea  NOT NULL,
    fee_account_id              bigint NOT NULL,
    unprocessed_prior_op_before bigint NOT NULL,
    unprocessed_prior_op_after  bigint NOT NULL,
    block_size                  bigint NOT NULL,
    commit_gas_limit            bigint NOT NULL,
    verify_gas_limit            bigint NOT NULL,
    timestamp                   bigint,
    commitment                  bytea  NOT NULL DEFAULT decode(repeat('00', 32), 'hex')
);

CREATE TABLE executed_transactions (
    tx_hash                 bytea PRIMARY KEY,
    block_number            bigint  NOT NULL,
    block_index             integer,
    tx                      jsonb   NOT NULL,
    operation               jsonb   NOT NULL,
    from_account            bytea   NOT NULL,
    success                 boolean NOT NULL,
    fail_reason             text,
    primary_account_address bytea   NOT NULL,
    nonce                   bigint  NOT NULL,
    created_at              timestamptz NOT NULL,
    eth_sign_data           jsonb,
    batch_id                bigint
);
CREATE INDEX ON executed_transactions (block_number);

CREATE TABLE executed_priority_operations (
    priority_op_serialid bigint PRIMARY KEY,
    block_number         bigint  NOT NULL,
    block_index          integer NOT NULL,
    operation            jsonb   NOT NULL,
    from_account         bytea   NOT NULL,
    to_account           bytea   NOT NULL,
    deadline_block       bigint  NOT NULL,
    eth_hash             bytea   NOT NULL,
    eth_block            bigint  NOT NULL,
    eth_block_index      bigint,
    created_at           timestamptz NOT NULL,
    tx_hash              bytea   NOT NULL DEFAULT ''
);
CREATE INDEX ON executed_priority_operations (block_number);

-- Read: account updates, one order over the four tables.

CREATE TABLE account_creates (
    account_id      bigint  NOT NULL,
    block_number    bigint  NOT NULL,
    is_create       boolean NOT NULL,
    address         bytea   NOT NULL,
    nonce           bigint  NOT NULL,
    update_order_id integer NOT NULL,
    PRIMARY KEY (account_id, block_number)
);
CREATE INDEX ON account_creates (block_number);

CREATE TABLE account_balance_updates (
    balance_update_id serial PRIMARY KEY,
    account_id        bigint  NOT NULL,
    block_number      bigint  NOT NULL,
    coin_id           integer NOT NULL,
    old_balance       numeric NOT NULL,
    new_balance       numeric NOT NULL,
    old_nonce         bigint  NOT NULL,
    new_nonce         bigint  NOT NULL,
    update_order_id   integer NOT NULL
);
CREATE INDEX ON account_balance_updates (block_number);

CREATE TABLE account_pubkey_updates (
    pubkey_update_id serial PRIMARY KEY,
    account_id       bigint  NOT NULL,
    block_number     bigint  NOT NULL,
    old_pubkey_hash  bytea   NOT NULL,
    new_pubkey_hash  bytea   NOT NULL,
    old_nonce        bigint  NOT NULL,
    new_nonce        bigint  NOT NULL,
    update_order_id  integer NOT NULL
);
CREATE INDEX ON account_pubkey_updates (block_number);

CREATE TABLE mint_nft_updates (
    token_id           integer PRIMARY KEY,
    block_number       bigint  NOT NULL,
    creator_account_id integer NOT NULL,
    creator_address    bytea   NOT NULL,
    serial_id          integer NOT NULL,
    address            bytea   NOT NULL,
    content_hash       bytea   NOT NULL,
    symbol             text    NOT NULL,
    nonce              bigint  NOT NULL DEFAULT 0,
    update_order_id    integer NOT NULL
);

-- Read: aggregated operations.

CREATE TABLE aggregate_operations (
    id          bigserial PRIMARY KEY,
    action_type text    NOT NULL,
    arguments   jsonb   NOT NULL,
    from_block  bigint  NOT NULL,
    to_block    bigint  NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    confirmed   boolean NOT NULL DEFAULT false
);
CREATE INDEX ON aggregate_operations (action_type, to_block);

-- Read: the state after the last confirmed execution.

CREATE TABLE tokens (
    id       integer PRIMARY KEY,
    address  text     NOT NULL UNIQUE,
    symbol   text     NOT NULL UNIQUE,
    decimals smallint NOT NULL,
    is_nft   boolean  NOT NULL DEFAULT false,
    kind     token_kind NOT NULL DEFAULT 'ERC20'
);

CREATE TABLE accounts (
    id          bigint PRIMARY KEY,
    last_block  bigint NOT NULL,
    nonce       bigint NOT NULL,
    address     bytea  NOT NULL,
    pubkey_hash bytea  NOT NULL
);

CREATE TABLE balances (
    account_id bigint  NOT NULL REFERENCES accounts (id) ON UPDATE CASCADE ON DELETE CASCADE,
    coin_id    integer NOT NULL REFERENCES tokens (id) ON UPDATE CASCADE,
    balance    numeric NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, coin_id)
);

CREATE TABLE nft (
    token_id           integer PRIMARY KEY,
    creator_account_id integer NOT NULL,
    creator_address    bytea   NOT NULL,
    serial_id          integer NOT NULL,
    address            bytea   NOT NULL,
    content_hash       bytea   NOT NULL
);

-- Written by a prover server, read by the node.

CREATE TABLE proofs (
    block_number bigint PRIMARY KEY,
    proof        jsonb NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE aggregated_proofs (
    first_block bigint NOT NULL,
    last_block  bigint NOT NULL,
    proof       jsonb  NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (first_block, last_block)
);

-- The reference's prover server's own.

CREATE TABLE block_witness (
    block   bigint PRIMARY KEY REFERENCES blocks (number) ON UPDATE CASCADE ON DELETE CASCADE,
    witness text NOT NULL
);

CREATE TABLE prover_job_queue (
    id           serial PRIMARY KEY,
    job_status   integer NOT NULL,
    job_priority integer NOT NULL,
    job_type     text    NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_by   text    NOT NULL,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    first_block  bigint  NOT NULL,
    last_block   bigint  NOT NULL,
    job_data     jsonb   NOT NULL
);
