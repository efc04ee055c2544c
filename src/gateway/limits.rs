//! How much a client may take.

use std::num::NonZeroU32;

/// How much a client may take; every buffer of the gateway has a bound.
///
/// ```
/// use gopuram::gateway::Limits;
///
/// let limits = Limits::default().connections(2_000).head(16 * 1024);
/// # let _ = limits;
/// ```
///
/// | | default | range | what happens beyond it |
/// |---|---|---|---|
/// | [`connections`](Self::connections) | 10,000 | 1 to 2^29 - 1 | more wait in the kernel's queue |
/// | [`per_client`](Self::per_client) | none | 1 to 2^32 - 1 | the connection is closed |
/// | [`requests`](Self::requests) | none | from 1 | the connection closes after the answer |
/// | [`head`](Self::head) | 64 KiB | 8 KiB to 16 MiB | 431, and 414 for a target of 64 KiB; on HTTP/1 the connection closes |
/// | [`fields`](Self::fields) | 100 | 1 to 24,576 | 431, the connection closes |
/// | [`streams`](Self::streams) | 200 | 1 to 2^32 - 1 | the client has to wait; the stream of one that does not is refused |
/// | [`window`](Self::window) | 1 MiB | 65,535 to 2^31 - 1 | the client has to wait |
/// | [`connection_window`](Self::connection_window) | 4 MiB | 65,535 to 2^31 - 1 | the client has to wait |
/// | [`send_buffer`](Self::send_buffer) | 128 KiB | 16 KiB to 2^31 - 1 | the application's body is not polled |
/// | [`pending_resets`](Self::pending_resets) | 20 | from 0 | the connection ends with `ENHANCE_YOUR_CALM` |
/// | [`extended_connect`](Self::extended_connect) | not allowed | | the stream is reset |
///
/// Sizes are bytes, a KiB is 1,024 of them.
///
/// What is out of range is brought into it: a number from a configuration file stops no server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub(super) connections: u32,
    pub(super) per_client: Option<NonZeroU32>,
    pub(super) requests: usize,
    pub(super) head: u32,
    pub(super) fields: usize,
    pub(super) streams: u32,
    pub(super) window: u32,
    pub(super) connection_window: u32,
    pub(super) send_buffer: u32,
    pub(super) pending_resets: usize,
    pub(super) extended_connect: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            per_client: None,
            requests: usize::MAX,
            head: 64 * 1024,
            fields: DEFAULT_FIELDS,
            streams: 200,
            window: 1024 * 1024,
            connection_window: 4 * 1024 * 1024,
            send_buffer: 128 * 1024,
            pending_resets: 20,
            extended_connect: false,
        }
    }
}

/// hyper's own default, for which it needs no allocation.
pub(super) const DEFAULT_FIELDS: usize = 100;

/// The window that a connection of HTTP/2 begins with, and the largest (RFC 9113, section 6.9).
const SPECIFIED_WINDOW: u32 = 65_535;
const MAX_WINDOW: u32 = (1 << 31) - 1;

impl Limits {
    /// How many connections are open at once, at all addresses together and upgraded ones included; from 1 to 536,870,911, by
    /// default 10,000, which idle take some 50 MB, and over TLS 190.
    ///
    /// An idle one takes about 5 KiB of memory, and over TLS about 14 KiB more, and a file descriptor: `ulimit -n` has to
    /// be above it, else the gateway says so in the log and waits for descriptors.
    #[must_use]
    pub const fn connections(mut self, count: usize) -> Self {
        // As many as a semaphore of tokio has on any machine.
        self.connections = within(count, 1, (1 << 29) - 1);
        self
    }

    /// How many connections one client has open at once; at least 1, by default as many as there are.
    ///
    /// A client is an address of IPv4, or 64 bits of one of IPv6, as the connection has it: behind a proxy without
    /// the [PROXY protocol](super::Address::proxy_protocol) all clients are one, which is why there is no limit by
    /// default. Facing clients directly, 100 are many times what a browser opens, and leave room for those that share
    /// an address. Who has more is refused: the connection is closed without a word.
    #[must_use]
    pub const fn per_client(mut self, count: u32) -> Self {
        self.per_client = Some(match NonZeroU32::new(count) {
            Some(count) => count,
            None => NonZeroU32::MIN,
        });
        self
    }

    /// How many requests come over one connection; at least 1, by default any number.
    ///
    /// After the last one HTTP/1 is told `Connection: close`, and HTTP/2 is sent `GOAWAY`, which lets those on their
    /// way come through. It moves clients to another machine behind a balancer that deals out connections; nothing
    /// here grows with requests.
    #[must_use]
    pub const fn requests(mut self, count: usize) -> Self {
        self.requests = if count == 0 { 1 } else { count };
        self
    }

