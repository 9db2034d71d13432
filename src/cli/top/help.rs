//! The keys of `top`.

use super::sort::Sort;
use crate::cli::colour::TonedText;

/// The help: the keys, and the content of the screen.
const HELP: &str = "\
Keys
  q, Esc, Ctrl-C  quit
  s               sort the lists: by name, by silence, by trouble
  ?, h            show or leave this help

Stages: the last block that has reached each of them, and blocks per minute over the last five minutes.
By silence: the longest without a heartbeat or a request first.
By trouble: the most attempts or rejected proofs first; blocked and suspended provers before the others.
If the server does not answer, the last state stays on the screen until it does.
";

/// Returns the lines of the help that fit.
pub(crate) fn lines(width: usize, height: usize) -> Vec<TonedText> {
    HELP.lines().take(height).map(|line| TonedText::from(line.to_owned()).fitted(width)).collect()
}

/// Returns the last line of the screen.
pub(crate) fn footer(sort: Sort, width: usize) -> TonedText {
    TonedText::from(format!("q quits  s sorts by {}  ? helps", sort.next().name())).fitted(width)
}
