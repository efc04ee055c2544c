//! What a server has counted.

use std::sync::atomic::{AtomicU64, Ordering};

use http::StatusCode;

use super::pulse::Wait;

/// What a server has counted since it began: see [`Server::stats`](super::Server::stats) and
/// [`Handle::stats`](super::Handle::stats).
///
/// Made for a layer or a task that exports metrics, as text by [`openmetrics`](Self::openmetrics): all but
/// [`open`](Self::open), [`in_flight`](Self::in_flight) and [`streams_in_flight`](Self::streams_in_flight) only grow. Each number is right by
/// itself; they are read one after the other, so that two of them may be a connection apart. What hyper and h2 refuse by
/// themselves nobody here sees but as it says below.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections that were accepted, those refused afterwards included.
    pub accepted: u64,
    /// Connections that are open now, upgraded ones included.
    pub open: u64,
    /// Times that [all places](super::Limits::connections) were taken and accepting had to wait.
    pub full: u64,
    /// Times that the system could not accept a connection: no descriptors, no memory.
    pub accept_errors: u64,
    /// Connections refused since their client has [too many](super::Limits::per_client).
    pub refused_per_client: u64,
    /// Connections refused since their peer [may not send](super::Address::proxy_protocol) a header of the PROXY protocol.
    pub refused_proxy_peer: u64,
    /// Connections refused since their header of the PROXY protocol was malformed, cut short or missing.
    pub refused_proxy_header: u64,
    /// Connections refused since their peer is no front server that is [believed](super::Address::fronts).
    pub refused_fronts: u64,
    /// Requests, of all versions, those refused included but for what could not be parsed.
    pub requests: u64,
    /// Requests that came as streams of HTTP/2.
    pub streams: u64,
    /// Requests whose answer has not been sent as a whole. One that became something else, by an upgrade or `CONNECT`, was
    /// answered: its connection of HTTP/1 is [`open`](Self::open), and a tunnel of HTTP/2 is counted by nobody.
    pub in_flight: u64,
    /// Those of them that came as streams of HTTP/2.
    pub streams_in_flight: u64,
    /// Requests refused with 400 before the application saw them, those of HTTP/1 that could not be parsed among them; a stream of
    /// HTTP/2 that is reset for being malformed is not.
    pub heads_malformed: u64,
    /// Requests of HTTP/1 refused with 414 or 431; on HTTP/2 h2 answers by itself.
    pub heads_too_large: u64,
    /// Requests refused with 501, for their transfer coding.
    pub heads_not_implemented: u64,
    /// Connections closed since a head was not whole in [time](super::Deadlines::head), or the first did not come.
    pub late_heads: u64,
    /// Connections closed since no other request [came](super::Deadlines::idle); no fault of anybody's.
    pub idle: u64,
    /// Bodies of requests that broke off since nothing of them came in [time](super::Deadlines::body), or not
    /// all of it in [all](super::Deadlines::whole_body).
    pub late_bodies: u64,
    /// Connections cut since their client [read nothing](super::Deadlines::write).
    pub late_reads: u64,
    /// Connections cut since their client did not [notice](super::Deadlines::linger) its answer.
    pub lingered: u64,
    /// Connections closed since no header of the PROXY protocol came in [time](super::Deadlines::proxy_header).
    pub late_proxy_headers: u64,
    /// Connections that ended by themselves while the server was about to end.
    pub drained: u64,
    /// Connections cut since the server ended.
    pub cut: u64,
    /// Bytes read from connections before they were upgraded and after, without headers of the PROXY protocol. Over TLS what
    /// is within it: handshakes and records are not counted.
    pub bytes_in: u64,
    /// Bytes written to connections, likewise.
    pub bytes_out: u64,
}

/// A number that grows.
///
/// Nothing is handed over through it, so all accesses are relaxed.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    #[inline]
    pub(super) fn one(&self) {
        self.add(1);
    }

    #[inline]
    pub(super) fn add(&self, more: usize) {
        self.0.fetch_add(more as u64, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What is counted, where it happens.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) accepted: Count,
    pub(super) closed: Count,
    pub(super) full: Count,
    pub(super) accept_errors: Count,
    pub(super) refused_per_client: Count,
    pub(super) refused_proxy_peer: Count,
    pub(super) refused_proxy_header: Count,
    pub(super) refused_fronts: Count,
    pub(super) requests: Count,
    pub(super) streams: Count,
    pub(super) answered: Count,
    pub(super) streams_answered: Count,
    pub(super) drained: Count,
    pub(super) cut: Count,
    pub(super) late_bodies: Count,
    pub(super) late_proxy_headers: Count,
    pub(super) bytes_in: Count,
    pub(super) bytes_out: Count,
    heads_malformed: Count,
    heads_too_large: Count,
    heads_not_implemented: Count,
    late_heads: Count,
    idle: Count,
    late_reads: Count,
    lingered: Count,
}

impl Counters {
    /// A request was refused at the front.
    pub(super) fn refuse(&self, status: StatusCode) {
        match status {
            StatusCode::URI_TOO_LONG | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
                self.heads_too_large.one();
            }
            StatusCode::NOT_IMPLEMENTED => self.heads_not_implemented.one(),
            _ => self.heads_malformed.one(),
        }
    }

    /// A connection was closed since this took too long.
    pub(super) fn late(&self, wait: Wait) {
        match wait {
            Wait::App => {}
            Wait::Head => self.late_heads.one(),
            Wait::Idle => self.idle.one(),
            Wait::Linger => self.lingered.one(),
            Wait::Write => self.late_reads.one(),
        }
    }

    pub(super) fn stats(&self) -> Stats {
        // In this order none seems to be closed that was never opened.
        let closed = self.closed.now();
        let answered = self.answered.now();
        let streams_answered = self.streams_answered.now();
        let (requests, streams) = (self.requests.now(), self.streams.now());
        let accepted = self.accepted.now();
        Stats {
            accepted,
            open: accepted.saturating_sub(closed),
            full: self.full.now(),
            accept_errors: self.accept_errors.now(),
            refused_per_client: self.refused_per_client.now(),
            refused_proxy_peer: self.refused_proxy_peer.now(),
            refused_proxy_header: self.refused_proxy_header.now(),
            refused_fronts: self.refused_fronts.now(),
            requests,
            streams,
            in_flight: requests.saturating_sub(answered),
            streams_in_flight: streams.saturating_sub(streams_answered),
            heads_malformed: self.heads_malformed.now(),
            heads_too_large: self.heads_too_large.now(),
            heads_not_implemented: self.heads_not_implemented.now(),
            late_heads: self.late_heads.now(),
            idle: self.idle.now(),
            late_bodies: self.late_bodies.now(),
            late_reads: self.late_reads.now(),
            lingered: self.lingered.now(),
            late_proxy_headers: self.late_proxy_headers.now(),
            drained: self.drained.now(),
            cut: self.cut.now(),
            bytes_in: self.bytes_in.now(),
            bytes_out: self.bytes_out.now(),
        }
    }
}