    /// How many bytes the head of a request may have; from 8 KiB to 16 MiB, by default 64 KiB: cookies and tokens of honest
    /// clients have room in half of that, which is what nginx allows.
    ///
    /// HTTP/1 counts them as they are sent. HTTP/2 counts names and values as they are meant, and 32 bytes more for each
    /// field (RFC 9113, section 6.5.2). It bounds the trailers of a request likewise, and the read buffer of an HTTP/1
    /// connection as well, which has 128 KiB at least. A target has less than 64 KiB at all events.
    #[must_use]
    pub const fn head(mut self, bytes: usize) -> Self {
        self.head = within(bytes, 8 * 1024, 16 * 1024 * 1024);
        self
    }

    /// How many field lines an HTTP/1 head may have; from 1 to 24,576, which is what a `HeaderMap` has
    /// room for, by default 100, as hyper and Apache have it: browsers send about 20.
    ///
    /// On HTTP/2 the bytes of the [head](Self::head) bound them: by default fewer than 2,000.
    #[must_use]
    pub const fn fields(mut self, count: usize) -> Self {
        self.fields = within(count, 1, 24_576) as usize;
        self
    }

    /// How many streams an HTTP/2 connection may have open at once, tunnels included; at least 1, by default 200.
    ///
    /// RFC 9113, section 6.5.2 advises no less than 100, and a proxy may send the requests of many clients over one
    /// connection. Clients are told, and wait by themselves; a stream too many is refused (`REFUSED_STREAM`) and was not looked at.
    #[must_use]
    pub const fn streams(mut self, count: u32) -> Self {
        self.streams = if count == 0 { 1 } else { count };
        self
    }

    /// How many bytes of a request's body an HTTP/2 client may send ahead of the application; from
    /// 65,535 to 2^31 - 1, by default 1 MiB.
    ///
    /// What it allows is also what a fast upload over a long way needs: bandwidth times
    /// round trip. By default these are 80 Mbit/s at 100 ms.
    #[must_use]
    pub const fn window(mut self, bytes: u32) -> Self {
        self.window = within(bytes as usize, SPECIFIED_WINDOW, MAX_WINDOW);
        self
    }

    /// How many bytes of all its requests' bodies an HTTP/2 client may send ahead; from 65,535 to
    /// 2^31 - 1, by default 4 MiB.
    ///
    /// This is what a connection may take of the memory. It is larger than [one
    /// stream's](Self::window), or an upload that its application leaves unread would hold up all others on
    /// the connection, and not so large that every stream could fill its own.
    #[must_use]
    pub const fn connection_window(mut self, bytes: u32) -> Self {
        self.connection_window = within(bytes as usize, SPECIFIED_WINDOW, MAX_WINDOW);
        self
    }

    /// How many bytes of a response wait for the client of an HTTP/2 stream; from 16 KiB, one frame, to
    /// 2^31 - 1, by default 128 KiB.
    ///
    /// A body is taken in pieces of 64 KiB, of which there is room for two: one is made while the other is sent.
    #[must_use]
    pub const fn send_buffer(mut self, bytes: usize) -> Self {
        self.send_buffer = within(bytes, 16 * 1024, MAX_WINDOW);
        self
    }

    /// How many HTTP/2 streams a client may open and reset before they were even looked at; by
    /// default 20, as h2 has it.
    ///
    /// The answer to rapid reset (CVE-2023-44487). A browser that leaves a page resets what it was loading, which has been
    /// looked at by then. With 0 the first such stream ends the connection.
    #[must_use]
    pub const fn pending_resets(mut self, count: usize) -> Self {
        self.pending_resets = count;
        self
    }

    /// Allows extended `CONNECT` (RFC 8441), by which a stream of HTTP/2 becomes a `WebSocket`; by default it is not.
    ///
    /// The request says what it wants to become by [`Protocol`](crate::middleware::attributes::Protocol); 200 makes its stream a
    /// tunnel, by `hyper::upgrade::on` as an upgrade of HTTP/1. It is off since a browser that may uses it, and asks
    /// no other way when the application knows nothing but `Upgrade`.
    #[must_use]
    pub const fn extended_connect(mut self) -> Self {
        self.extended_connect = true;
        self
    }
}

/// The nearest number in a range.
#[expect(
    clippy::cast_possible_truncation,
    reason = "it is below the highest, which is no longer"
)]
const fn within(count: usize, lowest: u32, highest: u32) -> u32 {
    if count > highest as usize {
        highest
    } else if count < lowest as usize {
        lowest
    } else {
        count as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_brought_into_it() {
        for (count, inside) in [(0, 3), (3, 3), (7, 7), (9, 9), (10, 9), (usize::MAX, 9)] {
            assert_eq!(within(count, 3, 9), inside);
        }
    }
}
