//! Where to listen, and how.

mod protocol;
mod shown;
mod text;

use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Error;
use crate::environ::Mapping;
use crate::middleware::networks::Networks;

pub use protocol::Protocol;
pub(super) use text::name_and_port;

/// Where to listen, and how.
///
/// Made from a value, or from text as it stands in configuration files:
///
#[doc = include_str!("forms.md")]
///
/// An address of TCP may have `tcp:` before it. Options are the methods below.
///
/// ```
/// use gopuram::gateway::Address;
///
/// assert_eq!(Address::from("tcp:[::1]:80").to_string(), "[::1]:80");
/// let socket = Address::unix("/run/app.sock").mode(0o660);
/// assert_eq!(socket, Address::from("unix:/run/app.sock?mode=660"));
/// ```
///
/// Text that is no address is told when serving begins, with what to write instead. What was read from text is written such
/// that it is read as the same, with the options that are not as by default.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Address {
    pub(super) place: Place,
    pub(super) options: Options,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Place {
    Socket(SocketAddr),
    /// A name and a port.
    Name(String),
    Unix(PathBuf),
    Abstract(OsString),
    /// A descriptor of this process.
    Fd(u32),
    /// What a service manager passed, by name if there is one.
    Systemd(String),
    /// Text that cannot be understood, and why.
    Mistake(String, &'static str),
}

#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option that is on or off, whatever the others are"
)]
pub(super) struct Options {
    pub(super) backlog: u32,
    pub(super) keepalive: Option<Duration>,
    pub(super) nodelay: bool,
    pub(super) acceptors: u16,
    pub(super) v6only: bool,
    pub(super) mode: Option<u32>,
    pub(super) owner: Option<String>,
    pub(super) group: Option<String>,
    pub(super) proxy: Option<Networks>,
    pub(super) protocol: Protocol,
    pub(super) fronts: Option<Networks>,
    pub(super) script_name: Option<String>,
    pub(super) plain_paths: bool,
    pub(super) remote_user: bool,
}

/// How many connections wait in the kernel to be accepted.
const BACKLOG: u32 = 4096;

/// After how much silence the kernel asks whether the peer is there, by default.
const KEEPALIVE: Duration = Duration::from_mins(1);

impl Options {
    const DEFAULT: Self = Self {
        backlog: BACKLOG,
        keepalive: Some(KEEPALIVE),
        nodelay: true,
        acceptors: 1,
        v6only: false,
        mode: None,
        owner: None,
        group: None,
        proxy: None,
        protocol: Protocol::Http,
        fronts: None,
        script_name: None,
        plain_paths: false,
        remote_user: false,
    };

    /// How requests are made of what a front server says.
    pub(super) fn mapping(&self) -> Mapping {
        let mut mapping = Mapping::default();
        if let Some(prefix) = &self.script_name {
            mapping = mapping.script_name(prefix);
        }
        if self.plain_paths {
            mapping = mapping.plain_paths();
        }
        if self.remote_user {
            mapping = mapping.remote_user();
        }
        mapping
    }
}

impl Address {
    /// How one is written, for people.
    #[cfg(feature = "config")]
    pub(crate) const FORMS: &str = include_str!("forms.md");

