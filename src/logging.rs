//! The log: text or JSON, always on standard error, because standard output is for data.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use tracing::{Level, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{DefaultFields, Writer};
use tracing_subscriber::fmt::writer::{BoxMakeWriter, MakeWriterExt};
use tracing_subscriber::fmt::{FormatFields, MakeWriter};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
    reload,
    util::SubscriberInitExt,
};

use crate::printable;

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text, coloured if standard error is a terminal with colours and `NO_COLOR` is not set.
    Human,
    /// One JSON object for each line.
    Json,
}

/// Logging could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    /// The filter does not parse.
    #[error("the log filter {0:?} is not usable; write for example info or zksync_witness_server=debug,info")]
    Filter(String),
    /// Logging was started before in this process.
    #[error("logging was started twice in this process")]
    Twice,
    /// The filter cannot be replaced.
    #[error("the log filter cannot be replaced: {0}; start the program again")]
    Replace(#[from] reload::Error),
}

/// The filter of the running log.
pub(crate) struct LogFilter(Box<dyn Fn(Targets) -> Result<(), reload::Error>>);

impl LogFilter {
    /// Replaces the filter.
    ///
    /// # Errors
    /// Fails if it does not parse; the former one stays.
    pub(crate) fn set(&self, filter: &str) -> Result<(), LogError> {
        Ok(self.0(parsed(filter)?)?)
    }
}

fn parsed(filter: &str) -> Result<Targets, LogError> {
    filter.parse().map_err(|_| LogError::Filter(filter.to_owned()))
}

/// A file that receives the log as well.
pub(crate) struct LogCopy {
    /// The file.
    pub file: File,
    /// The least severe level that standard error shows.
    pub shown: Level,
}

/// Starts logging for the whole process. `filter` names levels, of all modules or of
/// single ones, such as `info` or `zksync_witness_server=debug,info`. Returns the filter, which can
/// be replaced.
///
/// # Errors
/// Fails if the filter does not parse, or at a second call.
pub(crate) fn init(filter: &str, format: LogFormat, copy: Option<LogCopy>) -> Result<LogFilter, LogError> {
    let filter = parsed(filter)?;
    // Failed writes would be reported by a panic, also when standard error is closed.
    let builder = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    match format {
        LogFormat::Human => {
            let colour = copy.is_none() && printable::has_colours(&io::stderr());
            let fields = builder.with_ansi(colour).with_target(false).fmt_fields(PrintableFields);
            start(fields.with_writer(copied(io::stderr, copy)).finish(), filter)
        }
        LogFormat::Json => {
            let lines = builder.json().flatten_event(true).with_writer(copied(PrintableStderr, copy));
            start(lines.finish(), filter)
        }
    }
}

/// Returns a writer of the log to standard error and to the copy.
fn copied<W>(stderr: W, copy: Option<LogCopy>) -> BoxMakeWriter
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    match copy {
        None => BoxMakeWriter::new(stderr),
        Some(LogCopy { file, shown }) => BoxMakeWriter::new(stderr.with_max_level(shown).and(Arc::new(file))),
    }
}

fn start<S>(lines: S, filter: Targets) -> Result<LogFilter, LogError>
where
    S: Subscriber + Send + Sync + 'static + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let (layer, handle) = reload::Layer::new(filter);
    lines.with(layer).try_init().map_err(|_| LogError::Twice)?;
    Ok(LogFilter(Box::new(move |filter| handle.reload(filter))))
}

/// Message and fields of an event on one line. The escapes of colours are outside of them.
struct PrintableFields;

impl<'writer> FormatFields<'writer> for PrintableFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut text = String::new();
        DefaultFields::new().format_fields(Writer::new(&mut text), fields)?;
        writer.write_str(&printable::line(&text))
    }
}

/// Standard error for lines of JSON: its encoder escapes some control characters only.
#[derive(Clone, Copy)]
struct PrintableStderr;

impl MakeWriter<'_> for PrintableStderr {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

impl Write for PrintableStderr {
    /// Receives one event at a time.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(printable::lines(&String::from_utf8_lossy(event)).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
