//! The password of a connection: that of the password file of the configuration, else that of the
//! address, else that of the file which `PGPASSFILE` names.

use super::error::LinkError;
use super::options::LinkOptions;
use crate::config::Secret;
use crate::input;

/// Longest password file, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Returns the password, if one is given anywhere. Files are read each time, so that a password can
/// be changed while the server runs.
pub(super) fn find(options: &LinkOptions) -> Result<Option<Secret>, LinkError> {
    if let Some(path) = &options.password_file {
        return Ok(Some(Secret::of_file("node_password_file", path)?));
    }
    if let Some(password) = options.url.password() {
        return Ok(Some(password.clone()));
    }
    let Some(path) = &options.passfile else { return Ok(None) };
    let text = input::read_text(path, MAX_FILE_BYTES)
        .map_err(|cause| LinkError::PasswordFile { path: path.clone(), cause })?;
    let key = options.url.key();
    Ok(text.lines().find_map(|line| matching(line, &key)).and_then(|password| Secret::new(password).ok()))
}

/// Returns the password of a line `host:port:database:user:password` if the first four fields match;
/// `*` matches everything, and a backslash takes the meaning from `:` and `\`.
fn matching(line: &str, key: &[String; 4]) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            ':' if fields.len() < 5 => fields.push(String::new()),
            '\\' => fields.last_mut()?.extend(characters.next()),
            other => fields.last_mut()?.push(other),
        }
    }
    let password = if fields.len() == 5 { fields.pop()? } else { return None };
    let matches = fields.iter().zip(key).all(|(field, value)| field == "*" || field == value);
    matches.then_some(password)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::config::{NodeFrom, NodeUrl};

    #[test]
    fn a_line_of_a_password_file_matches_by_its_fields() {
        let key = ["db", "5432", "node", "reader"].map(str::to_owned);
        for (line, expected) in [
            ("db:5432:node:reader:secret", Some("secret")),
            ("*:*:*:*:se:cr\\et", Some("se:cret")),
            ("db:5432:*:reader:se\\:cret\\\\", Some("se:cret\\")),
            ("# *:*:*:*:secret", None),
            ("db:5433:node:reader:secret", None),
            ("db:5432:node:writer:secret", None),
            ("db:5432:node:reader", None),
            ("", None),
        ] {
            assert_eq!(matching(line, &key).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn the_file_of_the_configuration_comes_first_and_pgpassfile_last() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let mut options = LinkOptions {
            url: NodeUrl::parse("postgres://reader:of-the-address@db/node").unwrap(),
            password_file: Some(write("password", "of-the-file\n")),
            passfile: Some(write("pgpass", "other:*:*:*:wrong\ndb:5432:node:*:of-pgpass\n")),
            tls_ca: None,
            from: NodeFrom::Verified,
            poll: Duration::from_secs(1),
        };
        let found = |options: &LinkOptions| {
            find(options).unwrap().map(|password| String::from_utf8(password.expose().to_vec()).unwrap())
        };
        assert_eq!(found(&options).as_deref(), Some("of-the-file"));
        options.password_file = None;
        assert_eq!(found(&options).as_deref(), Some("of-the-address"));
        options.url = NodeUrl::parse("postgres://reader@db/node").unwrap();
        assert_eq!(found(&options).as_deref(), Some("of-pgpass"));
        options.url = NodeUrl::parse("postgres://reader@elsewhere/node").unwrap();
        assert_eq!(found(&options), None);
        options.passfile = Some(folder.path().join("absent"));
        assert!(matches!(find(&options), Err(LinkError::PasswordFile { .. })));
    }
}
