//! What a server has counted, as text for those who collect it.

use std::fmt::{self, Write as _};

use super::stats::Stats;

impl Stats {
    /// What the text of [`openmetrics`](Self::openmetrics) is, for `Content-Type`.
    pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// All numbers as text, which Prometheus and others collect:
    /// [OpenMetrics 1.0](https://prometheus.io/docs/specs/om/open_metrics_spec/).
    ///
    /// Names begin with `gopuram_`. Best on a port of its own, which clients cannot reach:
    ///
    /// ```no_run
    /// # use std::convert::Infallible;
    /// use gopuram::gateway::Stats;
    /// use gopuram::middleware::Router;
    /// use http::{Response, header::CONTENT_TYPE};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), gopuram::Error> {
    /// # let app = Router::<Infallible>::new();
    /// let server = gopuram::serve(app).bind("0.0.0.0:80").listen().await?;
    /// let handle = server.handle();
    /// let metrics = Router::<Infallible>::new().get("/metrics", move |_| {
    ///     let text = handle.stats().openmetrics();
    ///     async { Response::builder().header(CONTENT_TYPE, Stats::OPENMETRICS).body(text.into()).unwrap() }
    /// });
    /// tokio::try_join!(server.run(), gopuram::serve(metrics).bind("127.0.0.1:9100").into_future())?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn openmetrics(&self) -> String {
        let mut text = String::new();
        // Writing to a `String` does not fail.
        self.write(&mut text).ok();
        text
    }

    fn write(&self, text: &mut String) -> fmt::Result {
        let mut one = |name, kind, help, value| {
            let samples = &[("", "", value)];
            let family = Family {
                name,
                kind,
                help,
                samples,
            };
            family.write(text)
        };
        one(
            "connections_accepted",
            "counter",
            "Connections that were accepted.",
            self.accepted,
        )?;
        one(
            "connections_open",
            "gauge",
            "Connections that are open.",
            self.open,
        )?;
        one(
            "connections_full",
            "counter",
            "Times that all places were taken.",
            self.full,
        )?;
        one(
            "accept_errors",
            "counter",
            "Times that the system could not accept.",
            self.accept_errors,
        )?;
        one(
            "requests",
            "counter",
            "Requests, those refused included.",
            self.requests,
        )?;
        one(
            "requests_in_flight",
            "gauge",
            "Requests not answered as a whole.",
            self.in_flight,
        )?;
        one(
            "http2_streams",
            "counter",
            "Requests that came over HTTP/2.",
            self.streams,
        )?;
        one(
            "http2_streams_open",
            "gauge",
            "Streams of HTTP/2 that are open.",
            self.open_streams,
        )?;
        one(
            "received_bytes",
            "counter",
            "Bytes read from connections.",
            self.bytes_in,
        )?;
        one(
            "sent_bytes",
            "counter",
            "Bytes written to connections.",
            self.bytes_out,
        )?;
        for (name, help, samples) in [
            (
                "connections_refused",
                "Connections refused before any request.",
                [
                    ("reason", "per_client", self.refused_per_client),
                    ("reason", "proxy_header", self.refused_proxy_header),
                    ("reason", "proxy_peer", self.refused_proxy_peer),
                ]
                .as_slice(),
            ),
            (
                "requests_refused",
                "Requests refused before the application saw them.",
                &[
                    ("reason", "malformed", self.heads_malformed),
                    ("reason", "not_implemented", self.heads_not_implemented),
                    ("reason", "too_large", self.heads_too_large),
                ],
            ),
            (
                "deadlines_hit",
                "Connections and bodies that took too long.",
                &[
                    ("deadline", "body", self.late_bodies),
                    ("deadline", "head", self.late_heads),
                    ("deadline", "idle", self.idle),
                    ("deadline", "linger", self.lingered),
                    ("deadline", "proxy_header", self.late_proxy_headers),
                    ("deadline", "write", self.late_reads),
                ],
            ),
            (
                "connections_ended",
                "Connections that were open when the server was to end.",
                &[("how", "cut", self.cut), ("how", "drained", self.drained)],
            ),
        ] {
            let kind = "counter";
            let family = Family {
                name,
                kind,
                help,
                samples,
            };
            family.write(text)?;
        }
        text.write_str("# EOF\n")
    }
}

/// What has one name; the samples differ by a label, if they have one.
struct Family<'a> {
    name: &'a str,
    kind: &'a str,
    help: &'a str,
    samples: &'a [(&'a str, &'a str, u64)],
}

impl Family<'_> {
    fn write(&self, text: &mut String) -> fmt::Result {
        let Self {
            name,
            kind,
            help,
            samples,
        } = self;
        writeln!(text, "# TYPE gopuram_{name} {kind}")?;
        if name.ends_with("_bytes") {
            writeln!(text, "# UNIT gopuram_{name} bytes")?;
        }
        writeln!(text, "# HELP gopuram_{name} {help}")?;
        let total = if *kind == "counter" { "_total" } else { "" };
        for (label, of, value) in *samples {
            if label.is_empty() {
                writeln!(text, "gopuram_{name}{total} {value}")?;
            } else {
                writeln!(text, "gopuram_{name}{total}{{{label}=\"{of}\"}} {value}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_a_type_a_unit_and_an_end() {
        let stats = Stats {
            open: 2,
            bytes_in: 7,
            late_heads: 3,
            ..Stats::default()
        };
        let text = stats.openmetrics();
        for part in [
            "# TYPE gopuram_connections_open gauge\n# HELP gopuram_connections_open Connections that are open.\n\
             gopuram_connections_open 2\n",
            "# TYPE gopuram_received_bytes counter\n# UNIT gopuram_received_bytes bytes\n",
            "gopuram_received_bytes_total 7\n",
            "gopuram_deadlines_hit_total{deadline=\"head\"} 3\n",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(text.ends_with("\n# EOF\n"));
        let names = |line: &str| Some(line.strip_prefix("# TYPE ")?.to_owned());
        let mut names: Vec<_> = text.lines().filter_map(names).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "a name is there twice");
    }
}
