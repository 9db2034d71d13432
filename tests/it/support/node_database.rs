//! The database of a node in a cluster of its own, with the role of a prover server.

use std::path::{Path, PathBuf};

use tokio_postgres::{Error, NoTls, SimpleQueryMessage};

use crate::support::postgres::{OWNER, Postgres};
use crate::support::vectors;

const DATABASE: &str = "node";
/// The password of [`ROLE`].
pub const PASSWORD: &str = "password of the tests";
/// The role that the server uses, with the least permissions.
pub const ROLE: &str = "prover_server";

/// Rows of a query, as text; `None` is null.
pub type Rows = Vec<Vec<Option<String>>>;

/// A database with the tables of a node.
pub struct NodeDatabase {
    pub postgres: Postgres,
}

impl NodeDatabase {
    /// Creates the database with empty tables and the role.
    pub fn new() -> Self {
        Self::with_settings(&[])
    }

    /// Creates a database like [`new`](Self::new) in a cluster with further settings.
    pub fn with_settings(settings: &[&str]) -> Self {
        let postgres = Postgres::start(settings);
        postgres.script("postgres", format!("CREATE DATABASE {DATABASE}").as_bytes());
        let database = Self { postgres };
        database.script(&std::fs::read(file("tables.sql")).unwrap());
        database.script(&std::fs::read(file("role.sql")).unwrap());
        database.sql(&format!("ALTER ROLE {ROLE} PASSWORD '{PASSWORD}'"));
        database
    }

    /// Loads a dump of the vectors, such as `revert_before`.
    pub fn load(&self, dump: &str) {
        self.script(&vectors::read(&file(&format!("{dump}.sql.xz"))));
    }

    /// Removes the rows of all tables, to load the second dump of a pair.
    pub fn empty(&self) {
        let tables = self.sql(
            "SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables WHERE schemaname = 'public'",
        );
        self.sql(&format!("TRUNCATE {} RESTART IDENTITY", tables[0][0].as_ref().unwrap()));
    }

    fn script(&self, script: &[u8]) {
        self.postgres.script(DATABASE, script);
    }

    /// Returns the URL for the server.
    pub fn url(&self) -> String {
        self.url_at(self.postgres.port())
    }

    /// Returns the URL for the server through a proxy at the port.
    pub fn url_at(&self, port: u16) -> String {
        let password = PASSWORD.replace(' ', "%20");
        format!("postgres://{ROLE}:{password}@127.0.0.1:{port}/{DATABASE}?sslmode=disable")
    }

    /// Runs statements as the owner, all or none of them; returns the rows of all queries.
    pub fn sql(&self, statements: &str) -> Rows {
        self.try_sql(statements).unwrap_or_else(|error| panic!("{error:?}: {statements:.500}"))
    }

    /// Runs statements like [`sql`](Self::sql), which may fail while the database is away.
    pub fn try_sql(&self, statements: &str) -> Result<Rows, Error> {
        // The owner writes even if the test made everything read-only.
        let parameters = format!(
            "host=127.0.0.1 port={} user={OWNER} dbname={DATABASE} options='-c default_transaction_read_only=off'",
            self.postgres.port()
        );
        let run = async {
            let (client, connection) = tokio_postgres::connect(&parameters, NoTls).await?;
            tokio::spawn(connection);
            client.simple_query(statements).await
        };
        // On a thread of its own, since the caller may be inside another runtime.
        let messages = std::thread::scope(|scope| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            scope.spawn(move || runtime.block_on(run)).join().unwrap()
        })?;
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect())
            }
            _ => None,
        });
        Ok(rows.collect())
    }

    /// Returns the number in the only row of a query.
    pub fn count(&self, query: &str) -> i64 {
        self.sql(query)[0][0].as_ref().unwrap().parse().unwrap()
    }

    /// Changes a setting of the running cluster, for existing connections as well.
    pub fn set(&self, name: &str, value: &str) {
        self.sql(&format!("ALTER SYSTEM SET {name} = '{value}'"));
        self.sql("SELECT pg_reload_conf()");
    }

    /// Ends all connections of the server's role, as an administrator does.
    pub fn disconnect_role(&self) {
        self.sql(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}'"));
    }
}

/// Returns a file of the vectors.
pub fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/node_database").join(name)
}
