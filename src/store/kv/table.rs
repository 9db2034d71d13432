//! The tables of the kv. The documentation of `store` lists their keys and values.

macro_rules! tables {
    ($($variant:ident = $name:literal),* $(,)?) => {
        /// A table of the kv.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Table { $($variant),* }

        impl Table {
            pub(crate) const ALL: &[Table] = &[$(Table::$variant),*];

            /// Returns the stored name.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Table::$variant => $name),* }
            }
        }
    };
}

tables! {
    Meta = "meta",
    Blobs = "bodies",
    Blocks = "blocks",
    Quarantine = "quarantine",
    Accounts = "accounts",
    AccountUpdates = "account_updates",
    AccountTree = "account_tree",
    TreeUpdates = "tree_updates",
    Witnesses = "witnesses",
    Jobs = "jobs",
    JobIndex = "job_index",
    Proofs = "proofs",
    AggregatedProofs = "aggregated_proofs",
    AggregatedOperations = "aggregated_operations",
    Rejected = "rejected",
    Inbox = "inbox",
    HandBack = "hand_back",
    Attempts = "attempts",
    Provers = "provers",
}
