//! How much a client may take.

/// How much a client may take; every buffer of the gateway has a bound.
///
/// ```
/// use gopuram::gateway::Limits;
///
/// let limits = Limits::default().connections(2_000).head(16 * 1024);
/// # let _ = limits;
/// ```
///
/// | | default | what happens beyond it |
/// |---|---|---|
/// | [`connections`](Self::connections) | 10,000 | more wait in the kernel's queue |
/// | [`head`](Self::head) | 64 KiB | 431, and 414 for a target of 64 KiB; the connection closes |
/// | [`fields`](Self::fields) | 100 | 431, the connection closes |
/// | [`streams`](Self::streams) | 200 | the client has to wait |
/// | [`window`](Self::window) | 1 MiB | the client has to wait |
/// | [`send_buffer`](Self::send_buffer) | 128 KiB | the application's body is not polled |
/// | [`pending_resets`](Self::pending_resets) | 20 | the connection ends with `ENHANCE_YOUR_CALM` |
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub(super) connections: usize,
    pub(super) head: usize,
    pub(super) fields: usize,
    pub(super) streams: u32,
    pub(super) window: u32,
    pub(super) send_buffer: usize,
    pub(super) pending_resets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            head: 64 * 1024,
            fields: DEFAULT_FIELDS,
            streams: 200,
            window: 1024 * 1024,
            send_buffer: 128 * 1024,
            pending_resets: 20,
        }
    }
}

/// hyper's own default, for which it needs no allocation.
pub(super) const DEFAULT_FIELDS: usize = 100;

impl Limits {
    /// How many connections are open at once, upgraded ones included; at least 1, by default
    /// 10,000.
    ///
    /// An idle one takes about 12 KiB of memory and a file descriptor: `ulimit -n` has to
    /// be above it, else the gateway says so in the log and waits for descriptors.
    #[must_use]
    pub const fn connections(mut self, count: usize) -> Self {
        self.connections = if count == 0 { 1 } else { count };
        self
    }

    /// How many bytes the head of a request may have, HTTP/1 and HTTP/2 alike; at least 8 KiB, by
    /// default 64 KiB.
    ///
    /// It bounds the read buffer of an HTTP/1 connection as well.
    #[must_use]
    pub const fn head(mut self, bytes: usize) -> Self {
        self.head = if bytes < 8192 { 8192 } else { bytes };
        self
    }

    /// How many field lines an HTTP/1 head may have; by default 100.
    #[must_use]
    pub const fn fields(mut self, count: usize) -> Self {
        self.fields = count;
        self
    }

    /// How many streams an HTTP/2 connection may have open at once; by default 200.
    ///
    /// RFC 9113, section 6.5.2 advises no less than 100.
    #[must_use]
    pub const fn streams(mut self, count: u32) -> Self {
        self.streams = count;
        self
    }

    /// How many bytes of request bodies an HTTP/2 client may send ahead of the application, on a
    /// stream and on a connection; by default 1 MiB.
    ///
    /// What it allows is also what a fast upload over a long way needs: bandwidth times
    /// round trip.
    #[must_use]
    pub const fn window(mut self, bytes: u32) -> Self {
        self.window = bytes;
        self
    }

    /// How many bytes of a response wait for the client of an HTTP/2 stream; by default 128 KiB.
    #[must_use]
    pub const fn send_buffer(mut self, bytes: usize) -> Self {
        self.send_buffer = bytes;
        self
    }

    /// How many HTTP/2 streams a client may open and reset before they were even looked at; by
    /// default 20.
    ///
    /// The answer to rapid reset (CVE-2023-44487).
    #[must_use]
    pub const fn pending_resets(mut self, count: usize) -> Self {
        self.pending_resets = count;
        self
    }
}
