//! What is written of the request, on the way in, and of the response's head, on the way out.

use http::header::{CONNECTION, CONTENT_LOCATION, COOKIE, HOST, LOCATION, REFERER, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version};

use super::address::address;
use super::directive::{End, Field, Value};
use super::escape::Line;
use super::redact::{REDACTED, Redaction};
use crate::attributes::{Attributes, Scheme};

/// A request, as far as lines tell of it.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    /// What was taken off the front of the path.
    prefix: &'a str,
    version: Version,
    headers: &'a HeaderMap,
    attributes: Option<&'a Attributes>,
}

impl<'a> Asked<'a> {
    #[inline]
    pub(super) fn new<B>(req: &'a Request<B>, attributes: Option<&'a Attributes>) -> Self {
        let original = attributes.and_then(Attributes::original_uri);
        let prefix = match (original, attributes) {
            (None, Some(attributes)) => attributes.mount().prefix(),
            _ => "",
        };
        Self {
            method: req.method(),
            uri: original.unwrap_or(req.uri()),
            prefix,
            version: req.version(),
            headers: req.headers(),
            attributes,
        }
    }

    /// Writes a value that is known on the way in.
    #[inline]
    pub(super) fn write(&self, value: &Value, redaction: &Redaction, line: &mut Line<'_>) {
        match value {
            Value::Client => {
                let client = self.attributes.and_then(Attributes::client);
                address(client.map(|client| redaction.masked(client.ip)), line);
            }
            Value::Peer => {
                let peer = self.connection().and_then(|c| c.peer);
                address(
                    peer.map(|peer| redaction.masked(peer.ip().to_canonical())),
                    line,
                );
            }
            Value::Local => {
                let local = self.connection().and_then(|c| c.local);
                address(local.map(|local| local.ip().to_canonical()), line);
            }
            Value::Cookie(name) => self.cookie(name, redaction, line),
            Value::Method => line.text(self.method.as_str().as_bytes()),
            Value::Path => {
                line.open();
                line.part(self.prefix.as_bytes());
                line.part(self.path().as_bytes());
                line.close();
            }
            Value::Port(end) => match self.port(*end) {
                Some(port) => line.number(port.into()),
                None => line.none(),
            },
            Value::Protocol => line.text(protocol(self.version)),
            Value::Query => {
                line.open();
                if let Some(query) = self.uri.query() {
                    line.plain(b"?");
                    redaction.query(query.as_bytes(), line);
                }
                line.close();
            }
            Value::Request => {
                line.open();
                match *self.method {
                    Method::GET => line.plain(b"GET "),
                    ref method => {
                        line.part(method.as_str().as_bytes());
                        line.end();
                        line.plain(b" ");
                    }
                }
                self.target(redaction, line);
                line.end();
                line.plain(b" ");
                line.plain(protocol(self.version));
                line.close();
            }
            Value::RequestHeader(field) => header(self.headers, field, redaction, line),
            Value::RequestId => {
                let id = self.attributes.and_then(Attributes::request_id);
                line.text_or_none(id.map(|id| id.as_header().as_bytes()));
            }
            Value::Scheme => line.text(self.scheme().as_str().as_bytes()),
            Value::ServerName => line.text_or_none(self.server().map(|(name, _)| name)),
            Value::Target => {
                line.open();
                self.target(redaction, line);
                line.close();
            }
            _ => line.none(),
        }
    }

    /// How many bytes the head has when written as HTTP/1.1 does (RFC 9112, section 3).
    pub(super) fn head_len(&self) -> u64 {
        let mut target = self.prefix.len() + self.path().len();
        target += self.uri.query().map_or(0, |query| query.len() + 1);
        if let Some((scheme, authority)) = self.absolute() {
            target += scheme.map_or(0, |scheme| scheme.len() + 3) + authority.len();
        }
        let line = self.method.as_str().len() + target + " HTTP/1.1 \r\n".len();
        line as u64 + fields_len(self.headers)
    }

    /// Whether the connection may be used again (RFC 9112, section 9.3).
    pub(super) fn keeps_alive(&self) -> bool {
        match self.version {
            Version::HTTP_09 => false,
            Version::HTTP_10 => connection_says(self.headers, "keep-alive"),
            Version::HTTP_11 => !connection_says(self.headers, "close"),
            _ => true,
        }
    }

    /// The target in the form in which it came (RFC 9112, section 3.2).
    fn target(&self, redaction: &Redaction, line: &mut Line<'_>) {
        if let Some((scheme, authority)) = self.absolute() {
            if let Some(scheme) = scheme {
                line.part(scheme.as_bytes());
                line.part(b"://");
            }
            match authority.rsplit_once('@') {
                Some((_, host)) => {
                    line.part(REDACTED);
                    line.part(b"@");
                    line.part(host.as_bytes());
                }
                None => line.part(authority.as_bytes()),
            }
        }
        if !self.prefix.is_empty() {
            line.part(self.prefix.as_bytes());
        }
        // Nearly always all of it is written as it stands.
        if redaction.query_keys.is_empty()
            && let Some(path) = self.uri.path_and_query()
            && path.as_str().starts_with('/')
        {
            return line.part(path.as_str().as_bytes());
        }
        line.part(self.path().as_bytes());
        if let Some(query) = self.uri.query() {
            line.plain(b"?");
            redaction.query(query.as_bytes(), line);
        }
    }

