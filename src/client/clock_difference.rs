//! The difference between the clocks of server and client.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use hyper::{HeaderMap, header::DATE};

/// Largest difference that counts as none, in seconds: the header `Date` has whole seconds, and
/// the answer takes some time.
const TOLERANCE: u64 = 2;

/// The difference between the clock of the server, or of a proxy in front of it, and this
/// machine's, as the header `Date` of an answer shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockDifference(
    /// Positive if the clock of the server is ahead; `None` if the answer has no date.
    Option<TimeDelta>,
);

impl ClockDifference {
    /// Returns the difference that an answer shows, whose head arrived at `now`.
    pub(super) fn of(answer: &HeaderMap, now: DateTime<Utc>) -> Self {
        let date = answer.get(DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok());
        Self(date.map(|date| date.to_utc().signed_duration_since(now)))
    }
}

impl fmt::Display for ClockDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(ahead) = self.0.map(|ahead| ahead.num_seconds()) else {
            return f.write_str("compare its clock with this machine's");
        };
        let (seconds, where_it_is) = (ahead.unsigned_abs(), if ahead < 0 { "behind" } else { "ahead of" });
        if seconds > TOLERANCE {
            return write!(f, "its clock is {seconds} s {where_it_is} this machine's: set both by NTP");
        }
        f.write_str(
            "its clock and this machine's agree, so the request took longer than its token lives: let the proxy in front pass bodies \
             on while they arrive (proxy_request_buffering off; in nginx)",
        )
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_answer_shows_whose_clock_is_ahead() {
        let now = DateTime::parse_from_rfc3339("2026-11-28T22:35:42.5Z").unwrap().to_utc();
        let shown = |date: Option<&str>| {
            let mut answer = HeaderMap::new();
            if let Some(date) = date {
                answer.insert(DATE, date.parse().unwrap());
            }
            ClockDifference::of(&answer, now).to_string()
        };
        assert!(shown(Some("Sat, 28 Nov 2026 22:36:42 GMT")).contains("59 s ahead"));
        assert!(shown(Some("Sat, 28 Nov 2026 21:35:42 GMT")).contains("3600 s behind"));
        assert!(shown(Some("Sat, 28 Nov 2026 22:35:42 GMT")).contains("proxy_request_buffering"));
        for absent in [None, Some("yesterday")] {
            assert!(shown(absent).contains("compare"), "{absent:?}");
        }
    }
}
