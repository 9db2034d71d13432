//! The content coding of a response, negotiated by `Accept-Encoding` (RFC 9110 §12.5.3).

use axum::http::{HeaderMap, HeaderValue, header};

/// Responses below this length, in bytes, are not compressed unless the client demands it.
const SMALL_BYTES: u64 = 1024;

/// Content coding of a response body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// Uncompressed.
    Identity,
    /// gzip, which every browser and HTTP library supports.
    Gzip,
    /// zstd, the coding of stored blobs.
    Zstd,
}

/// `Accept-Encoding`: the weight of each named coding, in thousandths.
#[derive(Default)]
struct Accepted {
    zstd: Option<u16>,
    gzip: Option<u16>,
    identity: Option<u16>,
    /// `*`: every coding that is not named.
    others: Option<u16>,
}

impl Coding {
    /// Returns the coding with the highest weight; of equal ones zstd, then gzip. `*` stands for
    /// gzip and identity, but not for zstd, which clients that send `*` often do not support. A
    /// client that accepts none of the three, and one that sends no `Accept-Encoding`, gets
    /// identity.
    pub(crate) fn choose(request: &HeaderMap, length: u64) -> Self {
        let Accepted { zstd, gzip, identity, others } = Accepted::of(request);
        let identity = identity.or(others);
        if length < SMALL_BYTES && identity != Some(0) {
            return Self::Identity;
        }
        let weighed = [
            (identity.unwrap_or(0), Self::Identity),
            (gzip.or(others).unwrap_or(0), Self::Gzip),
            (zstd.unwrap_or(0), Self::Zstd),
        ];
        // Of equal weights, `max_by_key` returns the last.
        let best = weighed.into_iter().max_by_key(|(weight, _)| *weight);
        best.filter(|(weight, _)| *weight > 0).map_or(Self::Identity, |(_, coding)| coding)
    }

    /// Returns the value of `Content-Encoding`; `None` for identity.
    pub(crate) fn header(self) -> Option<HeaderValue> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some(HeaderValue::from_static("gzip")),
            Self::Zstd => Some(HeaderValue::from_static("zstd")),
        }
    }
}

impl Accepted {
    fn of(request: &HeaderMap) -> Self {
        let mut accepted = Self::default();
        let values = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        for coding in values.flat_map(|value| value.split(',')) {
            let (name, parameter) = coding.split_once(';').map_or((coding, None), |(n, p)| (n, Some(p)));
            // Members that cannot be parsed are ignored.
            let Some(weight) = parameter.map_or(Some(1000), weight) else { continue };
            let slot = match name.trim().to_ascii_lowercase().as_str() {
                "zstd" => &mut accepted.zstd,
                "gzip" | "x-gzip" => &mut accepted.gzip,
                "identity" => &mut accepted.identity,
                "*" => &mut accepted.others,
                _ => continue,
            };
            slot.get_or_insert(weight);
        }
        accepted
    }
}

/// Parses a weight such as `q=0.5` into thousandths.
fn weight(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.trim().split_once('=')?;
    let value: f32 = value.parse().ok()?;
    let good = name.eq_ignore_ascii_case("q") && (0.0..=1.0).contains(&value);
    good.then_some((value * 1000.0).round() as u16)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn chosen(values: &[&'static str], length: u64) -> Coding {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
        }
        Coding::choose(&headers, length)
    }

    #[test]
    fn the_coding_with_the_highest_weight_is_chosen() {
        use Coding::{Gzip, Identity, Zstd};
        for (accept, expected) in [
            ("", Identity),
            ("br", Identity),
            ("zstd", Zstd),
            ("ZSTD", Zstd),
            ("gzip, deflate, br, zstd", Zstd),
            ("gzip", Gzip),
            ("x-gzip", Gzip),
            ("gzip, deflate", Gzip),
            ("zstd;q=0.5, gzip", Gzip),
            ("zstd; q=0.501 ,gzip;Q=0.5", Zstd),
            ("zstd;q=0, gzip;q=0", Identity),
            ("zstd;q=0, gzip;q=0.001", Gzip),
            ("identity, gzip;q=0.5", Identity),
            ("identity;q=0.5, gzip;q=0.5", Gzip),
            ("*", Gzip),
            ("*;q=0", Identity),
            ("*;q=0, gzip", Gzip),
            ("*, gzip;q=0", Identity),
            ("identity;q=0, *", Gzip),
            ("zstd;q=2, gzip;q=x, identity;q", Identity),
            ("zstd;q=nan, gzip;q=-1", Identity),
        ] {
            assert_eq!(chosen(&[accept], 5_000), expected, "{accept:?}");
        }
        assert_eq!(chosen(&[], 5_000), Identity);
        assert_eq!(chosen(&["br", "gzip"], 5_000), Gzip);
    }

    #[test]
    fn small_responses_are_compressed_only_on_demand() {
        assert_eq!(chosen(&["zstd, gzip"], 1_023), Coding::Identity);
        assert_eq!(chosen(&["zstd, gzip"], 1_024), Coding::Zstd);
        assert_eq!(chosen(&["zstd, gzip, identity;q=0"], 5), Coding::Zstd);
        assert_eq!(chosen(&["gzip, *;q=0"], 5), Coding::Gzip);
    }
}
