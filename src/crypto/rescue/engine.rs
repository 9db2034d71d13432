//! The engine in use: the best implementation of the permutation that this processor can run,
//! unless another one is forced.

use super::{Fma, Ifma};
use std::{
    fmt,
    str::FromStr,
    sync::atomic::{AtomicUsize, Ordering},
};
use thiserror::Error;

/// An implementation of the permutation, in ascending order of speed. All give the same results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// franklin-crypto, as the reference uses it. Slow; the other engines are tested against it.
    Franklin,
    /// Plain Rust for any processor.
    Portable,
    /// Up to sixteen states at a time in floating point (AVX2 and FMA of x86-64).
    Fma,
    /// Eight states at a time with the 52-bit multiply-add instructions of x86-64 (AVX-512 IFMA).
    Ifma,
}

/// Returned when the requested engine needs instructions that this processor lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "this processor lacks the instructions of the engine {0}; choose another engine, or auto for the best one"
)]
pub struct EngineUnavailable(pub Engine);

/// Returned when a text is not the name of an engine.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not an engine; the engines are franklin, portable, fma and avx512ifma")]
pub struct UnknownEngine(pub String);

impl Engine {
    /// All engines, in ascending order of speed.
    pub const ALL: [Self; 4] = [Self::Franklin, Self::Portable, Self::Fma, Self::Ifma];

    /// Returns the name in configuration, logs and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Franklin => "franklin",
            Self::Portable => "portable",
            Self::Fma => "fma",
            Self::Ifma => "avx512ifma",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Engine {
    type Err = UnknownEngine;

    fn from_str(name: &str) -> Result<Self, UnknownEngine> {
        Self::ALL
            .into_iter()
            .find(|engine| engine.name() == name)
            .ok_or_else(|| UnknownEngine(name.to_owned()))
    }
}

/// Index in [`Engine::ALL`] of the engine that [`force_engine`] chose; out of range before its
/// first call.
static FORCED: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Returns the engine in use: the forced one, else the best one that this processor can run.
pub fn engine() -> Engine {
    let forced = Engine::ALL.get(FORCED.load(Ordering::Relaxed)).copied();
    let best = || Engine::ALL.into_iter().rfind(|engine| is_available(*engine));
    forced.or_else(best).unwrap_or(Engine::Portable)
}

/// Makes the whole process use the given engine. Results do not depend on the engine.
///
/// # Errors
/// [`EngineUnavailable`] if this processor cannot run it.
pub fn force_engine(engine: Engine) -> Result<(), EngineUnavailable> {
    if !is_available(engine) {
        return Err(EngineUnavailable(engine));
    }
    FORCED.store(engine as usize, Ordering::Relaxed);
    Ok(())
}

/// Returns true if this processor can run the engine.
pub fn is_available(engine: Engine) -> bool {
    match engine {
        Engine::Franklin | Engine::Portable => true,
        Engine::Fma => Fma::detect().is_some(),
        Engine::Ifma => Ifma::detect().is_some(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_other_text_is_an_error() {
        for engine in Engine::ALL {
            assert_eq!(engine.to_string().parse(), Ok(engine));
        }
        for text in ["", "auto", "Portable", "ifma"] {
            let error = text.parse::<Engine>().unwrap_err().to_string();
            assert!(Engine::ALL.iter().all(|engine| error.contains(engine.name())), "{error}");
        }
    }

    #[test]
    fn an_engine_can_be_forced() {
        // Concurrent tests are not affected: their results do not depend on the engine.
        for engine in Engine::ALL {
            match force_engine(engine) {
                Ok(()) => assert_eq!(super::engine(), engine),
                Err(error) => assert_eq!(error, EngineUnavailable(engine)),
            }
        }
    }

    #[test]
    fn an_unavailable_engine_is_named_with_an_alternative() {
        let message = EngineUnavailable(Engine::Ifma).to_string();
        assert!(message.contains("avx512ifma") && message.contains("auto"), "{message}");
    }
}
