//! `completions` and `man`: shell completions and manual pages, generated from the definitions of
//! the command line.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;

use super::error::CliError;
use super::output::{occupied, show, unwritable, write_output};

/// The name of the program.
const NAME: &str = "witness-server";

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
}

/// Arguments of `man`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write a page for the program and one for each subcommand into this folder, which is created
    /// if absent
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace existing pages
    #[arg(short, long, requires = "out")]
    pub force: bool,
}

/// Prints the completions of a shell.
///
/// # Errors
/// [`CliError::Output`].
pub(crate) fn completions(args: &CompletionsArgs, mut command_line: Command) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command_line, NAME, &mut script);
    if args.shell == Shell::Bash {
        // The generator writes a hyphen in two ways: where it sets the state, and where it reads it.
        let read = NAME.replace('-', "__subcmd__");
        script = String::from_utf8_lossy(&script).replace(&read, &NAME.replace('-', "__")).into_bytes();
    }
    write_output(None, false, &script)
}

/// Prints the manual page of the program, or writes all pages.
///
/// # Errors
/// [`CliError::Output`]; [`CliError::Failed`] if a page exists that must not be replaced.
pub(crate) fn man(args: &ManArgs, command_line: Command) -> Result<(), CliError> {
    // The long version describes this machine.
    let command_line = command_line.long_version(env!("CARGO_PKG_VERSION"));
    match &args.out {
        Some(folder) => {
            write_pages(command_line, folder, args.force)?;
            show(&format!("the manual pages are in {}", folder.display()))
        }
        None => {
            let mut page = Vec::new();
            let rendered = clap_mangen::Man::new(command_line).render(&mut page);
            rendered.map_err(unwritable(Path::new("standard output")))?;
            write_output(None, false, &page)
        }
    }
}

/// Writes a page for the program and one for each subcommand: all of them, unless one exists that
/// must not be replaced.
fn write_pages(command_line: Command, folder: &Path, replace: bool) -> Result<(), CliError> {
    let generated = tempfile::tempdir().map_err(unwritable(folder))?;
    clap_mangen::generate_to(command_line, generated.path()).map_err(unwritable(folder))?;
    std::fs::create_dir_all(folder).map_err(unwritable(folder))?;
    let entries = std::fs::read_dir(generated.path()).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let pages: Vec<_> = entries
        .map_err(unwritable(folder))?
        .iter()
        .map(|page| (page.path(), folder.join(page.file_name())))
        .collect();
    if let Some((_, page)) = pages.iter().find(|(_, page)| !replace && page.exists()) {
        return Err(occupied(page));
    }
    for (generated, page) in &pages {
        let bytes = std::fs::read(generated).map_err(unwritable(page))?;
        write_output(Some(page), replace, &bytes)?;
    }
    Ok(())
}
