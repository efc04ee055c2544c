//! Numbers as text, in the formats of Prometheus and of OpenMetrics.
//!
//! Written here and not by the crate `prometheus-client`: there a label set is looked up under a lock that all
//! cores take, is of a type that must be made for each look-up, and there may be ever more of them. What is left is a
//! page of text.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use super::histogram::{Bounds, LENGTHS, TIME_CELLS, TIMES};
use super::labels::{Key, METHODS, OTHER, Route};
use super::registry::ASKED_CELLS;
use super::snapshot::Snapshot;
use crate::outcome::Outcome;

/// The numbers of several registries, added up.
pub(super) struct Numbers {
    in_flight: [u64; METHODS.len()],
    answered: BTreeMap<Labels, [u64; TIME_CELLS]>,
    asked: BTreeMap<Labels, [u64; ASKED_CELLS]>,
}

/// A label set; what is empty is left out.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
struct Labels {
    route: String,
    method: &'static str,
    status: u16,
    error: &'static str,
}

/// How the text is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Format {
    /// Version 1.0 of OpenMetrics.
    OpenMetrics,
    /// Version 0.0.4 of Prometheus.
    Prometheus,
}

impl Format {
    /// What it is, for `Content-Type`.
    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

impl Numbers {
    pub(super) fn of<'a>(snapshots: impl IntoIterator<Item = &'a Snapshot>) -> Self {
        let mut numbers = Self {
            in_flight: [0; METHODS.len()],
            answered: BTreeMap::new(),
            asked: BTreeMap::new(),
        };
        for snapshot in snapshots {
            numbers.add(snapshot);
        }
        numbers
    }

    fn add(&mut self, snapshot: &Snapshot) {
        let routes: BTreeMap<u16, String> = snapshot
            .routes()
            .map(|(route, name)| (route.0, name))
            .collect();
        sum(&mut self.in_flight, snapshot.in_flight());
        for (key, cells) in snapshot.answered() {
            let all = self.answered.entry(Labels::of(key, &routes));
            sum(all.or_insert([0; TIME_CELLS]), cells);
        }
        for (key, cells) in snapshot.asked() {
            let all = self.asked.entry(Labels::of(key, &routes));
            sum(all.or_insert([0; ASKED_CELLS]), cells);
        }
    }

    /// All numbers as text.
    pub(super) fn text(&self, format: Format) -> String {
        let mut text = String::new();
        // Writing to a `String` does not fail.
        self.write(&mut Writer {
            text: &mut text,
            format,
        })
        .ok();
        text
    }

    fn write(&self, out: &mut Writer<'_>) -> fmt::Result {
        out.family(
            "http_server_requests",
            Kind::Counter,
            "Requests that have ended.",
        )?;
        for (labels, cells) in &self.answered {
            let counts = cells.iter().rev().skip(1);
            let count = counts.fold(0_u64, |sum, more| sum.wrapping_add(*more));
            out.sample("http_server_requests", "_total", labels, None, &count)?;
        }
        out.family(
            "http_server_request_duration_seconds",
            Kind::Histogram("seconds"),
            "Time from a request to the end of the response's body.",
        )?;
        for (labels, cells) in &self.answered {
            out.histogram(
                "http_server_request_duration_seconds",
                labels,
                &TIMES,
                cells,
            )?;
        }
        let families = [
            (
                "http_server_time_to_head_seconds",
                "seconds",
                "Time from a request to the head of the response.",
                &TIMES[..],
            ),
            (
                "http_server_request_body_size_bytes",
                "bytes",
                "Lengths of the bodies of requests, as far as they were read.",
                &LENGTHS[..],
            ),
            (
                "http_server_response_body_size_bytes",
                "bytes",
                "Lengths of the bodies of responses, as far as they were handed over.",
                &LENGTHS[..],
            ),
        ];
        let mut from = 0;
        for (name, unit, help, bounds) in families {
            out.family(name, Kind::Histogram(unit), help)?;
            let to = from + bounds.len() + 2;
            for (labels, cells) in &self.asked {
                let cells = cells.get(from..to).unwrap_or_default();
                out.histogram(name, labels, bounds, cells)?;
            }
            from = to;
        }
        out.family(
            "http_server_active_requests",
            Kind::Gauge,
            "Requests that have not ended.",
        )?;
        for (method, count) in METHODS.iter().zip(self.in_flight) {
            let labels = Labels {
                method,
                ..Labels::of(Key::asked(Route::NONE, 0), &BTreeMap::new())
            };
            // What is counted while it is read may seem to have ended before it began.
            let count = count.cast_signed().max(0);
            out.sample("http_server_active_requests", "", &labels, None, &count)?;
        }
        out.end()
    }
}