    /// The scheme and the authority, if they are part of the request line.
    ///
    /// From HTTP/2 on every request has them, in fields of their own.
    fn absolute(&self) -> Option<(Option<&str>, &str)> {
        let authority = self.uri.authority()?.as_str();
        let of_line = self.version <= Version::HTTP_11 || self.method == Method::CONNECT;
        of_line.then_some((self.uri.scheme_str(), authority))
    }

    /// The path, which an authority alone does not have.
    fn path(&self) -> &str {
        match self.uri.path_and_query() {
            Some(path) => path.path(),
            None => "",
        }
    }

    fn scheme(&self) -> Scheme {
        self.attributes.map(Attributes::scheme).unwrap_or_default()
    }

    fn connection(&self) -> Option<&crate::attributes::Connection> {
        self.attributes.and_then(Attributes::connection)
    }

    /// The server's name and port, as the client knows it (RFC 9110, section 7.1).
    fn server(&self) -> Option<(&[u8], Option<u16>)> {
        let authority = self
            .uri
            .authority()
            .map(|authority| authority.as_str().as_bytes());
        let authority = authority.or_else(|| Some(self.headers.get(HOST)?.as_bytes()))?;
        // Who the client says it is does not belong to the name (RFC 9110, section 4.2.4).
        let host = authority.rsplit(|&b| b == b'@').next().unwrap_or(authority);
        // An address of digits and colons is in brackets.
        let address = host.iter().rposition(|&b| b == b']').unwrap_or(0);
        let colon = host.iter().skip(address).position(|&b| b == b':');
        let end = colon.map_or(host.len(), |colon| address + colon);
        let (name, port) = host.split_at_checked(end).unwrap_or((host, b""));
        let port = port
            .get(1..)
            .and_then(|port| std::str::from_utf8(port).ok()?.parse().ok());
        Some((name, port))
    }

    fn port(&self, end: End) -> Option<u16> {
        match end {
            End::Canonical => {
                let asked = self.server().and_then(|(_, port)| port);
                let local = || self.connection()?.local_port();
                let usual = || match self.scheme() {
                    Scheme::Http => 80,
                    Scheme::Https => 443,
                };
                Some(asked.or_else(local).unwrap_or_else(usual))
            }
            End::Local => self.connection()?.local_port(),
            End::Remote => self.attributes.and_then(Attributes::client)?.port,
        }
    }

    fn cookie(&self, name: &str, redaction: &Redaction, line: &mut Line<'_>) {
        let fields = self.headers.get_all(COOKIE).iter();
        let mut pairs = fields.flat_map(|field| field.as_bytes().split(|&b| b == b';'));
        let value = pairs.find_map(|pair| {
            let value = pair.trim_ascii_start().strip_prefix(name.as_bytes())?;
            value.strip_prefix(b"=")
        });
        match value {
            Some(_) if redaction.is_secret_cookie(name.as_bytes()) => line.text(REDACTED),
            value => line.text_or_none(value),
        }
    }
}

/// How many bytes the head of a response has when written as HTTP/1.1 does (RFC 9112, section 4).
pub(super) fn head_len<C>(res: &Response<C>) -> u64 {
    let reason = res.status().canonical_reason().map_or(0, str::len);
    "HTTP/1.1 200 \r\n".len() as u64 + reason as u64 + fields_len(res.headers())
}

fn fields_len(headers: &HeaderMap) -> u64 {
    let fields = headers.iter();
    let len: usize = fields
        .map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len())
        .sum();
    (len + "\r\n".len()) as u64
}

/// Whether `Connection` has this option (RFC 9110, section 7.6.1).
pub(super) fn connection_says(headers: &HeaderMap, option: &str) -> bool {
    let lines = headers.get_all(CONNECTION).iter();
    let mut options = lines.flat_map(|line| line.as_bytes().split(|&b| b == b','));
    options.any(|said| said.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
}

/// Writes a field, its lines joined by a comma, without what must not be seen.
#[inline]
pub(super) fn header(
    headers: &HeaderMap,
    field: &Field,
    redaction: &Redaction,
    line: &mut Line<'_>,
) {
    let mut values = headers.get_all(&field.name).iter();
    let Some(first) = values.next() else {
        return line.none();
    };
    line.open();
    header_value(first, field, redaction, line);
    for value in values {
        // Lines of cookies are joined as one line has them (RFC 9113, section 8.2.3).
        line.part(if field.name == COOKIE { b"; " } else { b", " });
        header_value(value, field, redaction, line);
    }
    line.close();
}

#[inline]
fn header_value(value: &HeaderValue, field: &Field, redaction: &Redaction, line: &mut Line<'_>) {
    let bytes = value.as_bytes();
    match field.name {
        _ if field.hidden || value.is_sensitive() => line.part(REDACTED),
        REFERER | LOCATION | CONTENT_LOCATION => redaction.url(bytes, line),
        COOKIE => redaction.cookies(bytes, line),
        SET_COOKIE => redaction.set_cookie(bytes, line),
        _ => line.part(bytes),
    }
}

fn protocol(version: Version) -> &'static [u8; 8] {
    match version {
        Version::HTTP_09 => b"HTTP/0.9",
        Version::HTTP_10 => b"HTTP/1.0",
        Version::HTTP_2 => b"HTTP/2.0",
        Version::HTTP_3 => b"HTTP/3.0",
        _ => b"HTTP/1.1",
    }
}
