//! Bearer tokens: minting and checking of JWTs, and the operator's token
//! (docs/protocol/06-server.md §5).
//!
//! A JWT is signed with HS256 and has the claims `sub` and `exp`. Any `sub` is accepted, but it
//! must be present. `exp` is in seconds; it and `nbf`, if present, are checked with a leeway of
//! [`LEEWAY`], zero: the clocks of server and clients must agree to within the lifetime of a token,
//! 10 s for those of the reference. Clients mint a token for each request, which lives as long as
//! its body may take to arrive: a proxy may pass the request on only when it has the whole body.
//!
//! The server chooses the algorithm, never the token: a token whose header names anything but HS256
//! is refused before its signature is checked, and so is one that names extensions in `crit`.
//! Signatures are compared in constant time.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use hyper::{HeaderMap, header::AUTHORIZATION};
use jwt_compact::{
    AlgorithmExt, Claims, Header, TimeOptions, UntrustedToken, ValidationError,
    alg::{Hs256, Hs256Key},
};
use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};

use crate::config::Secret;

/// Subject of the tokens that clients of this crate mint; the reference's client uses the same.
pub const CLIENT_SUBJECT: &str = "Authorization";

/// Lifetime of a token that is minted for a request without a body.
pub const REQUEST_TTL: Duration = Duration::from_secs(10);

/// Rate, in bytes per second, at which the body of a request arrives at least: a slow mobile
/// network.
const MIN_UPLOAD_RATE: u64 = 4 << 10;

/// Tolerated difference between the clocks of server and client when `exp` and `nbf` are checked.
pub const LEEWAY: TimeDelta = TimeDelta::zero();

/// Code of the problem of a token whose time has passed.
pub(crate) const TOKEN_EXPIRED: &str = "token_expired";

/// Code of the problem of a token whose time has not come.
pub(crate) const TOKEN_NOT_YET_VALID: &str = "token_not_yet_valid";

/// Longest token that is parsed, in bytes; those of clients have about 150.
const MAX_TOKEN_BYTES: usize = 4096;

/// Checks and mints JWTs with one secret.
#[derive(Clone)]
pub struct Authenticator {
    key: Hs256Key,
}

/// The token of the operator. Only its hash is kept.
#[derive(Debug, Clone, Copy)]
pub struct OperatorToken(blake3::Hash);

/// Reason why a request is not authorized; each is answered with 401. The messages go to the
/// client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// No `Authorization: Bearer …` header is present.
    #[error("no token was sent; send the header Authorization: Bearer TOKEN")]
    Missing,
    /// More than one `Authorization` header is present, so it is ambiguous which one counts.
    #[error("the request has several Authorization headers; send one")]
    Repeated,
    /// The token is longer than `MAX_TOKEN_BYTES`.
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// The header demands extensions, none of which are supported.
    #[error("the token demands extensions (crit), which are not supported")]
    Critical,
    /// The token is not three parts of base64, or its parts are not the JSON of a token.
    #[error("the token is malformed")]
    Malformed,
    /// The algorithm is not HS256.
    #[error("the token is not signed with HS256")]
    WrongAlgorithm,
    /// The token is signed with another secret.
    #[error("the token is signed with another secret")]
    WrongSignature,
    /// `sub` or `exp` is missing or has the wrong type.
    #[error("the token lacks the claim sub or exp")]
    MissingClaim,
    /// The token differs from the operator's.
    #[error("the token is not the configured operator_token")]
    WrongOperator,
    /// `exp` has passed.
    #[error(
        "the token expired {} ago: the clock of this server says {}; check the clocks of both machines, and proxies that hold requests back",
        difference(*.expiry, *.now), seconds(*.now)
    )]
    Expired {
        /// The time of `exp`.
        expiry: DateTime<Utc>,
        /// The time of the check.
        now: DateTime<Utc>,
    },
    /// `nbf` is in the future.
    #[error(
        "the token is not valid for another {}: the clock of this server says {}; check the clocks of both machines",
        difference(*.now, *.begin), seconds(*.now)
    )]
    NotYetValid {
        /// The time of `nbf`.
        begin: DateTime<Utc>,
        /// The time of the check.
        now: DateTime<Utc>,
    },
}

/// Returns the time from `earlier` to `later`, in whole seconds.
fn difference(earlier: DateTime<Utc>, later: DateTime<Utc>) -> String {
    format!("{} s", later.signed_duration_since(earlier).num_seconds())
}

fn seconds(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

impl TokenError {
    /// Returns the stable code of the problem.
    pub fn code(self) -> &'static str {
        match self {
            Self::Expired { .. } => TOKEN_EXPIRED,
            Self::NotYetValid { .. } => TOKEN_NOT_YET_VALID,
            _ => "unauthorized",
        }
    }

    /// Returns true if the sender signed with, or sent, a secret that is not the configured one.
    pub fn is_wrong_secret(self) -> bool {
        matches!(self, Self::WrongSignature | Self::WrongOperator)
    }
}

