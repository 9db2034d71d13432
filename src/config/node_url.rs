//! The address of a node's database.

use std::fmt;

use tokio_postgres::config::{Host, SslMode};

use super::secret::Secret;

/// Encryption of the connection to the database, and what of its certificate is checked, with the
/// names of libpq's `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// No encryption.
    Disable,
    /// Encryption if the server offers it; its certificate is not checked.
    Prefer,
    /// Encryption; the certificate is not checked.
    Require,
    /// Encryption; the certificate must be signed by a trusted root.
    VerifyCa,
    /// Encryption; the certificate must be signed by a trusted root and be that of the host.
    VerifyFull,
}

impl TlsMode {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "disable" => Some(Self::Disable),
            "prefer" => Some(Self::Prefer),
            "require" => Some(Self::Require),
            "verify-ca" => Some(Self::VerifyCa),
            "verify-full" => Some(Self::VerifyFull),
            _ => None,
        }
    }

    fn negotiation(self) -> SslMode {
        match self {
            Self::Disable => SslMode::Disable,
            Self::Prefer => SslMode::Prefer,
            Self::Require | Self::VerifyCa | Self::VerifyFull => SslMode::Require,
        }
    }
}

/// The address of a node's database, `postgres://user@host:port/database?sslmode=…`. Its text and
/// its `Debug` output lack the password.
#[derive(Clone)]
pub struct NodeUrl {
    /// The address without its password.
    text: String,
    /// The password of the address, if it has one.
    password: Option<Secret>,
    /// Everything but the password.
    config: tokio_postgres::Config,
    tls: TlsMode,
}

impl NodeUrl {
    /// Parses an address.
    ///
    /// # Errors
    /// Describes an accepted address; the message has no part of the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = || {
            "an address such as postgres://user@host:5432/database?sslmode=verify-full, with sslmode one of disable, prefer, require, verify-ca, verify-full".to_owned()
        };
        if !has_scheme(text) {
            return Err(expected());
        }
        let (address, query) = text.split_once('?').unwrap_or((text, ""));
        let parameters = || query.split('&').filter(|parameter| !parameter.is_empty());
        let mut tls = TlsMode::Prefer;
        for parameter in parameters() {
            if let Some(mode) = parameter.strip_prefix("sslmode=") {
                tls = TlsMode::parse(mode).ok_or_else(expected)?;
            }
        }
        // The client knows the first three modes only.
        let others = joined(address, parameters().filter(|parameter| !parameter.starts_with("sslmode=")));
        let parsed: tokio_postgres::Config = others.parse().map_err(|_| expected())?;
        let password = parsed.get_password().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let shown = parameters().filter(|parameter| !parameter.starts_with("password="));
        let text = joined(&without_password(address), shown);
        let mut config: tokio_postgres::Config =
            joined(&without_password(address), parameters().filter(|parameter| !is_handled(parameter)))
                .parse()
                .map_err(|_| expected())?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(expected());
        }
        config.ssl_mode(tls.negotiation());
        Ok(Self { text, password: password.and_then(|password| Secret::new(password).ok()), config, tls })
    }

    /// Returns the parameters of a connection, without a password.
    pub(crate) fn config(&self) -> &tokio_postgres::Config {
        &self.config
    }

    /// Returns the password that the address contains.
    pub(crate) fn password(&self) -> Option<&Secret> {
        self.password.as_ref()
    }

    /// Returns the encryption.
    pub fn tls(&self) -> TlsMode {
        self.tls
    }

    /// Returns host, port, database and user as a line of a password file names them.
    pub(crate) fn key(&self) -> [String; 4] {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            #[cfg(unix)]
            Some(Host::Unix(_)) => "localhost".to_owned(),
            None => self.config.get_hostaddrs().first().map(ToString::to_string).unwrap_or_default(),
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        let user = self.config.get_user().unwrap_or_default().to_owned();
        let database = self.config.get_dbname().unwrap_or(&user).to_owned();
        [host, port.to_string(), database, user]
    }
}

impl fmt::Display for NodeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for NodeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeUrl({})", self.text)
    }
}

/// Returns an address as it may be shown: without its password, or nothing of it if it cannot be
/// parsed.
pub(super) fn shown(text: &str) -> String {
    NodeUrl::parse(text).map_or_else(|_| "…".to_owned(), |url| url.text)
}

fn has_scheme(text: &str) -> bool {
    text.starts_with("postgres://") || text.starts_with("postgresql://")
}

/// Returns true for a query parameter that is kept outside the parameters of the client.
fn is_handled(parameter: &str) -> bool {
    parameter.starts_with("sslmode=") || parameter.starts_with("password=")
}

fn joined<'a>(address: &str, parameters: impl Iterator<Item = &'a str>) -> String {
    let query = parameters.collect::<Vec<_>>().join("&");
    if query.is_empty() { address.to_owned() } else { format!("{address}?{query}") }
}

/// Returns the part of an address before its query without the password of `user:password@`.
fn without_password(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return String::new() };
    // A password may contain further `@`, if it is not encoded.
    match rest.rsplit_once('@') {
        Some((credentials, place)) => {
            let user = credentials.split_once(':').map_or(credentials, |(user, _)| user);
            format!("{scheme}://{user}@{place}")
        }
        None => address.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        for text in [
            "postgres://reader:tell-nobody@db.example:5433/node?sslmode=verify-full",
            "postgresql://reader@db.example:5433/node?sslmode=verify-full&password=tell-nobody",
            "postgresql://reader@db.example:5433/node?password=tell-nobody&sslmode=verify-full",
        ] {
            let url = NodeUrl::parse(text).unwrap();
            let shown = format!("{url} {url:?} {:?}", url.config());
            assert!(!shown.contains("tell-nobody") && shown.contains("reader@db.example"), "{shown}");
            assert_eq!(url.password().unwrap().expose(), b"tell-nobody");
            assert_eq!(url.tls(), TlsMode::VerifyFull);
            assert_eq!(url.key(), ["db.example", "5433", "node", "reader"]);
            let again = NodeUrl::parse(&url.to_string()).unwrap();
            assert_eq!((again.tls(), again.key(), again.password()), (url.tls(), url.key(), None));
        }
    }

    #[test]
    fn defaults_are_those_of_the_usual_clients() {
        let url = NodeUrl::parse("postgres://reader@db").unwrap();
        assert_eq!(url.key(), ["db", "5432", "reader", "reader"]);
        assert_eq!((url.tls(), url.password()), (TlsMode::Prefer, None));
        assert_eq!(url.config().get_ssl_mode(), SslMode::Prefer);
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        for text in [
            "",
            "db",
            "host=db password=tell-nobody",
            "http://db",
            "postgres://",
            "postgres://reader@/node",
            "postgres://db:port/node",
            "postgres://reader:tell-nobody@db/node?sslmode=maybe",
            "postgres://reader:tell-nobody@db/node?sslroot=x",
        ] {
            let error = NodeUrl::parse(text).unwrap_err();
            assert!(error.contains("postgres://") && !error.contains("tell-nobody"), "{text}: {error}");
            assert_eq!(shown(text), "…");
        }
    }
}
