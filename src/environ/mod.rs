//! A request as the variables of CGI, and back.
//!
//! ```
//! use gopuram::environ::{Mapping, Template};
//! use gopuram::middleware::attributes::Connection;
//!
//! let template = Template::new(Mapping::default(), &Connection::default());
//! let req = http::Request::get("/caf%C3%A9?q=1").header("x-tier", "gate").body(())?;
//! let environ = template.environ(&req.into_parts().0)?;
//! assert_eq!(environ.get("PATH_INFO"), Some("/café".as_bytes()));
//! assert_eq!(environ.get("HTTP_X_TIER"), Some(b"gate".as_slice()));
//!
//! let head = environ.head(&Mapping::default(), &Connection::default())?;
//! assert_eq!(head.uri, "/caf%C3%A9?q=1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! CGI, FastCGI, SCGI, uwsgi and WSGI all speak of a request by the variables of RFC 3875. [`Environ`] is a list of them,
//! [`Template`] makes one of a request, and [`Environ::head`] a request of one. Values are bytes, as they came: WSGI's
//! strings are these bytes as Latin-1. Nothing of the environment of the process gets in.
//!
//! # From a request
//!
//! | variable | value |
//! |---|---|
//! | `REQUEST_METHOD`, `SERVER_PROTOCOL` | as received; `HTTP/1.0`, `HTTP/1.1`, `HTTP/2`, `HTTP/3` |
//! | `SCRIPT_NAME`, `PATH_INFO` | the [mount](crate::middleware::attributes::Mount) and the rest, each decoded once; `OPTIONS *` is about `/` |
//! | `QUERY_STRING` | as received, always there |
//! | `REQUEST_URI`, `RAW_URI` | the target as received, before any layer changed it: decoding loses `%2F` |
//! | `CONTENT_TYPE`, `CONTENT_LENGTH` | the fields, if they are there; they have no other variables |
//! | `HTTP_*` | the other fields; `Cookie` lines joined by `; `, others by `, ` |
//! | `SERVER_NAME`, `SERVER_PORT`, `SERVER_ADDR` | our end of the connection, never what `Host` says, unless [`Forwarded`](crate::middleware::Forwarded) has believed it of a proxy; on a Unix socket, and behind a front server that names no address, that or `localhost`, with the port that this one names |
//! | `REMOTE_ADDR`, `REMOTE_PORT` | the client as the attributes have it: the peer, or whom a layer that is trusted names |
//! | `REMOTE_USER`, `AUTH_TYPE` | who the client proved to be to a layer further out, and how |
//! | `REQUEST_SCHEME`, `HTTPS` | the attributes' scheme; `on` for `https`, else not there |
//! | `SSL_CLIENT_VERIFY` | on a connection that was secured here: `SUCCESS` with a certificate of the client, which was verified, else `NONE` |
//! | `SSL_CLIENT_S_DN`, `SSL_CLIENT_I_DN`, `SSL_CLIENT_M_SERIAL`, `SSL_CLIENT_CERT` | of that certificate: its subject and its issuer (RFC 4514, in UTF-8), its number in hexadecimal digits, and itself in PEM |
//! | `GATEWAY_INTERFACE`, `SERVER_SOFTWARE` | only for [CGI](Mapping::cgi) |
//!
//! Refused is what has no meaning there: a tunnel (`CONNECT`), and a field twice that may be there once. The field `Proxy` is
//! dropped, always: as `HTTP_PROXY` many programs would send their own requests through it (CVE-2016-5388). Fields whose names
//! have anything but letters, digits and hyphens are dropped, since `X_User` and `X-User` are the same variable, and
//! to PHP `X.User` is as well (RFC 9110, section 17.10); [`Mapping::allow`] makes exceptions.
//!
//! # To a request
//!
//! What a front server says of a request it says in its own way, so that:
//!
//! | | |
//! |---|---|
//! | path | `SCRIPT_NAME` and `PATH_INFO`, else `DOCUMENT_URI`, else that of `REQUEST_URI` |
//! | target | `REQUEST_URI` as it is if it means that path, as it stands or with its dot segments and double slashes removed, as nginx does; else the path encoded, and `REQUEST_URI` is the [original](crate::middleware::attributes::Attributes::original_uri) |
//! | mount | `SCRIPT_NAME` if there is a `PATH_INFO` beside it: nginx, Apache's `mod_proxy_fcgi` and HAProxy give the whole path as `SCRIPT_NAME`; or what [`Mapping::script_name`] says |
//! | nothing behind the mount | redirected to the slash, as by [`Mount`](crate::middleware::Mount) |
//! | a variable twice | the same value counts once, another is refused; `Cookie` is joined, other fields stay apart |
//! | an empty `CONTENT_LENGTH` or `CONTENT_TYPE` | is not there, and -1 is no length |
//! | `SSL_*` | not looked at, as front servers do not agree on them; what an application is to know of it comes as a field, which the front server sets in any case, lest it be the client's |
//! | fields of the connection between client and front server | dropped: `Connection`, `TE`, `Upgrade` and the like |
//! | no `SERVER_PROTOCOL` | HTTP/1.0 |
//! | no `HTTP_HOST` on HTTP/1.1 | `SERVER_NAME` and `SERVER_PORT` |
//!
//! Rules of the front server by path (`location`, `<Location>`) go by the path as it has cleaned and decoded it, and routes by the target
//! as the client sent it: of `/admin/..%2fpublic` nginx sees `/public`. Where such rules are to keep somebody out,
//! have [`NormalizePath`](crate::middleware::NormalizePath) before the routes and [`plain_paths`](Mapping::plain_paths), an option of the address too, refuse the rest; better, have
//! the application decide.
//!
//! What fits one way comes back the other way as it was: method, target, version, fields and attributes.

