//! Bearer tokens: JWT, HS256, claims `sub` and `exp` (spec 06 §5).
//!
//! Any `sub` will do, but there must be one; `exp` is in seconds and has no grace, as `nbf` has none if it is there: the clocks of server and
//! clients must agree to within the life of a token, 10 s for those of the reference. Clients mint a token per request.
//!
//! The algorithm is the server's choice, never the token's: one whose header says anything but HS256 is refused before its signature is looked
//! at, and so is one that names extensions in `crit`. Signatures are compared in constant time.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header::AUTHORIZATION},
    middleware::Next,
    response::Response,
};
use chrono::{DateTime, TimeDelta, Utc};
use jwt_compact::{
    AlgorithmExt, Claims, Header, TimeOptions, UntrustedToken, ValidationError,
    alg::{Hs256, Hs256Key},
};
use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};

use super::error::ApiError;
use crate::config::Secret;

/// Subject of the tokens that the clients of this crate mint, as the reference's client does.
pub const CLIENT_SUBJECT: &str = "Authorization";

/// Life of a token that is minted for one request.
pub const REQUEST_TTL: Duration = Duration::from_secs(10);

/// Longest token that is looked at, in bytes; those of the clients have about 150.
const MAX_TOKEN_BYTES: usize = 4096;

/// Checks and mints tokens with one secret.
#[derive(Clone)]
pub struct Authenticator {
    key: Hs256Key,
}

/// Why a token is not accepted. All of these are 401; the words go to the client, which holds the token anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No `Authorization: Bearer …` header.
    #[error("send the header Authorization: Bearer TOKEN")]
    Missing,
    /// More than one `Authorization` header: which of them counts would be anybody's guess.
    #[error("send one Authorization header, not several")]
    Repeated,
    /// Far longer than a token has reason to be.
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// It asks for extensions that must be understood, and none is.
    #[error("the token asks for extensions (crit) that are not known here")]
    Critical,
    /// Not three parts of base64, or not the JSON of a token.
    #[error("the token is malformed")]
    Malformed,
    /// Another algorithm than HS256.
    #[error("the token is not signed with HS256")]
    WrongAlgorithm,
    /// Signed with another secret.
    #[error("the token is signed with another secret")]
    WrongSignature,
    /// `sub` or `exp` is absent or not of its type.
    #[error("the token lacks the claim sub or exp")]
    MissingClaim,
    /// It is not the operator's.
    #[error("the token is not the configured operator_token")]
    WrongOperator,
    /// `exp` has passed, or `nbf` is still to come.
    #[error("the token is expired or not yet valid")]
    Expired,
}

/// A token could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The life is beyond what a token can state.
    #[error("a token cannot live that long; ask for a shorter time")]
    TooLong,
    /// The token could not be written as JSON.
    #[error("the token could not be encoded: {0}")]
    Encoding(String),
}

#[derive(Serialize, Deserialize)]
struct Subject {
    sub: String,
}

/// What the header of a token may have beside what the crate knows.
#[derive(Clone, Deserialize)]
struct Extensions {
    /// Whether there is a `crit`, whatever it says.
    #[serde(default, rename = "crit", deserialize_with = "is_there")]
    critical: bool,
}

fn is_there<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}

impl Authenticator {
    /// For this secret.
    pub fn new(secret: &Secret) -> Self {
        Self { key: Hs256Key::new(secret.expose()) }
    }

    /// Accepts or refuses a token at time `now`; gives its subject.
    ///
    /// # Errors
    /// See [`AuthError`].
    pub fn verify_at(&self, token: &str, now: DateTime<Utc>) -> Result<String, AuthError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(AuthError::TooLong);
        }
        let token = UntrustedToken::<Extensions>::try_from(token).map_err(|_| AuthError::Malformed)?;
        if token.header().other_fields.critical {
            return Err(AuthError::Critical);
        }
        let token = Hs256.validator::<Subject>(&self.key).validate(&token).map_err(|error| match error {
            ValidationError::AlgorithmMismatch { .. } => AuthError::WrongAlgorithm,
            ValidationError::MalformedClaims(_) | ValidationError::NoClaim(_) => AuthError::MissingClaim,
            _ => AuthError::WrongSignature,
        })?;
        let claims = token.claims();
        let time = TimeOptions::new(TimeDelta::zero(), || now);
        claims.validate_expiration(&time).map_err(|error| match error {
            ValidationError::NoClaim(_) => AuthError::MissingClaim,
            _ => AuthError::Expired,
        })?;
        if claims.not_before.is_some() && claims.validate_maturity(&time).is_err() {
            return Err(AuthError::Expired);
        }
        Ok(claims.custom.sub.clone())
    }

    /// [`verify_at`](Self::verify_at) the present, for the token of a request.
    ///
    /// # Errors
    /// See [`AuthError`].
    pub fn verify_headers(&self, headers: &HeaderMap) -> Result<String, AuthError> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let header = values.next().and_then(|value| value.to_str().ok()).ok_or(AuthError::Missing)?;
        if values.next().is_some() {
            return Err(AuthError::Repeated);
        }
        match header.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                self.verify_at(token.trim(), Utc::now())
            }
            _ => Err(AuthError::Missing),
        }
    }

    /// A token for `subject` that expires `ttl` from now, cut to whole seconds.
    ///
    /// # Errors
    /// See [`MintError`].
    pub fn mint(&self, subject: &str, ttl: Duration) -> Result<String, MintError> {
        let expiration = TimeDelta::from_std(ttl).ok().and_then(|ttl| Utc::now().checked_add_signed(ttl));
        let mut claims = Claims::new(Subject { sub: subject.to_owned() });
        claims.expiration = Some(expiration.ok_or(MintError::TooLong)?);
        let header = Header::empty().with_token_type("JWT");
        Hs256.token(&header, &claims, &self.key).map_err(|error| MintError::Encoding(error.to_string()))
    }
}

