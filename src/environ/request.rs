//! From variables to a request.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::uri::Authority;
use http::{HeaderValue, Request, Uri, Version, request};

use super::fields::is_number;
use super::known::Known;
use super::mapping::Mapping;
use super::target::Target;
use super::{Environ, Refused};
use crate::middleware::attributes::{Attributes, ClientAddr, Connection, Scheme};

impl Environ {
    /// The head of the request that the variables speak of, with [`Attributes`].
    ///
    /// All that they say is believed, but for `REMOTE_USER`, which must be [asked for](Mapping::remote_user): to be called only for
    /// those who may say who the client is. Its connection is as `connection`, between the addresses that the variables name.
    ///
    /// # Errors
    ///
    /// If they make no request; see the [module documentation](super).
    pub fn head(
        &self,
        mapping: &Mapping,
        connection: &Connection,
    ) -> Result<request::Parts, Refused> {
        let mut known = Known::of(self, mapping)?;
        let method = known.method()?;
        let version = version(known.protocol)?;
        let target = Target::of(&known, mapping, &method)?;
        let scheme = scheme(&known);
        content(&mut known)?;
        host(&mut known, version)?;

        let (mut head, ()) = Request::new(()).into_parts();
        head.uri = uri(&target, &target.rest, version, scheme, &known)?;
        head.extensions.insert(attributes(
            &known, mapping, connection, scheme, &target, &head,
        )?);
        head.method = method;
        head.version = version;
        head.headers = known.headers;
        Ok(head)
    }
}

/// The version of the client's request; no front server has to know the next one.
fn version(protocol: Option<&[u8]>) -> Result<Version, Refused> {
    match protocol {
        None | Some(b"HTTP/1.0") => Ok(Version::HTTP_10),
        Some(b"HTTP/1.1") => Ok(Version::HTTP_11),
        Some(b"HTTP/2" | b"HTTP/2.0") => Ok(Version::HTTP_2),
        Some(b"HTTP/3" | b"HTTP/3.0") => Ok(Version::HTTP_3),
        Some(b"HTTP/0.9") => Ok(Version::HTTP_09),
        Some(_) => Err(Refused::malformed("SERVER_PROTOCOL")),
    }
}

fn scheme(known: &Known<'_>) -> Scheme {
    let is =
        |value: Option<&[u8]>, word: &[u8]| value.is_some_and(|v| v.eq_ignore_ascii_case(word));
    if is(known.https, b"on") || is(known.https, b"1") || is(known.scheme, b"https") {
        Scheme::Https
    } else {
        Scheme::Http
    }
}

/// The fields that have variables of their own.
fn content(known: &mut Known<'_>) -> Result<(), Refused> {
    if let Some(value) = known.content_type {
        let value = HeaderValue::from_bytes(value);
        let value = value.map_err(|_| Refused::malformed("CONTENT_TYPE"))?;
        known.headers.insert(CONTENT_TYPE, value);
    }
    // lighttpd says -1 of a body that has just begun.
    if let Some(value) = known.content_length.filter(|value| *value != b"-1") {
        let number = HeaderValue::from_bytes(value).ok().filter(|number| {
            let text = number.to_str().unwrap_or_default();
            is_number(value) && text.parse::<u64>().is_ok()
        });
        let number = number.ok_or_else(|| Refused::malformed("CONTENT_LENGTH"))?;
        known.headers.insert(CONTENT_LENGTH, number);
    }
    Ok(())
}

/// The host that is asked for, where HTTP/1.1 wants one and only the server's name is there.
fn host(known: &mut Known<'_>, version: Version) -> Result<(), Refused> {
    if let Some(host) = known.headers.get(HOST) {
        // nginx tells an empty one where there is none.
        if version < Version::HTTP_11 && host.is_empty() {
            known.headers.remove(HOST);
        }
        return Ok(());
    }
    let Some(name) = known.server_name.filter(|_| version >= Version::HTTP_11) else {
        return Ok(());
    };
    let port = match known.server_port {
        None => String::new(),
        Some(b"80") if scheme(known) == Scheme::Http => String::new(),
        Some(b"443") if scheme(known) == Scheme::Https => String::new(),
        Some(port) => format!(":{}", String::from_utf8_lossy(port)),
    };
    let host = HeaderValue::from_bytes(&[name, port.as_bytes()].concat());
    known
        .headers
        .insert(HOST, host.map_err(|_| Refused::malformed("SERVER_NAME"))?);
    Ok(())
}

/// The target as it would have been received: since HTTP/2 with scheme and authority.
fn uri(
    target: &Target,
    path: &str,
    version: Version,
    scheme: Scheme,
    known: &Known<'_>,
) -> Result<Uri, Refused> {
    // One that is no authority would be taken for a part of the path.
    let host = || Authority::try_from(known.headers.get(HOST)?.as_bytes()).ok();
    let text = if !target.origin.is_empty() {
        [&target.origin, path].concat()
    } else if version >= Version::HTTP_2
        && path.starts_with('/')
        && let Some(host) = host()
    {
        [scheme.as_str(), "://", host.as_str(), path].concat()
    } else {
        path.to_owned()
    };
    // One that begins with two slashes would be read as an authority if it were not told to be a path.
    if text.starts_with('/') {
        let path = http::uri::PathAndQuery::try_from(text);
        return path
            .map(Uri::from)
            .map_err(|_| Refused::malformed("REQUEST_URI"));
    }
    Uri::try_from(text).map_err(|_| Refused::malformed("REQUEST_URI"))
}

fn attributes(
    known: &Known<'_>,
    mapping: &Mapping,
    connection: &Connection,
    scheme: Scheme,
    target: &Target,
    head: &request::Parts,
) -> Result<Attributes, Refused> {
    let client = known.remote_addr.and_then(ip);
    let mut connection = connection.clone();
    connection.scheme = scheme;
    connection.fronted = true;
    connection.peer = both(client, known.remote_port);
    connection.local = both(known.server_addr.and_then(ip), known.server_port);
    // Of SCGI and uwsgi nginx's own lists of variables have no address.
    connection.port = known.server_port.and_then(port);
    let has_peer = connection.peer.is_some();
    let mut attributes = Attributes::new(Arc::new(connection));
    if let Some(ip) = client.filter(|_| !has_peer) {
        attributes.set_client(ClientAddr::new(ip, None));
    }
    if let Some(original) = &target.original {
        attributes.keep_original_uri(original);
    }
    if !target.prefix.is_empty() {
        let whole = [&*target.prefix, &*target.rest].concat();
        attributes.keep_original_uri(&uri(target, &whole, head.version, scheme, known)?);
        attributes.enter_mount(&target.prefix);
    }
    if mapping.remote_user
        && let Some(user) = known.remote_user
    {
        let user = std::str::from_utf8(user).map_err(|_| Refused::malformed("REMOTE_USER"))?;
        attributes.set_user(user.into());
    }
    Ok(attributes)
}

/// An address without brackets and zone; one that is none, as nginx has for clients on Unix sockets, is not known.
fn ip(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let text = text
        .strip_prefix('[')
        .and_then(|t| t.strip_suffix(']'))
        .unwrap_or(text);
    let text = text.split_once('%').map_or(text, |(text, _)| text);
    text.parse().ok()
}

fn both(ip: Option<IpAddr>, port: Option<&[u8]>) -> Option<SocketAddr> {
    Some(SocketAddr::new(ip?, self::port(port?)?))
}

fn port(text: &[u8]) -> Option<u16> {
    is_number(text).then(|| std::str::from_utf8(text).ok()?.parse().ok())?
}