    /// A Unix socket at `path`.
    ///
    /// A socket file that nobody listens on any more is replaced; any other file is left
    /// alone and is an error. The file is removed when serving ends. In text, `?` ends the path; here it does not.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        if path.as_os_str().is_empty() {
            return Self::mistake("unix:", "there is no path");
        }
        Self::of(Place::Unix(path))
    }

    /// A Unix socket in Linux's abstract namespace: a name without a file, which every process of the same network
    /// namespace may connect to.
    pub fn unix_abstract(name: impl AsRef<OsStr>) -> Self {
        let name = name.as_ref();
        if name.is_empty() {
            return Self::mistake("unix:@", "there is no name");
        }
        Self::of(Place::Abstract(name.to_owned()))
    }

    pub(super) const fn of(place: Place) -> Self {
        Self {
            place,
            options: Options::DEFAULT,
        }
    }

    /// The address with a socket for each core, where there can be several.
    pub(super) fn accepted_by(mut self, cores: u16) -> Self {
        self.options.acceptors = self.options.acceptors.max(cores);
        self
    }

    /// Whether it is one: of a text that is none, else that is told when serving begins.
    ///
    /// # Errors
    ///
    /// If it was made of such a text: why it is none, and what to write.
    pub fn check(&self) -> Result<(), Error> {
        match &self.place {
            Place::Mistake(text, problem) => Err(Error::address(text, problem)),
            _ => Ok(()),
        }
    }

    /// Whether it could be listened on, as far as that shows without doing so: nothing is bound, made or taken.
    ///
    /// Of a socket's file it is its directory, what is there already, and who is to own it; of a name that it has an address; of `fd:` that
    /// it listens. Whether somebody listens there already is not looked at, who may be there to be replaced, and of `systemd:` nothing: who
    /// passes sockets passes them to what it starts. It blocks, as looking up a name does.
    ///
    /// # Errors
    ///
    /// What serving would say.
    pub fn bindable(&self) -> Result<(), Error> {
        self.check()?;
        super::listen::look(self).map_err(|error| Error::bind(self, error))
    }

    /// Why this is no address, if it is none.
    #[cfg(feature = "config")]
    pub(crate) const fn problem(&self) -> Option<&'static str> {
        match &self.place {
            Place::Mistake(_, problem) => Some(problem),
            _ => None,
        }
    }

    /// Whether it is for clients, not for front servers.
    #[cfg(feature = "config")]
    pub(crate) fn is_http(&self) -> bool {
        self.options.protocol == Protocol::Http
    }

    /// The same with a socket's file elsewhere.
    #[cfg(feature = "config")]
    pub(crate) fn at_path(self, path: PathBuf) -> Self {
        Self {
            place: Place::Unix(path),
            ..self
        }
    }

    fn mistake(text: &str, problem: &'static str) -> Self {
        Self::of(Place::Mistake(text.to_owned(), problem))
    }

    /// How many connections wait in the kernel to be accepted; by default 4096, as in the kernel's own
    /// `net.core.somaxconn`, which bounds it.
    ///
    /// A longer queue survives a longer stall of the process, and a shorter one tells clients sooner. Any number will do, of
    /// which the kernel takes as much as it allows. Does nothing for a socket that was inherited.
    #[must_use]
    pub const fn backlog(mut self, connections: u32) -> Self {
        self.options.backlog = connections;
        self
    }

    /// After how much silence the kernel asks a TCP client whether it is still there, in whole seconds of which it is one at least;
    /// by default 60 s, since routers and balancers on the way forget a connection after some silent minutes.
    /// `Duration::MAX` never does.
    ///
    /// It finds the clients that are gone without a word during what no deadline of the gateway bounds: an application that
    /// takes its time, an upgraded connection. After three questions at a quarter of that time without an answer the
    /// connection is reset.
    #[must_use]
    pub fn keepalive(mut self, after: Duration) -> Self {
        self.options.keepalive = (after != Duration::MAX).then_some(after);
        self
    }

    /// Lets the kernel hold back small packets to join them with the next (Nagle's algorithm).
    ///
    /// By default `TCP_NODELAY` is on: the gateway writes whole answers, and to hold one back costs up to 40 ms.
    #[must_use]
    pub const fn delayed(mut self) -> Self {
        self.options.nodelay = false;
        self
    }

    /// How many sockets are bound to the address with `SO_REUSEPORT`, each with a task that accepts; from 1 to 65,535, by default
    /// one, without.
    ///
    /// Only worth it where connections come faster than one task accepts them, tens of thousands a second: the kernel
    /// deals them out blindly, and of those that wait in a socket's queue when that is closed it resets some. TCP
    /// only.
    #[must_use]
    pub const fn acceptors(mut self, count: u16) -> Self {
        self.options.acceptors = if count == 0 { 1 } else { count };
        self
    }

    /// Keeps IPv4 away from an address of IPv6; by default `[::]` takes both, whatever `net.ipv6.bindv6only` says.
    #[must_use]
    pub const fn v6only(mut self) -> Self {
        self.options.v6only = true;
        self
    }

    /// The permissions of the socket file, the nine bits of them; by default those that the umask leaves.
    ///
    /// They are set before the first client can connect, and by a new version of the process when it takes the socket over, as its
    /// owner and group are. Does nothing for TCP.
    #[must_use]
    pub fn mode(mut self, bits: u32) -> Self {
        if let Place::Unix(_) = self.place {
            self.options.mode = Some(bits & 0o777);
        }
        self
    }

    /// Who owns the socket file, by number or by a name in `/etc/passwd`; by default whom the process runs as.
    ///
    /// To give it away needs `CAP_CHOWN`. Does nothing for TCP.
    #[must_use]
    pub fn owner(mut self, user: impl Into<String>) -> Self {
        self.options.owner = Some(user.into());
        self
    }

    /// The group of the socket file, by number or by a name in `/etc/group`; by default that of the process.
    ///
    /// A process may give it to any group it is a member of. Does nothing for TCP.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.options.group = Some(group.into());
        self
    }

    /// Each connection begins with a header of the PROXY protocol, which says who the client is; `networks` may send it,
    /// written `10.0.0.0/8,2001:db8::/32`.
    ///
    /// Version 1 and 2 alike, before TLS and HTTP. A peer of another network is refused, and so is a connection
    /// without a whole and valid header; see the [module documentation](super#the-proxy-protocol). Peers on Unix
    /// sockets have no address and are always taken: their permissions say who may connect.
    #[must_use]
    pub fn proxy_protocol(mut self, networks: &str) -> Self {
        match networks.parse() {
            Ok(networks) => self.options.proxy = Some(networks),
            Err(_) => {
                self.place =
                    Place::Mistake(format!("{}?proxy={networks}", self.name()), text::NETWORKS);
            }
        }
        self
    }

    /// What is spoken at the address; by default HTTP.
    #[must_use]
    pub const fn protocol(mut self, protocol: Protocol) -> Self {
        self.options.protocol = protocol;
        self
    }

    /// Which front servers may connect, written `10.0.0.0/8,2001:db8::/32`; by default those on this machine. Does nothing for HTTP.
    ///
    /// What they say of a client is believed, so that whoever may connect may be any client: others are refused, their connection is
    /// closed before anything is read. Peers on Unix sockets have no address and are always taken: their permissions
    /// say who may connect. An abstract one (`unix:@name`) has none, and is open to all of its network namespace. Where FastCGI is spoken, `FCGI_WEB_SERVER_ADDRS` in the environment of the process is the default.
    #[must_use]
    pub fn fronts(mut self, networks: &str) -> Self {
        match networks.parse() {
            Ok(networks) => self.options.fronts = Some(networks),
            Err(_) => {
                self.place =
                    Place::Mistake(format!("{}?fronts={networks}", self.name()), text::FRONTS);
            }
        }
        self
    }

    /// Where front servers have mounted the application, if they do not say so: see
    /// [`Mapping::script_name`](crate::environ::Mapping::script_name). Does nothing for HTTP.
    #[must_use]
    pub fn script_name(mut self, prefix: impl Into<String>) -> Self {
        self.options.script_name = Some(prefix.into());
        self
    }

    /// Refuses paths with an encoded slash, a backslash or a NUL, by which a front server's rules about paths are evaded: see
    /// [`Mapping::plain_paths`](crate::environ::Mapping::plain_paths). Does nothing for HTTP.
    #[must_use]
    pub const fn plain_paths(mut self) -> Self {
        self.options.plain_paths = true;
        self
    }

    /// Believes front servers who the client is that they have asked for proof, `REMOTE_USER`. Does nothing for HTTP.
    ///
    /// By default it is not looked at. The front server must not take it from clients.
    #[must_use]
    pub const fn remote_user(mut self) -> Self {
        self.options.remote_user = true;
        self
    }

    /// The address and port, if this is a numeric TCP address.
    pub const fn socket(&self) -> Option<SocketAddr> {
        match &self.place {
            Place::Socket(socket) => Some(*socket),
            _ => None,
        }
    }

    /// The path of the socket file, if this is a Unix socket that has one.
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::Unix(path) => Some(path),
            _ => None,
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(socket: SocketAddr) -> Self {
        Self::of(Place::Socket(socket))
    }
}

impl<I: Into<IpAddr>> From<(I, u16)> for Address {
    fn from(socket: (I, u16)) -> Self {
        Self::of(Place::Socket(socket.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_only_for_files() {
        let tcp = Address::from("127.0.0.1:1");
        assert_eq!(tcp.clone().mode(0o600), tcp);
    }
}