fn sum(all: &mut [u64], cells: &[u64]) {
    for (sum, cell) in all.iter_mut().zip(cells) {
        *sum = sum.wrapping_add(*cell);
    }
}

impl Labels {
    fn of(key: Key, routes: &BTreeMap<u16, String>) -> Self {
        let route = match key.route {
            Route::NONE => "",
            Route::OTHER => OTHER,
            Route(number) => routes.get(&number).map_or(OTHER, String::as_str),
        };
        Self {
            route: route.to_owned(),
            method: key.method(),
            status: key.status,
            error: match key.ending() {
                Outcome::Complete => "",
                other => other.as_str(),
            },
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
    /// Of this unit.
    Histogram(&'static str),
}

struct Writer<'a> {
    text: &'a mut String,
    format: Format,
}

impl Writer<'_> {
    /// What is said once of all that have a name.
    fn family(&mut self, name: &str, kind: Kind, help: &str) -> fmt::Result {
        // The older format names the samples, the newer one the family.
        let suffix = match (kind, self.format) {
            (Kind::Counter, Format::Prometheus) => "_total",
            _ => "",
        };
        let word = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        writeln!(self.text, "# HELP {name}{suffix} {help}")?;
        writeln!(self.text, "# TYPE {name}{suffix} {word}")?;
        match (kind, self.format) {
            (Kind::Histogram(unit), Format::OpenMetrics) => {
                writeln!(self.text, "# UNIT {name} {unit}")
            }
            _ => Ok(()),
        }
    }

    fn histogram(
        &mut self,
        name: &str,
        labels: &Labels,
        bounds: &Bounds,
        cells: &[u64],
    ) -> fmt::Result {
        let Some((total, counts)) = cells.split_last() else {
            return Ok(());
        };
        let mut count = 0_u64;
        let infinite = (0, "+Inf");
        for ((_, bound), more) in bounds.iter().chain([&infinite]).zip(counts) {
            count = count.wrapping_add(*more);
            self.sample(name, "_bucket", labels, Some(bound), &count)?;
        }
        if bounds.len() == TIMES.len() {
            self.sample(name, "_sum", labels, None, &Seconds(*total))?;
        } else {
            self.sample(name, "_sum", labels, None, total)?;
        }
        self.sample(name, "_count", labels, None, &count)
    }

    fn sample(
        &mut self,
        name: &str,
        suffix: &str,
        labels: &Labels,
        bound: Option<&str>,
        value: &dyn fmt::Display,
    ) -> fmt::Result {
        let text = &mut *self.text;
        write!(
            text,
            "{name}{suffix}{{http_request_method=\"{}\"",
            labels.method
        )?;
        if !labels.route.is_empty() {
            write!(text, ",http_route=\"{}\"", Escaped(&labels.route))?;
        }
        if labels.status != 0 {
            write!(text, ",http_response_status_code=\"{}\"", labels.status)?;
        }
        // As OpenTelemetry has it: what went wrong, the status where that says it.
        if !labels.error.is_empty() {
            write!(text, ",error_type=\"{}\"", labels.error)?;
        } else if labels.status >= 500 {
            write!(text, ",error_type=\"{}\"", labels.status)?;
        }
        if let Some(bound) = bound {
            write!(text, ",le=\"{bound}\"")?;
        }
        writeln!(text, "}} {value}")
    }

    fn end(&mut self) -> fmt::Result {
        match self.format {
            Format::OpenMetrics => self.text.write_str("# EOF\n"),
            Format::Prometheus => Ok(()),
        }
    }
}

/// Nanoseconds, written as seconds.
struct Seconds(u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(nanos) = self;
        write!(f, "{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
    }
}

/// The value of a label.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
