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
    /// use gopuram::Body;
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
    ///     async { Response::builder().header(CONTENT_TYPE, Stats::OPENMETRICS).body(Body::from(text)).unwrap() }
    /// });
    /// tokio::try_join!(server.run(), gopuram::serve(metrics).bind("127.0.0.1:9100").into_future())?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn openmetrics(&self) -> String {
        let mut text = String::new();
        // Writing to a `String` does not fail.
        self.alone(&mut text)
            .and_then(|()| self.labelled(&mut text))
            .and_then(|()| text.write_str("# EOF\n"))
            .ok();
        text
    }

    /// What is one number.
    fn alone(&self, text: &mut String) -> fmt::Result {
        for (name, kind, help, value) in [
            (
                "connections_accepted",
                COUNTER,
                "Connections that were accepted.",
                self.accepted,
            ),
            (
                "connections_open",
                GAUGE,
                "Connections that are open.",
                self.open,
            ),
            (
                "connections_full",
                COUNTER,
                "Times that all places were taken.",
                self.full,
            ),
            (
                "accept_errors",
                COUNTER,
                "Times that the system could not accept.",
                self.accept_errors,
            ),
            (
                "requests",
                COUNTER,
                "Requests, those refused included.",
                self.requests,
            ),
            (
                "requests_in_flight",
                GAUGE,
                "Requests not answered as a whole.",
                self.in_flight,
            ),
            (
                "http2_streams",
                COUNTER,
                "Requests that came over HTTP/2.",
                self.streams,
            ),
            (
                "http2_streams_in_flight",
                GAUGE,
                "Requests that came over HTTP/2 and are not answered as a whole; tunnels are.",
                self.streams_in_flight,
            ),
            (
                "received_bytes",
                COUNTER,
                "Bytes read from connections.",
                self.bytes_in,
            ),
            (
                "sent_bytes",
                COUNTER,
                "Bytes written to connections.",
                self.bytes_out,
            ),
        ] {
            family(text, name, kind, help, &[("", "", value)])?;
        }
        Ok(())
    }

    /// What is one number for each value of a label.
    fn labelled(&self, text: &mut String) -> fmt::Result {
        let help = "Connections refused before any request.";
        let samples = [
            ("reason", "front", self.refused_fronts),
            ("reason", "per_client", self.refused_per_client),
            ("reason", "proxy_header", self.refused_proxy_header),
            ("reason", "proxy_peer", self.refused_proxy_peer),
        ];
        family(text, "connections_refused", COUNTER, help, &samples)?;
        let help = "Requests refused before the application saw them.";
        let samples = [
            ("reason", "malformed", self.heads_malformed),
            ("reason", "not_implemented", self.heads_not_implemented),
            ("reason", "too_large", self.heads_too_large),
        ];
        family(text, "requests_refused", COUNTER, help, &samples)?;
        let help = "Connections and bodies that took too long.";
        let samples = [
            ("deadline", "body", self.late_bodies),
            ("deadline", "head", self.late_heads),
            ("deadline", "idle", self.idle),
            ("deadline", "linger", self.lingered),
            ("deadline", "proxy_header", self.late_proxy_headers),
            ("deadline", "write", self.late_reads),
        ];
        family(text, "deadlines_hit", COUNTER, help, &samples)?;
        let help = "Connections that were open when the server was to end.";
        let samples = [("how", "cut", self.cut), ("how", "drained", self.drained)];
        family(text, "connections_ended", COUNTER, help, &samples)
    }
}

const COUNTER: &str = "counter";
const GAUGE: &str = "gauge";

/// What has one name; the samples differ by a label, if they have one.
fn family(
    text: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    samples: &[(&str, &str, u64)],
) -> fmt::Result {
    writeln!(text, "# TYPE gopuram_{name} {kind}")?;
    if name.ends_with("_bytes") {
        writeln!(text, "# UNIT gopuram_{name} bytes")?;
    }
    writeln!(text, "# HELP gopuram_{name} {help}")?;
    let total = if kind == COUNTER { "_total" } else { "" };
    for (label, of, value) in samples {
        if label.is_empty() {
            writeln!(text, "gopuram_{name}{total} {value}")?;
        } else {
            writeln!(text, "gopuram_{name}{total}{{{label}=\"{of}\"}} {value}")?;
        }
    }
    Ok(())
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
