//! From a request to variables.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use http::header::{AUTHORIZATION, HOST};
use http::uri::Authority;
use http::{HeaderMap, Method, Uri, Version, request};

use super::mapping::Mapping;
use super::{Environ, Refused, client, fields, path};
use crate::middleware::attributes::{Attributes, ClientAddr, Connection, Scheme};

/// Makes variables of the requests of one connection; what they have in common it makes once.
///
/// See the [module documentation](super). Cheap to clone.
#[derive(Clone, Debug)]
pub struct Template(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    mapping: Mapping,
    connection: Connection,
    variables: Environ,
}

/// Who asks, and how.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Asks {
    client: Option<ClientAddr>,
    scheme: Scheme,
    /// Whether the host is the one that was asked for, as a layer that is trusted has it.
    host: bool,
}

impl Asks {
    fn over(connection: &Connection) -> Self {
        Self {
            client: connection.peer.map(ClientAddr::from),
            scheme: connection.scheme,
            host: false,
        }
    }

    /// As the attributes have it.
    fn of(attributes: Option<&Attributes>, connection: &Connection) -> Self {
        match attributes {
            Some(attributes) => Self {
                client: attributes.client(),
                scheme: attributes.scheme(),
                host: attributes.original_host().is_some(),
            },
            None => Self::over(connection),
        }
    }
}

/// How much room the variables of most requests need, besides those of their connection.
const VARIABLES: usize = 24;
const BYTES: usize = 1024;

impl Template {
    /// For the requests over `connection`.
    pub fn new(mapping: Mapping, connection: &Connection) -> Self {
        let mut variables = Environ::new();
        common(&mapping, connection, Asks::over(connection), &mut variables);
        Self(Arc::new(Inner {
            mapping,
            connection: connection.clone(),
            variables,
        }))
    }

    /// The variables that all requests of the connection have, unless a layer that is trusted said otherwise of this
    /// one: then its own. They and [those of the request](Self::request) have no name in common.
    pub fn connection(&self, head: &request::Parts) -> Cow<'_, Environ> {
        let Inner {
            mapping,
            connection,
            variables,
        } = &*self.0;
        let asks = Asks::of(Attributes::of_head(head), connection);
        if asks == Asks::over(connection) {
            return Cow::Borrowed(variables);
        }
        let mut variables = Environ::new();
        common(mapping, connection, asks, &mut variables);
        Cow::Owned(variables)
    }

    /// Adds the variables of one request to `environ`.
    ///
    /// # Errors
    ///
    /// If the request has none; what was added till then stays.
    pub fn request(&self, head: &request::Parts, environ: &mut Environ) -> Result<(), Refused> {
        let Inner {
            mapping,
            connection,
            ..
        } = &*self.0;
        if head.method == Method::CONNECT {
            return Err(Refused::TUNNEL);
        }
        let attributes = Attributes::of_head(head);
        let prefix = attributes.map_or("", |attributes| attributes.mount().prefix());
        let original = attributes.and_then(Attributes::original_uri);
        let raw = received(original.unwrap_or(&head.uri), head.version);
        let rest = match head.uri.path() {
            // About the server; a path that is an asterisk is none to most applications.
            "*" => "/",
            rest => rest,
        };
        if mapping.plain_paths
            && [prefix, rest, &raw]
                .iter()
                .any(|path| path::is_devious(path.as_bytes()))
        {
            return Err(Refused::PATH);
        }
        environ.push("REQUEST_METHOD", head.method.as_str());
        environ.push("SCRIPT_NAME", path::decode(prefix.as_bytes()));
        environ.push("PATH_INFO", path::decode(rest.as_bytes()));
        environ.push("QUERY_STRING", head.uri.query().unwrap_or_default());
        environ.push("REQUEST_URI", &*raw);
        environ.push("RAW_URI", &*raw);
        environ.push("SERVER_PROTOCOL", protocol(head.version));
        let asks = Asks::of(attributes, connection);
        if asks.host {
            server_by_host(mapping, head, None, asks.scheme, environ);
        } else if connection.local.is_none() {
            server_by_host(mapping, head, connection.port, asks.scheme, environ);
        }
        if let Some(user) = attributes.and_then(Attributes::user) {
            if let Some(kind) = auth_type(&head.headers) {
                environ.push("AUTH_TYPE", kind);
            }
            environ.push("REMOTE_USER", &*user);
        }
        let has_host = head.headers.contains_key(HOST);
        if let Some(authority) = head.uri.authority().filter(|_| !has_host) {
            environ.push("HTTP_HOST", authority.as_str());
        }
        fields::to_variables(mapping, &head.headers, environ)
    }

    /// All variables of one request.
    ///
    /// # Errors
    ///
    /// If the request has none.
    pub fn environ(&self, head: &request::Parts) -> Result<Environ, Refused> {
        let common = self.connection(head);
        let mut environ = Environ::with_capacity(common.len() + VARIABLES, common.bytes() + BYTES);
        environ.text.extend_from_slice(&common.text);
        environ.ends.extend_from_slice(&common.ends);
        self.request(head, &mut environ)?;
        Ok(environ)
    }
}

