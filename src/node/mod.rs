//! The link to a zkSync Lite node: reads its blocks from its Postgres database.
//!
//! `docs/protocol/09-node-database.md` describes the tables. The node owns them; this server reads
//! blocks, account updates and aggregated operations, and writes proofs.
//!
//! | file | content |
//! | --- | --- |
//! | `options` | the database and how it is followed, from the configuration |
//! | `connection` | a connection to the database, for reading or for writing |
//! | `password` | the password of a connection: address, file, or password file |
//! | `tls` | the checks of the database's certificate |
//! | `link` | the thread, its attempts and its failures |
//! | `stoppable_thread` | a thread with a runtime of its own, until it is stopped |
//! | `follow` | following over one connection: start, new blocks, reverts |
//! | `adoption` | proofs and aggregated operations from the node's tables |
//! | `state`, `overlay` | the state with which an empty folder begins |
//! | `reader` | the connection that reads, and its view of the chain at one moment |
//! | `blocks`, `state_rows`, `proof_rows`, `operations`, `columns` | rows of the tables |
//! | `window` | the newest blocks of this store, which the node can still revert |
//! | `hand_back` | the thread that writes proofs, and compares the rows with the stored proofs |
//! | `writer` | the connection that writes proofs |
//! | `prover_tables` | the tables with which the reference's prover server takes over again |
//! | `check` | version, tables, permissions and chain of a database |
//! | `error` | errors of the database, each with the remedy |

mod adoption;
mod blocks;
mod check;
mod columns;
mod connection;
mod error;
mod follow;
mod hand_back;
mod link;
mod operations;
mod options;
mod overlay;
mod password;
mod proof_rows;
mod prover_tables;
mod reader;
mod state;
mod state_rows;
mod stoppable_thread;
mod tls;
mod window;
mod writer;

pub(crate) use check::{ChainNumbers, DatabaseReport, check};
pub(crate) use error::LinkError;
pub(crate) use hand_back::HandBackThread;
pub(crate) use link::{LinkThread, import};
pub(crate) use options::LinkOptions;
pub(crate) use prover_tables::{ProverTables, QueueRow};
pub(crate) use state::StateProgress;
pub(crate) use writer::{BlockRow, RangeRow, Writer, Written};
