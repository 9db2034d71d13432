//! Text on its way to a terminal or a log. Names, reasons and messages come from outside: what would
//! steer a terminal, hide or reorder text, or forge a line is shown as an escape instead.
//!
//! An escape is that of JSON (`\u001b`), so that JSON stays the same JSON.

use std::ffi::OsStr;
use std::io::IsTerminal;

/// Returns the text as one line: everything that is not printable is escaped, line breaks included.
pub(crate) fn line(text: &str) -> String {
    escaped(text, |_| false)
}

/// Returns the text with its line breaks and tabs; everything else that is not printable is escaped.
pub(crate) fn lines(text: &str) -> String {
    escaped(text, |c| matches!(c, '\n' | '\t'))
}

fn escaped(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if stays(c) || is_printable(c) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.push_str(&format!("\\u{unit:04x}"));
        }
    }
    out
}

/// Returns true if a character has a place of its own on a line. The standard library knows the
/// properties: it escapes control and format characters, separators, combining marks, and code
/// points without a character.
fn is_printable(c: char) -> bool {
    matches!(c, '"' | '\'' | '\\') || c.escape_debug().len() == 1
}

/// Returns true if text on this stream may have colours: on a terminal, unless `NO_COLOR` is set or
/// `TERM` names a terminal without colours.
pub(crate) fn has_colours(stream: &impl IsTerminal) -> bool {
    let variable = |name| std::env::var_os(name).unwrap_or_default();
    stream.is_terminal() && allows_colours(&variable("NO_COLOR"), &variable("TERM"))
}

/// Returns true if these values of `NO_COLOR` and `TERM`, empty if unset, allow colours.
fn allows_colours(no_color: &OsStr, term: &OsStr) -> bool {
    no_color.is_empty() && !term.is_empty() && term != "dumb"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_printable_is_escaped() {
        for (hostile, shown) in [
            ("\u{1b}[2J", r"\u001b[2J"),
            ("\u{9b}31m", r"\u009b31m"),
            ("\u{202e}gpj", r"\u202egpj"),
            ("a\u{2066}b\u{200b}", r"a\u2066b\u200b"),
            ("\u{feff}\u{ad}\u{7f}\0", r"\ufeff\u00ad\u007f\u0000"),
            ("\u{2028}\u{85}\r\n", r"\u2028\u0085\u000d\u000a"),
            ("\u{e0041}", r"\udb40\udc41"),
            ("e\u{301}", r"e\u0301"),
        ] {
            assert_eq!(line(hostile), shown);
        }
        let plain = "block 7: \"é\" \\ 'ж' 漢 🦀 …";
        assert_eq!((line(plain), lines(plain)), (plain.to_owned(), plain.to_owned()));
        assert_eq!(lines("a\n\tb\r\u{1b}"), "a\n\tb\\u000d\\u001b");
    }

    #[test]
    fn json_stays_the_same_json() {
        let value = serde_json::json!({"a\u{202e}": "\u{1b}\u{9b}\n\u{e0041}\"\\"});
        let shown = line(&value.to_string());
        assert!(shown.is_ascii());
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}
