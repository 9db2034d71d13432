//! Colours of what commands print: on a terminal only, and only where a state matters.
//!
//! A text consists of segments, each with a tone. What is not printable is escaped segment by
//! segment, so that a terminal receives no other control sequences than those of the tones.

use clap::builder::styling::{AnsiColor, Style};

use crate::printable;

/// The meaning of a colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// No colour.
    #[default]
    Plain,
    /// Red: an operator has to do something.
    Trouble,
    /// Yellow: something waits, or is kept from continuing.
    Caution,
    /// Dim: nothing is left to do.
    Done,
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Trouble => AnsiColor::Red.on_default(),
            Self::Caution => AnsiColor::Yellow.on_default(),
            Self::Done => Style::new().dimmed(),
        }
    }
}

/// A text in segments of one tone each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TonedText(Vec<(Tone, String)>);

impl TonedText {
    /// Returns a text of one segment.
    pub(crate) fn of(tone: Tone, text: impl Into<String>) -> Self {
        let mut toned = Self::default();
        toned.push(tone, text);
        toned
    }

    /// Appends a segment.
    pub(crate) fn push(&mut self, tone: Tone, text: impl Into<String>) {
        let text = text.into();
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some((last, before)) if *last == tone => before.push_str(&text),
            _ => self.0.push((tone, text)),
        }
    }

    /// Appends a text.
    pub(crate) fn append(&mut self, text: Self) {
        text.0.into_iter().for_each(|(tone, text)| self.push(tone, text));
    }

    /// Returns the lines of the text, without their ends.
    pub(crate) fn lines(&self) -> Vec<Self> {
        let mut lines = vec![Self::default()];
        for (tone, text) in &self.0 {
            for (number, part) in text.split('\n').enumerate() {
                if number > 0 {
                    lines.push(Self::default());
                }
                if let Some(line) = lines.last_mut() {
                    line.push(*tone, part);
                }
            }
        }
        if lines.last().is_some_and(|line| line.0.is_empty()) {
            lines.pop();
        }
        lines
    }

    /// Returns at most `width` characters of a line, in which everything that is not printable is
    /// escaped.
    pub(crate) fn fitted(&self, width: usize) -> Self {
        let mut left = width;
        let mut fitted = Self::default();
        for (tone, text) in &self.0 {
            let start: String = printable::line(text).chars().take(left).collect();
            left -= start.chars().count();
            fitted.push(*tone, start);
        }
        fitted
    }

    /// Returns the bytes for a stream: what is not printable is escaped, except line breaks, and the
    /// tones are control sequences if `coloured` is true.
    pub(crate) fn written(&self, coloured: bool) -> String {
        let segment = |(tone, text): &(Tone, String)| match (printable::lines(text), tone.style()) {
            (text, style) if coloured => format!("{style}{text}{style:#}"),
            (text, _) => text,
        };
        self.0.iter().map(segment).collect()
    }
}

impl From<String> for TonedText {
    fn from(text: String) -> Self {
        Self::of(Tone::Plain, text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn text() -> TonedText {
        let mut text = TonedText::from("one \u{1b}[31m\n".to_owned());
        text.push(Tone::Trouble, "two");
        text.push(Tone::Trouble, "");
        text.push(Tone::Done, " three");
        text
    }

    #[test]
    fn only_the_tones_are_control_sequences() {
        assert_eq!(text().written(false), "one \\u001b[31m\ntwo three");
        assert_eq!(text().written(true), "one \\u001b[31m\n\u{1b}[31mtwo\u{1b}[0m\u{1b}[2m three\u{1b}[0m");
    }

    #[test]
    fn lines_keep_their_tones_and_are_cut_after_escaping() {
        let lines = text().lines();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].fitted(6).written(true), "one \\u");
        assert_eq!(lines[1].fitted(5).written(true), "\u{1b}[31mtwo\u{1b}[0m\u{1b}[2m t\u{1b}[0m");
        assert_eq!(TonedText::from("a\n\nb\n".to_owned()).lines().len(), 3);
        assert!(TonedText::default().lines().is_empty());
    }
}
