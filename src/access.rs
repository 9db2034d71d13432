//! Explains why the system refuses a file or a folder: by its owner and its permissions, or by an
//! operation that its file system does not support.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::io::Errno;

use crate::input;

/// Longest list of users that is read, in bytes.
const MAX_USERS_BYTES: u64 = 1 << 20;

/// Returns the cause of an error about a path and what to do, as a clause.
pub(crate) fn explain(path: &Path, error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::PermissionDenied {
        return denied(path);
    }
    if is_unsupported(error) {
        return format!(
            "its file system has no file locks or cannot sync folders ({error}), as some network mounts; use a folder on a local disk"
        );
    }
    let is_taken = matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory);
    match fs::read_link(path) {
        Ok(target) if is_taken && !path.exists() => format!(
            "it is a link to {}, which does not exist; create that folder, or name another one",
            target.display()
        ),
        _ if is_taken && path.exists() && !path.is_dir() => {
            format!("it is not a folder ({error}); name another path")
        }
        _ => format!("{error}; check its path, owner and permissions"),
    }
}

/// Returns true for the errors of an operation that the file system does not have.
pub(crate) fn is_unsupported(error: &io::Error) -> bool {
    let unsupported = [Errno::INVAL, Errno::NOLCK, Errno::NOSYS, Errno::NOTSUP, Errno::OPNOTSUPP];
    error.raw_os_error().is_some_and(|code| unsupported.iter().any(|errno| errno.raw_os_error() == code))
}

/// Describes owner and permissions of the path, or of the folder above it that this user may not
/// enter.
fn denied(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let user = user(rustix::process::geteuid().as_raw());
    let mut reached = None;
    // From the root on, until a name cannot be looked at.
    for above in path.ancestors().collect::<Vec<_>>().into_iter().rev() {
        match fs::metadata(above) {
            Ok(found) => reached = Some((above, found)),
            Err(_) => break,
        }
    }
    let Some((at, found)) = reached else { return format!("the user {user} may not enter it") };
    let owner = self::user(found.uid());
    format!(
        "{} belongs to the user {owner} with mode {:04o}, and this program runs as {user}; run it as {owner}, or change owner or mode",
        at.display(),
        found.mode() & 0o7777
    )
}

/// Returns the name of a user, or the number if the system has no name for it.
fn user(id: u32) -> String {
    let users = input::read_text(Path::new("/etc/passwd"), MAX_USERS_BYTES).unwrap_or_default();
    let named = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| id.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn error(errno: Errno) -> io::Error {
        io::Error::from_raw_os_error(errno.raw_os_error())
    }

    #[test]
    fn a_link_to_nothing_and_a_file_are_told_from_a_refusal() {
        let folder = tempfile::tempdir().unwrap();
        let [link, file] = ["link", "file"].map(|name| folder.path().join(name));
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        fs::write(&file, "").unwrap();
        let exists = error(Errno::EXIST);
        assert!(explain(&link, &exists).contains("a link to nowhere, which does not exist"));
        assert!(explain(&file, &exists).contains("not a folder"));
        assert!(explain(folder.path(), &exists).contains("owner and permissions"));
    }

    #[test]
    fn a_refusal_names_owner_and_mode_of_what_exists() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let closed = folder.path().join("closed");
        fs::create_dir(&closed).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o710)).unwrap();
        let owner = user(fs::metadata(&closed).unwrap().uid());
        for path in [closed.clone(), closed.join("data/index")] {
            let reason = explain(&path, &error(Errno::ACCESS));
            let expected = format!("{} belongs to the user {owner} with mode 0710", closed.display());
            assert!(reason.contains(&expected), "{reason}");
        }
        assert_eq!(user(0), "root");
        assert_eq!(user(4_000_000_000), "4000000000");
    }

    #[test]
    fn a_file_system_without_locks_is_not_a_matter_of_permissions() {
        for errno in [Errno::NOLCK, Errno::OPNOTSUPP, Errno::NOSYS, Errno::INVAL] {
            let reason = explain(Path::new("/mnt/data"), &error(errno));
            assert!(reason.contains("file locks") && !reason.contains("permissions"), "{reason}");
        }
        assert!(explain(Path::new("/mnt/data"), &error(Errno::IO)).contains("permissions"));
    }
}
