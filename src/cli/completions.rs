//! `completions` and `man`: what a shell and a reader of manuals want, made from the definitions of the command line.

use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, CliError, show, write_output};

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
}

/// Arguments of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write a page for the program and one for each subcommand into this folder, which is made if it is absent
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Prints the completions of a shell.
///
/// # Errors
/// [`CliError::Output`].
pub fn completions(args: &CompletionsArgs) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "witness-server", &mut script);
    write_output(None, &script)
}

/// Prints the manual page of the program, or writes all pages.
///
/// # Errors
/// [`CliError::Output`].
pub fn man(args: &ManArgs) -> Result<(), CliError> {
    match &args.out {
        Some(folder) => {
            let unwritable = |cause| CliError::Output { path: folder.clone(), cause };
            std::fs::create_dir_all(folder).map_err(unwritable)?;
            clap_mangen::generate_to(Cli::command(), folder).map_err(unwritable)?;
            show(&format!("the manual pages are in {}", folder.display()))
        }
        None => {
            let mut page = Vec::new();
            let unwritable =
                |cause| CliError::Output { path: Path::new("standard output").to_owned(), cause };
            clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(unwritable)?;
            write_output(None, &page)
        }
    }
}