/// Middleware: lets a request through only with a good token. Put it outside the router, fallbacks included: 401 comes
/// before 404, 405 and 400.
///
/// ```
/// # use std::sync::Arc;
/// # use axum::{Router, middleware::from_fn_with_state, routing::get};
/// # use zksync_witness_server::{config::Secret, server::auth::{Authenticator, require_token}};
/// # let secret = Secret::new("s")?;
/// let auth = Arc::new(Authenticator::new(&secret));
/// let app: Router = Router::new().route("/status", get(|| async { "alive" }));
/// let app = app.layer(from_fn_with_state(auth, require_token));
/// # drop(app);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`ApiError::Unauthorized`].
pub async fn require_token(
    State(auth): State<Arc<Authenticator>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    auth.verify_headers(request.headers()).map_err(ApiError::Unauthorized)?;
    Ok(next.run(request).await)
}

/// Middleware: lets a request through only with the operator's token, compared in constant time.
///
/// # Errors
/// [`ApiError::NoOperator`] when none is configured, [`ApiError::Unauthorized`].
pub async fn require_operator(
    State(operator): State<Option<Arc<Secret>>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let operator = operator.ok_or(ApiError::NoOperator)?;
    let mut values = request.headers().get_all(AUTHORIZATION).iter();
    let header = values.next().and_then(|value| value.to_str().ok());
    let header = header.ok_or(ApiError::Unauthorized(AuthError::Missing))?;
    if values.next().is_some() {
        return Err(ApiError::Unauthorized(AuthError::Repeated));
    }
    let given = match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => return Err(ApiError::Unauthorized(AuthError::Missing)),
    };
    // Hashes are of one length, and compared in constant time.
    if blake3::hash(given.as_bytes()) != blake3::hash(operator.expose()) {
        return Err(ApiError::Unauthorized(AuthError::WrongOperator));
    }
    Ok(next.run(request).await)
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

    fn verify(token: &str) -> Result<String, AuthError> {
        authenticator().verify_at(token, Utc::now())
    }

    #[test]
    fn tokens_of_the_reference_get_the_same_verdict() {
        assert_eq!(verify(&vector("valid_far_future")).as_deref(), Ok("Authorization"));
        assert_eq!(verify(&vector("other_sub")).as_deref(), Ok("someone"));
        assert_eq!(verify(&vector("expired")), Err(AuthError::Expired));
        assert_eq!(verify(&vector("hs512")), Err(AuthError::WrongAlgorithm));
        assert_eq!(verify(&vector("no_exp")), Err(AuthError::MissingClaim));
        assert_eq!(verify(&vector("no_sub")), Err(AuthError::MissingClaim));
        assert_eq!(verify(&vector("wrong_secret")), Err(AuthError::WrongSignature));
    }

    #[test]
    fn nonsense_and_unsigned_tokens_are_refused() {
        for token in ["", ".", "..", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIiwiZXhwIjo0MTAyNDQ0ODAwfQ."] {
            assert!(verify(token).is_err(), "{token}");
        }
        let good = vector("valid_far_future");
        let (unsigned, _) = good.rsplit_once('.').unwrap();
        assert!(verify(&format!("{unsigned}.")).is_err());
    }

    #[test]
    fn a_minted_token_is_good_until_it_expires() {
        let token = authenticator().mint(CLIENT_SUBJECT, REQUEST_TTL).unwrap();
        let at = |seconds| authenticator().verify_at(&token, Utc::now() + TimeDelta::seconds(seconds));
        assert_eq!(at(0).as_deref(), Ok(CLIENT_SUBJECT));
        assert_eq!(at(11), Err(AuthError::Expired));
        let exp = DateTime::from_timestamp(4_102_444_800, 0).unwrap();
        let far = vector("valid_far_future");
        assert!(authenticator().verify_at(&far, exp).is_ok(), "the last moment");
        let after = exp + TimeDelta::nanoseconds(1);
        assert_eq!(authenticator().verify_at(&far, after), Err(AuthError::Expired), "no grace");
        assert!(matches!(authenticator().mint("s", Duration::MAX), Err(MintError::TooLong)));
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
        assert_eq!(check(Some(&token)), Err(AuthError::Missing));
        assert_eq!(check(Some(&format!("Basic {token}"))), Err(AuthError::Missing));
        assert_eq!(check(None), Err(AuthError::Missing));
        let mut twice = HeaderMap::new();
        for _ in 0..2 {
            twice.append(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        }
        assert_eq!(authenticator().verify_headers(&twice), Err(AuthError::Repeated));
    }
}