#[cfg(feature = "tls")]
mod client;
#[cfg(not(feature = "tls"))]
#[path = "no_client.rs"]
mod client;
mod fields;
mod known;
mod mapping;
#[cfg(feature = "tls")]
mod name;
mod path;
mod refused;
mod request;
mod target;
mod template;

use std::fmt;

pub use mapping::Mapping;
pub use refused::Refused;
pub use template::Template;

/// The variables of a request, in order.
///
/// See the [module documentation](self). One piece of memory for all names and values, and one for where they are.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Environ {
    text: Vec<u8>,
    ends: Vec<Ends>,
}

/// Where a name ends, and its value behind it; the next name begins there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Ends {
    name: usize,
    value: usize,
}

impl Environ {
    /// None yet.
    pub const fn new() -> Self {
        Self {
            text: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// None yet, with room for so many, of so many bytes together.
    pub fn with_capacity(variables: usize, bytes: usize) -> Self {
        Self {
            text: Vec::with_capacity(bytes),
            ends: Vec::with_capacity(variables),
        }
    }

    /// Adds a variable, even if there is one of that name.
    pub fn push(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.text.extend_from_slice(name.as_ref());
        self.end_name(value.as_ref());
    }

    /// Ends a name that is written already, with its value.
    fn end_name(&mut self, value: &[u8]) {
        let name = self.text.len();
        self.text.extend_from_slice(value);
        let value = self.text.len();
        self.ends.push(Ends { name, value });
    }

    /// Adds to the value of the last variable.
    fn join(&mut self, between: &[u8], more: &[u8]) {
        self.text.extend_from_slice(between);
        self.text.extend_from_slice(more);
        if let Some(last) = self.ends.last_mut() {
            last.value = self.text.len();
        }
    }

    /// The first variable of that name.
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        let name = name.as_ref();
        self.iter().find_map(|(n, v)| (n == name).then_some(v))
    }

    /// All names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.ends.iter().scan(0, |start, ends| {
            let name = self.text.get(*start..ends.name);
            let value = self.text.get(ends.name..ends.value);
            *start = ends.value;
            name.zip(value)
        })
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many bytes all names and values have.
    pub const fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Removes all, and keeps the memory for the next.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> Extend<(N, V)> for Environ {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, iter: I) {
        for (name, value) in iter {
            self.push(name, value);
        }
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Environ {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(iter: I) -> Self {
        let mut environ = Self::new();
        environ.extend(iter);
        environ
    }
}

/// What proves who the client is is not shown.
impl fmt::Debug for Environ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.iter().map(|(name, value)| {
            let value: &[u8] = match name {
                b"HTTP_AUTHORIZATION" | b"HTTP_COOKIE" | b"HTTP_PROXY_AUTHORIZATION" => b"...",
                _ => value,
            };
            let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
            (text(name), text(value))
        });
        f.debug_map().entries(shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_stay_in_order_and_are_found_by_name() {
        let mut environ: Environ = [("A", "1"), ("B", ""), ("A", "2")].into_iter().collect();
        environ.push(b"C", [0xe9]);
        assert_eq!(environ.len(), 4);
        assert_eq!(environ.bytes(), 7);
        assert_eq!(environ.get("A"), Some(b"1".as_slice()));
        assert_eq!(environ.get("B"), Some(b"".as_slice()));
        assert_eq!(environ.get("D"), None);
        let names: Vec<_> = environ.iter().map(|(name, _)| name).collect();
        assert_eq!(names, [b"A", b"B", b"A", b"C"]);
        environ.clear();
        assert!(environ.is_empty());
    }

    #[test]
    fn secrets_are_not_shown() {
        let environ: Environ = [("HTTP_COOKIE", "id=7"), ("A", "\n")].into_iter().collect();
        assert_eq!(
            format!("{environ:?}"),
            r#"{"HTTP_COOKIE": "...", "A": "\\n"}"#
        );
    }
}