/// What the requests of a connection have in common.
fn common(mapping: &Mapping, connection: &Connection, asks: Asks, environ: &mut Environ) {
    if mapping.cgi {
        environ.push("GATEWAY_INTERFACE", "CGI/1.1");
        environ.push(
            "SERVER_SOFTWARE",
            concat!("gopuram/", env!("CARGO_PKG_VERSION")),
        );
    }
    if let Some(local) = connection.local {
        let ip = local.ip().to_canonical();
        environ.push("SERVER_ADDR", ip.to_string());
        if !asks.host {
            match (&mapping.server_name, ip) {
                (Some(name), _) => environ.push("SERVER_NAME", &**name),
                // RFC 3875, section 4.1.14.
                (None, IpAddr::V6(ip)) => environ.push("SERVER_NAME", format!("[{ip}]")),
                (None, IpAddr::V4(ip)) => environ.push("SERVER_NAME", ip.to_string()),
            }
            environ.push("SERVER_PORT", local.port().to_string());
        }
    }
    if let Some(client) = asks.client {
        environ.push("REMOTE_ADDR", client.ip.to_string());
        if let Some(port) = client.port {
            environ.push("REMOTE_PORT", port.to_string());
        }
    } else {
        // There always is one (RFC 3875, section 4.1.8), and this one says that it is not known.
        environ.push("REMOTE_ADDR", "");
    }
    environ.push("REQUEST_SCHEME", asks.scheme.as_str());
    if asks.scheme == Scheme::Https {
        environ.push("HTTPS", "on");
    }
    if let Some(tls) = &connection.tls {
        client::tell(tls, environ);
    }
}

/// The server by the host that is asked for, where it has no address of its own or a trusted proxy names the host, and by the port that a front server has named;
/// neither may be empty (PEP 3333).
fn server_by_host(
    mapping: &Mapping,
    head: &request::Parts,
    named: Option<u16>,
    scheme: Scheme,
    environ: &mut Environ,
) {
    let host = match head.headers.get(HOST) {
        Some(host) => host.to_str().ok(),
        // Which `HTTP_HOST` is then too.
        None => head.uri.authority().map(Authority::as_str),
    };
    let (name, port) = match host.and_then(|host| host.rsplit_once(':')) {
        // In an address in brackets there are colons too.
        Some((name, port)) if !port.ends_with(']') => (Some(name), Some(port)),
        _ => (host, None),
    };
    let name = mapping.server_name.as_deref().or(name);
    let name = name.filter(|name| !name.is_empty());
    let standard = match scheme {
        Scheme::Http => "80",
        Scheme::Https => "443",
    };
    let port = port.filter(|port| fields::is_number(port.as_bytes()));
    environ.push("SERVER_NAME", name.unwrap_or("localhost"));
    match named {
        Some(port) => environ.push("SERVER_PORT", port.to_string()),
        None => environ.push("SERVER_PORT", port.unwrap_or(standard)),
    }
}

/// The target as it was received: in HTTP/2 scheme and authority are no part of it.
fn received(uri: &Uri, version: Version) -> Cow<'_, str> {
    match uri.path_and_query() {
        Some(path) if version >= Version::HTTP_2 || uri.authority().is_none() => {
            Cow::Borrowed(path.as_str())
        }
        _ => Cow::Owned(uri.to_string()),
    }
}

const fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_3 => "HTTP/3",
        _ => "HTTP/1.1",
    }
}

/// By which scheme the client gave its proof.
fn auth_type(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let scheme = value.split(|&byte| byte == b' ').next()?;
    (!scheme.is_empty()).then_some(scheme)
}
