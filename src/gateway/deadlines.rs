//! How long the gateway waits.

use std::time::Duration;

use tokio::time::Instant;

use super::pulse::Wait;

/// How long the gateway waits for a client, and for the application to be ready; every wait has an end.
///
/// ```
/// use std::time::Duration;
///
/// use gopuram::gateway::Deadlines;
///
/// let deadlines = Deadlines::default().head(Duration::from_secs(5));
/// # let _ = deadlines;
/// ```
///
/// | | default | what happens then |
/// |---|---|---|
/// | [`handshake`](Self::handshake) | 10 s | the connection is closed |
/// | [`head`](Self::head) | 30 s | the connection is closed |
/// | [`idle`](Self::idle) | 75 s | the connection is closed |
/// | [`body`](Self::body) | 60 s | the body breaks off; 408 if the application passes its error on |
/// | [`ready`](Self::ready) | 30 s | 503 |
/// | [`whole_body`](Self::whole_body) | none | the body breaks off; 408 if the application passes its error on |
/// | [`age`](Self::age) | none | the connection closes after the answer |
/// | [`proxy_header`](Self::proxy_header) | 5 s | the connection is closed |
/// | [`write`](Self::write) | 60 s | the connection is cut |
/// | [`linger`](Self::linger) | 2 s | the connection is cut |
/// | [`ping`](Self::ping) | 30 s, and 20 s for the answer | the connection is cut |
/// | [`drain`](Self::drain) | 30 s | all connections are cut |
///
/// How long the application takes is not the gateway's to say: that is what
/// [`Timeout`](crate::middleware::timeout) is for. But before it is called no layer sees the request, so that
/// the wait for it to be ready to be called has its end here.
///
/// A connection has one timer, set again when it fires or would fire too late: most deadlines cost a
/// request one look at the clock.
///
/// Each takes any length of time, but for [`ping`](Self::ping). [`Duration::MAX`] is no deadline, and zero ends a wait that
/// is not over at once.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    pub(super) handshake: Duration,
    pub(super) head: Duration,
    pub(super) idle: Duration,
    pub(super) body: Duration,
    pub(super) ready: Duration,
    pub(super) whole_body: Duration,
    pub(super) age: Duration,
    pub(super) proxy_header: Duration,
    pub(super) write: Duration,
    pub(super) linger: Duration,
    pub(super) ping: Duration,
    pub(crate) drain: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(30),
            idle: Duration::from_secs(75),
            body: Duration::from_mins(1),
            ready: Duration::from_secs(30),
            whole_body: Duration::MAX,
            age: Duration::MAX,
            proxy_header: Duration::from_secs(5),
            write: Duration::from_mins(1),
            linger: Duration::from_secs(2),
            ping: Duration::from_secs(30),
            drain: Duration::from_secs(30),
        }
    }
}

/// As long as no connection lives; hyper adds to the time without a look at what it can hold.
const YEAR: Duration = Duration::from_hours(365 * 24);

impl Deadlines {
    /// From a connection over TLS to the end of its handshake; by default 10 s.
    ///
    /// That is three round trips over the slowest way, and time for a packet to be lost and sent again. Sending
    /// slowly does not prolong it. Without TLS it does nothing.
    #[must_use]
    pub const fn handshake(mut self, after: Duration) -> Self {
        self.handshake = after;
        self
    }

    /// From the first byte of a head to its last, and from the connection to the end of its
    /// first head; by default 30 s.
    ///
    /// Sending slowly does not prolong it. Browsers connect ahead of need and so run into
    /// it now and then; they connect again.
    #[must_use]
    pub const fn head(mut self, after: Duration) -> Self {
        self.head = after;
        self
    }

    /// From the end of a response to the next request; by default 75 s, as nginx has it.
    ///
    /// Behind a proxy it has to be longer than the proxy's own, or the proxy will
    /// send requests to a connection that is just being closed. Pings do not prolong it. One of HTTP/2
    /// is told to go elsewhere, and has the time of [`write`](Self::write) to read to the end.
    #[must_use]
    pub const fn idle(mut self, after: Duration) -> Self {
        self.idle = after;
        self
    }