/// Error of [`Authenticator::mint`].
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The expiry is beyond what a token can state.
    #[error("the lifetime of the token is too long; choose a shorter one")]
    TooLong,
    /// The token could not be written as JSON.
    #[error("the token could not be encoded: {0}")]
    Encoding(String),
}

#[derive(Serialize, Deserialize)]
struct Subject {
    sub: String,
}

/// Header fields of a token that `jwt_compact` does not know.
#[derive(Clone, Deserialize)]
struct Extensions {
    /// True if `crit` is present, whatever its value.
    #[serde(default, rename = "crit", deserialize_with = "is_present")]
    critical: bool,
}

fn is_present<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}

impl Authenticator {
    /// Returns an authenticator that works with `secret`.
    pub fn new(secret: &Secret) -> Self {
        Self { key: Hs256Key::new(secret.expose()) }
    }

    /// Checks a token at the time `now` and returns its subject.
    pub fn verify_at(&self, token: &str, now: DateTime<Utc>) -> Result<String, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong);
        }
        let token = UntrustedToken::<Extensions>::try_from(token).map_err(|_| TokenError::Malformed)?;
        if token.header().other_fields.critical {
            return Err(TokenError::Critical);
        }
        let token = Hs256.validator::<Subject>(&self.key).validate(&token).map_err(|error| match error {
            ValidationError::AlgorithmMismatch { .. } => TokenError::WrongAlgorithm,
            ValidationError::MalformedClaims(_) | ValidationError::NoClaim(_) => TokenError::MissingClaim,
            _ => TokenError::WrongSignature,
        })?;
        let claims = token.claims();
        let time = TimeOptions::new(LEEWAY, || now);
        claims.validate_expiration(&time).map_err(|error| match error {
            ValidationError::NoClaim(_) => TokenError::MissingClaim,
            _ => TokenError::Expired { expiry: claims.expiration.unwrap_or(now), now },
        })?;
        if let Some(begin) = claims.not_before
            && claims.validate_maturity(&time).is_err()
        {
            return Err(TokenError::NotYetValid { begin, now });
        }
        Ok(claims.custom.sub.clone())
    }

    /// Checks the bearer token of a request at the present time and returns its subject.
    pub fn verify_headers(&self, headers: &HeaderMap) -> Result<String, TokenError> {
        self.verify_at(bearer(headers)?, Utc::now())
    }

    /// Mints a token for one request with a body of `body_bytes`, which the client gives up after
    /// `timeout`. It lives until the slowest network has carried the body.
    ///
    /// # Errors
    /// Those of [`mint`](Self::mint).
    pub fn mint_for_request(&self, body_bytes: usize, timeout: Duration) -> Result<String, MintError> {
        let upload = Duration::from_secs(body_bytes as u64 / MIN_UPLOAD_RATE);
        let life = REQUEST_TTL.saturating_add(upload).min(timeout.max(REQUEST_TTL));
        self.mint(CLIENT_SUBJECT, life)
    }

    /// Mints a token for `subject` that expires `ttl` from now, rounded down to whole seconds.
    ///
    /// # Errors
    /// [`MintError::TooLong`] if the expiry cannot be represented.
    pub fn mint(&self, subject: &str, ttl: Duration) -> Result<String, MintError> {
        let expiration = TimeDelta::from_std(ttl).ok().and_then(|ttl| Utc::now().checked_add_signed(ttl));
        let mut claims = Claims::new(Subject { sub: subject.to_owned() });
        claims.expiration = Some(expiration.ok_or(MintError::TooLong)?);
        let header = Header::empty().with_token_type("JWT");
        Hs256.token(&header, &claims, &self.key).map_err(|error| MintError::Encoding(error.to_string()))
    }
}

impl OperatorToken {
    /// Returns the operator token with this text.
    pub fn new(secret: &Secret) -> Self {
        Self(blake3::hash(secret.expose()))
    }

    /// Checks the bearer token of a request. Hashes of equal length are compared in constant time.
    ///
    /// # Errors
    /// [`TokenError::Missing`], [`TokenError::Repeated`] or [`TokenError::WrongOperator`].
    pub fn verify_headers(&self, headers: &HeaderMap) -> Result<(), TokenError> {
        let token = bearer(headers)?;
        if blake3::hash(token.as_bytes()) == self.0 { Ok(()) } else { Err(TokenError::WrongOperator) }
    }
}

