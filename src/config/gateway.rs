//! Where is served and within what: `listen`, `[limits]` and `[deadlines]`.

use std::path::Path;

use toml::de::DeValue;

use super::keys::{Key, Section, Settings as _, settings};
use super::measure::{Deadline, Size};
use super::mistakes::Mistakes;
use super::value::{Item, Value, kind};
use crate::gateway::{Address, Deadlines, Limits};

/// An address to listen on, and whether over TLS.
#[derive(Clone, Debug)]
pub(super) struct Listen {
    pub(super) address: Address,
    pub(super) tls: bool,
    /// Where in the file it is.
    pub(super) at: usize,
}

settings! {
    /// An address that is written as a table.
    pub(in crate::config) struct ListenTable {
        /// The address, with its options.
        address: String = "required",
        /// Whether connections are secured, as `[tls]` says.
        tls: bool = "false",
    }
}

impl Value for Listen {
    fn takes() -> String {
        "an address, as \"127.0.0.1:8000\", or a table `{ address = \"0.0.0.0:8443\", tls = true }`"
            .to_owned()
    }

    fn keys() -> &'static [Key] {
        ListenTable::KEYS
    }

    fn read(item: &Item<'_>, key: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let at = item.span().start;
        let (text, tls) = match item.get_ref() {
            DeValue::String(text) => (text.to_string(), false),
            DeValue::Table(table) => {
                let said = Section::read(table, at, mistakes, ListenTable::of);
                if !table.iter().any(|(key, _)| key.get_ref() == "address") {
                    mistakes.add(at, format!("`{key}`: there is no `address`"));
                }
                (said.address?, said.tls == Some(true))
            }
            other => {
                let text = format!("`{key}` takes {}, and not {}", Self::takes(), kind(other));
                mistakes.add(at, text);
                return None;
            }
        };
        let address = Address::from(text.as_str());
        if let Some(problem) = address.problem() {
            mistakes.add(at, format!("`{key}`: {text:?} is no address: {problem}"));
            return None;
        }
        Some(Self { address, tls, at })
    }
}

impl Listen {
    /// Without TLS.
    pub(super) const fn plain(address: Address) -> Self {
        Self {
            address,
            tls: false,
            at: 0,
        }
    }

    /// What is to be compared of it: the address with its options.
    pub(super) fn text(&self) -> String {
        format!("{:?} {}", self.address, self.tls)
    }

    /// The same with a socket's file where the configuration is, if its path is relative.
    pub(super) fn beneath(mut self, base: &Path) -> Self {
        if let Some(path) = self.address.path() {
            let path = base.join(path);
            self.address = self.address.at_path(path);
        }
        self
    }
}

settings! {
    /// How much a client may take.
    pub(in crate::config) struct LimitsTable {
        /// How many connections are open at once; more wait to be accepted.
        connections: usize = "10000",
        /// How many connections one client has open at once; more are closed. Behind a proxy all clients are one.
        per_client: u32 = "any number",
        /// How many requests come over one connection.
        requests: usize = "any number",
        /// How long the head of a request may be, 8 KiB to 16 MiB; then 431.
        head: Size = "\"64KiB\"",
        /// How many field lines a head of HTTP/1 may have; then 431.
        fields: usize = "100",
        /// How many streams a connection of HTTP/2 may have open at once.
        streams: u32 = "200",
        /// How much of a request's body a client of HTTP/2 may send ahead of the application.
        window: Size = "\"1MiB\"",
        /// The same of all its requests.
        connection_window: Size = "\"4MiB\"",
        /// How much of an answer waits for the client of a stream of HTTP/2.
        send_buffer: Size = "\"128KiB\"",
        /// How many streams of HTTP/2 a client may reset before they were looked at.
        pending_resets: usize = "20",
        /// Whether a stream of HTTP/2 may become a WebSocket (RFC 8441).
        extended_connect: bool = "false",
    }
}

impl LimitsTable {
    pub(super) fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        if let Some(count) = self.connections {
            limits = limits.connections(count);
        }
        if let Some(count) = self.per_client {
            limits = limits.per_client(count);
        }
        if let Some(count) = self.requests {
            limits = limits.requests(count);
        }
        if let Some(size) = self.head {
            limits = limits.head(size.of_memory());
        }
        if let Some(count) = self.fields {
            limits = limits.fields(count);
        }
        if let Some(count) = self.streams {
            limits = limits.streams(count);
        }
        if let Some(size) = self.window {
            limits = limits.window(size.short());
        }
        if let Some(size) = self.connection_window {
            limits = limits.connection_window(size.short());
        }
        if let Some(size) = self.send_buffer {
            limits = limits.send_buffer(size.of_memory());
        }
        if let Some(count) = self.pending_resets {
            limits = limits.pending_resets(count);
        }
        if self.extended_connect == Some(true) {
            limits = limits.extended_connect();
        }
        limits
    }
}

settings! {
    /// How long the gateway waits for a client, and for the application to be ready.
    pub(in crate::config) struct DeadlinesTable {
        /// For a handshake of TLS; then the connection is closed.
        handshake: Deadline = "\"10s\"",
        /// For the head of a request; then the connection is closed.
        head: Deadline = "\"30s\"",
        /// For the next request; then the connection is closed. Behind a proxy it has to be longer than the proxy's own.
        idle: Deadline = "\"75s\"",
        /// For the next byte of a request's body; then 408.
        body: Deadline = "\"60s\"",
        /// For the application to be ready; then 503.
        ready: Deadline = "\"30s\"",
        /// For the whole body of a request; then 408.
        whole_body: Deadline = "\"off\"",
        /// How old a connection may be when it has another request.
        age: Deadline = "\"off\"",
        /// For the header of the PROXY protocol; then the connection is closed.
        proxy_header: Deadline = "\"5s\"",
        /// For a client to read any of what waits for it; then the connection is cut.
        write: Deadline = "\"60s\"",
        /// For a client that is still sending to notice that it was answered.
        linger: Deadline = "\"2s\"",
        /// Between the pings of a connection of HTTP/2.
        ping: Deadline = "\"30s\"",
        /// For requests to finish at the end; then all connections are cut.
        drain: Deadline = "\"30s\"",
    }
}

impl DeadlinesTable {
    pub(super) fn deadlines(&self) -> Deadlines {
        let set: [(_, fn(Deadlines, std::time::Duration) -> Deadlines); 12] = [
            (self.handshake, Deadlines::handshake),
            (self.head, Deadlines::head),
            (self.idle, Deadlines::idle),
            (self.body, Deadlines::body),
            (self.ready, Deadlines::ready),
            (self.whole_body, Deadlines::whole_body),
            (self.age, Deadlines::age),
            (self.proxy_header, Deadlines::proxy_header),
            (self.write, Deadlines::write),
            (self.linger, Deadlines::linger),
            (self.ping, Deadlines::ping),
            (self.drain, Deadlines::drain),
        ];
        let said = set.into_iter().filter_map(|(said, set)| Some((said?, set)));
        said.fold(Deadlines::default(), |deadlines, (said, set)| {
            set(deadlines, said.0)
        })
    }
}
