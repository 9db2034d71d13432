//! Repeated measurements. Because machines are noisy, two sides are measured in turns, and their
//! medians are compared.

use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Times of repeated runs, in ascending order.
#[derive(Clone, Debug)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Returns the times of at least one measurement.
    pub fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// Returns the median, or zero without any measurement.
    pub fn median(&self) -> Duration {
        self.0.get(self.0.len() / 2).copied().unwrap_or_default()
    }

    /// Returns the time that `percent` percent of the measurements do not exceed.
    pub fn percentile(&self, percent: usize) -> Duration {
        let last = self.0.len().saturating_sub(1);
        self.0.get(last * percent / 100).copied().unwrap_or_default()
    }

    /// Returns these measurements and the others.
    pub fn and(self, others: Self) -> Self {
        Self::new([self.0, others.0].concat())
    }

    /// Returns the median of `others` divided by that of these times.
    pub fn faster_than(&self, others: &Self) -> f64 {
        others.median().as_secs_f64() / self.median().as_secs_f64()
    }
}

impl fmt::Display for Times {
    /// Writes the median, and the range in brackets, in milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| match time.as_secs_f64() * 1e3 {
            long if long >= 100.0 => format!("{long:.0}"),
            short => format!("{short:.2}"),
        };
        let [least, most] = [self.percentile(0), self.percentile(100)].map(ms);
        write!(f, "{} ms [{least} … {most}]", ms(self.median()))
    }
}

/// Collects measurements.
impl FromIterator<Duration> for Times {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        Self::new(times.into_iter().collect())
    }
}

/// Runs `run` and returns its duration and its result.
pub fn time<R>(run: impl FnOnce() -> R) -> (Duration, R) {
    let begin = Instant::now();
    let result = black_box(run());
    (begin.elapsed(), result)
}

/// Measures `ours` and `theirs` in turns.
///
/// # Errors
/// Fails if one of them fails.
pub fn in_turns(
    repetitions: usize,
    mut ours: impl FnMut() -> anyhow::Result<Duration>,
    mut theirs: impl FnMut() -> anyhow::Result<Duration>,
) -> anyhow::Result<(Times, Times)> {
    let (mut our, mut their) = (Vec::new(), Vec::new());
    for _ in 0..repetitions {
        our.push(ours()?);
        their.push(theirs()?);
    }
    Ok((Times::new(our), Times::new(their)))
}

#[cfg(test)]
#[allow(unused_imports, dead_code, reason = "a benchmark has no test harness; tests/ runs these")]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_and_the_spread_is_shown() {
        let times: Times = [30, 10, 20].into_iter().map(Duration::from_millis).collect();
        assert_eq!(times.median(), Duration::from_millis(20));
        assert_eq!(times.percentile(0), Duration::from_millis(10));
        assert_eq!(times.to_string(), "20.00 ms [10.00 … 30.00]");
        let slow: Times = [Duration::from_millis(40)].into_iter().collect();
        assert!((times.faster_than(&slow) - 2.0).abs() < 1e-9);
    }
}
