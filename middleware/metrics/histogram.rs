//! Histograms: how many were at most so much, and how much they were together.

use std::sync::atomic::{AtomicU64, Ordering};

/// The bounds of a histogram, and how they are written.
///
/// The text is that of the canonical numbers of OpenMetrics, in both formats: a bound that is written in two ways is
/// two bounds for who collects.
pub(super) type Bounds = [(u64, &'static str)];

/// Of times in nanoseconds: those that OpenTelemetry advises for durations of HTTP.
pub(super) const TIMES: [(u64, &str); 14] = [
    (5_000_000, "0.005"),
    (10_000_000, "0.01"),
    (25_000_000, "0.025"),
    (50_000_000, "0.05"),
    (75_000_000, "0.075"),
    (100_000_000, "0.1"),
    (250_000_000, "0.25"),
    (500_000_000, "0.5"),
    (750_000_000, "0.75"),
    (1_000_000_000, "1.0"),
    (2_500_000_000, "2.5"),
    (5_000_000_000, "5.0"),
    (7_500_000_000, "7.5"),
    (10_000_000_000, "10.0"),
];

/// Of lengths in bytes: from nothing at all to 64 MiB, each four times the one before.
pub(super) const LENGTHS: [(u64, &str); 11] = [
    (0, "0.0"),
    (1 << 8, "256.0"),
    (1 << 10, "1024.0"),
    (1 << 12, "4096.0"),
    (1 << 14, "16384.0"),
    (1 << 16, "65536.0"),
    (1 << 18, "262144.0"),
    (1 << 20, "1.048576e+06"),
    (1 << 22, "4.194304e+06"),
    (1 << 24, "1.6777216e+07"),
    (1 << 26, "6.7108864e+07"),
];

/// How many cells a histogram of times has: one for each bound, one for what is more, and the sum.
pub(super) const TIME_CELLS: usize = TIMES.len() + 2;

/// How many cells a histogram of lengths has.
pub(super) const LENGTH_CELLS: usize = LENGTHS.len() + 2;

/// Counts `value` in the cells of a histogram.
#[inline]
pub(super) fn count(cells: &[AtomicU64], bounds: &Bounds, value: u64) {
    let at = bounds.partition_point(|(bound, _)| *bound < value);
    if let Some(cell) = cells.get(at) {
        cell.fetch_add(1, Ordering::Relaxed);
    }
    if let Some(sum) = cells.last() {
        sum.fetch_add(value, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_counted_at_the_first_bound_that_is_not_less() {
        let cells: [AtomicU64; LENGTH_CELLS] = std::array::from_fn(|_| AtomicU64::new(0));
        for value in [0, 1, 256, 257, u64::MAX >> 1] {
            count(&cells, &LENGTHS, value);
        }
        let cells = cells.map(AtomicU64::into_inner);
        assert_eq!(cells[..4], [1, 2, 1, 0]);
        assert_eq!(cells[11], 1);
        assert_eq!(cells[12], (u64::MAX >> 1) + 514);
    }

    #[test]
    fn bounds_rise_and_are_written_as_they_are() {
        for (bounds, unit) in [(&TIMES[..], 1e9), (&LENGTHS[..], 1.0)] {
            assert!(bounds.is_sorted_by(|a, b| a.0 < b.0));
            for (bound, text) in bounds {
                let written: f64 = text.parse().unwrap();
                #[expect(clippy::cast_precision_loss, reason = "bounds are small")]
                let is = *bound as f64 / unit;
                assert!((written - is).abs() < f64::EPSILON, "{text}");
            }
        }
    }
}
