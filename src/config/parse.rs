//! Parsers from the text of a setting to its value. An error describes the accepted values.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use super::secret::{EmptySecret, Secret};
use crate::{crypto::rescue::Engine, logging::LogFormat};

type ParseResult<T> = Result<T, String>;

pub(super) fn path(text: &str) -> ParseResult<PathBuf> {
    if text.is_empty() { Err("a path".to_owned()) } else { Ok(PathBuf::from(text)) }
}

pub(super) fn address(text: &str) -> ParseResult<SocketAddr> {
    text.parse().map_err(|_| "an address such as 127.0.0.1:8088 or [::1]:8088".to_owned())
}

const SCHEMES: [&str; 2] = ["http://", "https://"];

/// A URL of a server, without a slash at its end and with its scheme in lower case.
pub(super) fn url(text: &str) -> ParseResult<String> {
    let scheme = SCHEMES
        .into_iter()
        .find(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    let url = scheme.map(|scheme| (scheme, text[scheme.len()..].trim_end_matches('/')));
    match url {
        Some((scheme, host)) if !host.is_empty() => Ok(format!("{scheme}{host}")),
        _ => Err("a URL such as http://127.0.0.1:8088 or https://prover.example:8088".to_owned()),
    }
}

pub(super) fn secret(text: &str) -> ParseResult<Secret> {
    Secret::new(text).map_err(|EmptySecret| "a text that is not empty, or leave the setting out".to_owned())
}

/// A duration above zero with a unit.
pub(crate) fn duration(text: &str) -> ParseResult<Duration> {
    match humantime::parse_duration(text) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("a duration above zero with its unit, such as 500ms, 5s or 1h 30m".to_owned()),
    }
}

/// A duration with a unit, even if it is zero.
pub(crate) fn duration_or_zero(text: &str) -> ParseResult<Duration> {
    humantime::parse_duration(text)
        .map_err(|_| "a duration with its unit, such as 0s, 500ms, 5s or 1h 30m".to_owned())
}

/// A whole number of `LOW..=HIGH`.
pub(super) fn number<const LOW: u64, const HIGH: u64, T: TryFrom<u64>>(text: &str) -> ParseResult<T> {
    let number = text.trim().parse().ok().filter(|number| (LOW..=HIGH).contains(number));
    number
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| format!("a whole number from {LOW} to {HIGH}"))
}

pub(super) fn boolean(text: &str) -> ParseResult<bool> {
    match text.trim() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("true or false".to_owned()),
    }
}

/// A number of bytes above zero, with or without a binary unit.
pub(super) fn bytes(text: &str) -> ParseResult<usize> {
    let expected = || "a number of bytes above zero, such as 65536, 64KiB, 16MiB, 1GiB or 1TiB".to_owned();
    let text = text.trim();
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1_usize << 40,
        _ => return Err(expected()),
    };
    let number = digits.parse::<usize>().ok().and_then(|number| number.checked_mul(unit));
    number.filter(|bytes| *bytes > 0).ok_or_else(expected)
}

/// A number of mebibytes of `LOW..=HIGH`, with or without a binary unit.
pub(super) fn mebibytes<const LOW: usize, const HIGH: usize>(text: &str) -> ParseResult<usize> {
    let in_range = |bytes: &usize| (LOW << 20..=HIGH << 20).contains(bytes);
    let expected = || format!("a number of bytes from {LOW}MiB to {}GiB, such as 64MiB", HIGH >> 10);
    bytes(text).ok().filter(in_range).ok_or_else(expected)
}

/// A number of bytes, with or without a binary unit.
pub(super) fn bytes_or_zero(text: &str) -> ParseResult<u64> {
    if text.trim() == "0" {
        return Ok(0);
    }
    bytes(text)
        .map(|bytes| bytes as u64)
        .map_err(|_| "0 or a number of bytes, such as 65536, 64KiB, 16MiB, 1GiB or 1TiB".to_owned())
}

/// Sizes of aggregates, sorted and without duplicates.
pub(super) fn sizes(text: &str) -> ParseResult<Vec<usize>> {
    let numbers: Result<Vec<usize>, _> =
        text.split(',').filter(|part| !part.trim().is_empty()).map(|part| part.trim().parse()).collect();
    match numbers {
        Ok(mut sizes) if !sizes.contains(&0) => {
            sizes.sort_unstable();
            sizes.dedup();
            Ok(sizes)
        }
        _ => Err("sizes above zero separated by commas, such as 1,4,8".to_owned()),
    }
}

pub(super) fn log_filter(text: &str) -> ParseResult<String> {
    match text.parse::<tracing_subscriber::filter::Targets>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("a log filter such as info or zksync_witness_server=debug,info".to_owned()),
    }
}

pub(super) fn log_format(text: &str) -> ParseResult<LogFormat> {
    match text {
        "human" => Ok(LogFormat::Human),
        "json" => Ok(LogFormat::Json),
        _ => Err("human or json".to_owned()),
    }
}

/// An engine by its name; `None` for the best one that the processor supports.
pub(super) fn cpu_features(text: &str) -> ParseResult<Option<Engine>> {
    if text == "auto" {
        return Ok(None);
    }
    let names = || Engine::ALL.map(Engine::name).join(", ");
    text.parse().map(Some).map_err(|_| format!("auto or one of {}", names()))
}