    /// Without a byte of a request's body while the application waits for one; by default 60 s, as nginx has it: a
    /// telephone that loses its network for a moment comes back.
    #[must_use]
    pub const fn body(mut self, after: Duration) -> Self {
        self.body = after;
        self
    }

    /// Until the application is ready to be called, as one with a limit of concurrent calls may be late to
    /// be; by default 30 s, so that a proxy that waits for a minute, as most do, is answered.
    ///
    /// Then the request is answered 503, and the log says so.
    #[must_use]
    pub const fn ready(mut self, after: Duration) -> Self {
        self.ready = after;
        self
    }

    /// From a request's head to the end of its body; by default none, for an honest upload may take hours.
    ///
    /// It bounds who sends a byte now and then, which [`body`](Self::body) allows. Like that one it only ends what
    /// the application waits for.
    #[must_use]
    pub const fn whole_body(mut self, after: Duration) -> Self {
        self.whole_body = after;
        self
    }

    /// From the beginning of a connection to its last request; by default none, for nothing here grows with it.
    ///
    /// The next request after that is answered and the connection is closed as by
    /// [`Limits::requests`](super::Limits::requests); one that is idle closes by [`idle`](Self::idle).
    #[must_use]
    pub const fn age(mut self, after: Duration) -> Self {
        self.age = after;
        self
    }

    /// For the header of the [PROXY protocol](super::Address::proxy_protocol); by default 5 s, since its
    /// specification wants no less than 3 s, in which a lost packet is sent again.
    #[must_use]
    pub const fn proxy_header(mut self, after: Duration) -> Self {
        self.proxy_header = after;
        self
    }

    /// Without the client reading any of what waits for it; by default 60 s, as nginx has it.
    ///
    /// On HTTP/2 also when every stream waits for the client to open its window, as long as
    /// there is no tunnel that the application may write into. A body is given to a stream in pieces of 64 KiB, and who reads one in this time
    /// reads.
    #[must_use]
    pub const fn write(mut self, after: Duration) -> Self {
        self.write = after;
        self
    }

    /// For a client that is still sending to notice that it was answered; by default 2 s, several round trips over a long way.
    ///
    /// A connection closed with bytes of the client unread is reset, and the client may
    /// never see the answer (RFC 9112, section 9.6).
    #[must_use]
    pub const fn linger(mut self, after: Duration) -> Self {
        self.linger = after;
        self
    }

    /// Between the pings of an HTTP/2 connection, which find clients that are gone; at least 1 s, by
    /// default 30 s, with 20 s for the answer, which no setting changes. None if it is a year or more.
    ///
    /// Often enough for routers and balancers on the way, which forget a connection after some silent minutes.
    #[must_use]
    pub const fn ping(mut self, every: Duration) -> Self {
        self.ping = every;
        self
    }

    /// From the wish to end to the end; by default 30 s, as long as orchestrators wait before they kill.
    ///
    /// Where one of those counts from the same moment it needs a little longer, or this a little less. Requests that had arrived are served, and a head that had begun may be finished.
    #[must_use]
    pub const fn drain(mut self, after: Duration) -> Self {
        self.drain = after;
        self
    }

    /// When a connection that begins now is too old for another request.
    pub(super) fn old(&self) -> Option<Instant> {
        let bounded = self.age < YEAR;
        bounded.then(|| Instant::now().checked_add(self.age))?
    }

    /// Between pings, if there are to be any.
    pub(super) fn pings(&self) -> Option<Duration> {
        (self.ping < YEAR).then_some(self.ping.max(Duration::from_secs(1)))
    }

    /// How long this wait may last; for the application, after how long to look again.
    pub(super) fn of(&self, wait: Wait) -> Duration {
        match wait {
            Wait::App => self.idle.max(Duration::from_secs(1)),
            Wait::Idle => self.idle,
            Wait::Head => self.head,
            Wait::Linger => self.linger,
            Wait::Write => self.write,
        }
    }
}