/// Returns the bearer token of a request that has exactly one `Authorization` header.
fn bearer(headers: &HeaderMap) -> Result<&str, TokenError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let header = values.next().and_then(|value| value.to_str().ok()).ok_or(TokenError::Missing)?;
    if values.next().is_some() {
        return Err(TokenError::Repeated);
    }
    match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(TokenError::Missing),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn vector(name: &str) -> String {
        let all: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/protocol/jwt.json")).unwrap();
        all[name].as_str().unwrap().to_owned()
    }

    fn authenticator() -> Authenticator {
        Authenticator::new(&Secret::new(vector("secret")).unwrap())
    }

    fn verify(token: &str) -> Result<String, TokenError> {
        authenticator().verify_at(token, Utc::now())
    }

    #[test]
    fn tokens_of_the_reference_get_the_same_verdict() {
        assert_eq!(verify(&vector("valid_far_future")).as_deref(), Ok("Authorization"));
        assert_eq!(verify(&vector("other_sub")).as_deref(), Ok("someone"));
        assert!(matches!(verify(&vector("expired")), Err(TokenError::Expired { .. })));
        assert_eq!(verify(&vector("hs512")), Err(TokenError::WrongAlgorithm));
        assert_eq!(verify(&vector("no_exp")), Err(TokenError::MissingClaim));
        assert_eq!(verify(&vector("no_sub")), Err(TokenError::MissingClaim));
        assert_eq!(verify(&vector("wrong_secret")), Err(TokenError::WrongSignature));
    }

    #[test]
    fn malformed_and_unsigned_tokens_are_refused() {
        for token in ["", ".", "..", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIiwiZXhwIjo0MTAyNDQ0ODAwfQ."] {
            assert!(verify(token).is_err(), "{token}");
        }
        let good = vector("valid_far_future");
        let (unsigned, _) = good.rsplit_once('.').unwrap();
        assert!(verify(&format!("{unsigned}.")).is_err());
    }

    #[test]
    fn a_minted_token_is_valid_until_it_expires() {
        let token = authenticator().mint(CLIENT_SUBJECT, REQUEST_TTL).unwrap();
        let at = |seconds| authenticator().verify_at(&token, Utc::now() + TimeDelta::seconds(seconds));
        assert_eq!(at(0).as_deref(), Ok(CLIENT_SUBJECT));
        assert!(matches!(at(11), Err(TokenError::Expired { .. })));
        let exp = DateTime::from_timestamp(4_102_444_800, 0).unwrap();
        let far = vector("valid_far_future");
        assert!(authenticator().verify_at(&far, exp).is_ok(), "the last moment");
        let after = exp + TimeDelta::nanoseconds(1);
        let expired = authenticator().verify_at(&far, after);
        assert_eq!(expired, Err(TokenError::Expired { expiry: exp, now: after }), "the leeway is zero");
        assert!(matches!(authenticator().mint("s", Duration::MAX), Err(MintError::TooLong)));
    }

    #[test]
    fn expired_and_not_yet_valid_tokens_are_told_apart_with_the_difference_of_the_clocks() {
        let now = DateTime::from_timestamp(4_102_444_800, 0).unwrap() + TimeDelta::seconds(40);
        let expired = authenticator().verify_at(&vector("valid_far_future"), now).unwrap_err();
        assert_eq!(expired.code(), "token_expired");
        let message = expired.to_string();
        assert!(message.contains("40 s ago") && message.contains("2100-01-01T00:00:40Z"), "{message}");
        let mut claims = Claims::new(Subject { sub: "s".to_owned() });
        claims.expiration = Some(now + TimeDelta::hours(1));
        claims.not_before = Some(now + TimeDelta::seconds(90));
        let token = Hs256.token(&Header::empty(), &claims, &authenticator().key).unwrap();
        let early = authenticator().verify_at(&token, now).unwrap_err();
        assert_eq!(early.code(), "token_not_yet_valid");
        let message = early.to_string();
        assert!(message.contains("another 90 s") && message.contains("2100-01-01T00:00:40Z"), "{message}");
    }

    #[test]
    fn the_token_of_a_request_lives_until_its_body_has_arrived() {
        let life = |bytes, timeout| {
            let token = authenticator().mint_for_request(bytes, Duration::from_secs(timeout)).unwrap();
            let valid =
                |seconds| authenticator().verify_at(&token, Utc::now() + TimeDelta::seconds(seconds)).is_ok();
            (0..100_000).find(|seconds| !valid(*seconds)).unwrap()
        };
        for (bytes, timeout, expected) in
            [(0, 600, 10), (400 << 10, 600, 110), (64 << 20, 600, 600), (0, 1, 10)]
        {
            let found = life(bytes, timeout);
            assert!((expected - 2..=expected + 1).contains(&found), "{bytes} {timeout}: {found}");
        }
    }

    #[test]
    fn the_header_must_be_a_bearer() {
        let check = |value: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(AUTHORIZATION, value.parse().unwrap());
            }
            authenticator().verify_headers(&headers)
        };
        let token = vector("valid_far_future");
        assert!(check(Some(&format!("Bearer {token}"))).is_ok());
        assert!(check(Some(&format!("bearer  {token}"))).is_ok());
        assert_eq!(check(Some(&token)), Err(TokenError::Missing));
        assert_eq!(check(Some(&format!("Basic {token}"))), Err(TokenError::Missing));
        assert_eq!(check(None), Err(TokenError::Missing));
        let mut twice = HeaderMap::new();
        for _ in 0..2 {
            twice.append(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        }
        assert_eq!(authenticator().verify_headers(&twice), Err(TokenError::Repeated));
    }
}
