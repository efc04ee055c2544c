//! What is the same for all connections of a server.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioTimer;

use super::deadlines::Deadlines;
use super::drain::Drain;
use super::limits::{DEFAULT_FIELDS, Limits};
use super::stats::Counters;
use super::streams::Streams;

/// How much of a body is read at once, whatever the head may have: in one read what most forms and calls send.
const READ: usize = 128 * 1024;

/// What is the same for all connections of a server.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) http1: http1::Builder,
    pub(super) http2: http2::Builder<Streams>,
    pub(super) deadlines: Deadlines,
    pub(super) limits: Limits,
    /// After how many requests a connection closes.
    pub(super) requests: usize,
    pub(super) drain: Arc<Drain>,
    pub(super) counters: Arc<Counters>,
}

impl Settings {
    pub(super) fn new(limits: &Limits, deadlines: Deadlines) -> Self {
        // Without `pipeline_flush`: a body is withheld until hyper has written, which it then would not do when it is flushed.
        let mut http1 = http1::Builder::new();
        // A head that came whole in a larger buffer hyper takes: the transport sees to its length.
        http1
            .max_buf_size(READ.max(limits.head as usize))
            .max_header_size(limits.head as usize);
        if limits.fields != DEFAULT_FIELDS {
            http1.max_headers(limits.fields);
        }
        let mut http2 = http2::Builder::new(Streams);
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(limits.head)
            .max_pending_accept_reset_streams(limits.pending_resets)
            .initial_stream_window_size(limits.window)
            .initial_connection_window_size(limits.connection_window)
            .max_send_buf_size(limits.send_buffer as usize)
            .keep_alive_timeout(Duration::from_secs(20));
        if limits.extended_connect {
            http2.enable_connect_protocol();
        }
        if let Some(every) = deadlines.pings() {
            http2.keep_alive_interval(every);
        }
        Self {
            http1,
            http2,
            deadlines,
            limits: *limits,
            requests: limits.requests,
            drain: Arc::default(),
            counters: Arc::default(),
        }
    }
}
