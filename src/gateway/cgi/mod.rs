//! CGI/1.1 (RFC 3875): one request from the environment and the standard input, its answer to the standard output.
//!
//! Of the environment only what speaks of the request is looked at. The command line is not: of a query without `=` a server makes arguments
//! (section 4.4), which is how clients gave PHP its options (CVE-2012-1823).
//!
//! As many bytes are read as `CONTENT_LENGTH` says, for there need not be an end (section 4.2); without one, and with
//! `Transfer-Encoding` from Apache, there is one, as with -1 from lighttpd. That the server has gone shows when something is written to it, or by a signal.

#[cfg(any(fuzzing, test))]
pub(super) mod fuzzing;
mod stdio;

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;

use bytes::BytesMut;
use http::response;

use super::behind::{self, Arrival, Broken, Codec, Ends, Event, Framing, Heads, is_chunked};
use super::settings::Settings;
use crate::Application;
use crate::environ::{Environ, Mapping};
use crate::middleware::attributes;

/// Whether this process was started to answer one request.
pub(super) fn is_asked_for() -> bool {
    std::env::var_os("GATEWAY_INTERFACE").is_some_and(|it| it.as_bytes().starts_with(b"CGI/"))
}

/// Answers the request that this process was started for.
pub(super) async fn serve<S: Application>(
    app: S,
    connection: attributes::Connection,
    settings: Arc<Settings>,
) {
    let codec = Cgi::new(environ(std::env::vars_os()));
    let (io, written) = stdio::open(codec.body, settings.deadlines.write);
    let arrival = Arrival {
        connection,
        mapping: Arc::new(Mapping::default().cgi()),
        slot: None,
    };
    behind::serve(io, Ends::alike(), codec, app, arrival, settings).await;
    written.await;
}

/// The variables of RFC 3875, section 4.1 that mean something here, and those that servers have added.
const VARIABLES: [&[u8]; 18] = [
    b"CONTENT_LENGTH",
    b"CONTENT_TYPE",
    b"DOCUMENT_URI",
    b"HTTPS",
    b"PATH_INFO",
    b"QUERY_STRING",
    b"REMOTE_ADDR",
    b"REMOTE_PORT",
    b"REMOTE_USER",
    b"REQUEST_METHOD",
    b"REQUEST_SCHEME",
    b"REQUEST_URI",
    b"SCRIPT_NAME",
    b"SERVER_ADDR",
    b"SERVER_NAME",
    b"SERVER_PORT",
    b"SERVER_PROTOCOL",
    b"SERVER_SOFTWARE",
];

/// What speaks of the request, and nothing else of the environment.
fn environ(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Environ {
    let mut environ = Environ::new();
    for (name, value) in variables {
        let name = name.as_bytes();
        if name.starts_with(b"HTTP_") || VARIABLES.contains(&name) {
            environ.push(name, value.as_bytes());
        }
    }
    environ
}

/// The one request there is.
#[derive(Debug)]
struct Cgi {
    environ: Option<Environ>,
    body: Framing,
}

/// Its number.
const ID: u16 = 1;

impl Cgi {
    fn new(environ: Environ) -> Self {
        let unknown = if is_chunked(&environ) {
            Framing::Open
        } else {
            Framing::Nothing
        };
        Self {
            body: Framing::of(&environ, unknown),
            environ: Some(environ),
        }
    }
}

impl Codec for Cgi {
    const NEEDS_BOTH_WAYS: bool = false;

    fn decode(&mut self, input: &mut BytesMut, _: &mut BytesMut) -> Result<Option<Event>, Broken> {
        let body = self.body;
        if let Some(environ) = self.environ.take() {
            return Ok(Some(Event::Request {
                id: ID,
                environ,
                body,
            }));
        }
        let data = input.split().freeze();
        Ok((!data.is_empty()).then_some(Event::Data { id: ID, data }))
    }

    fn head(&mut self, _: u16, head: &response::Parts, out: &mut BytesMut) {
        behind::cgi(head, out);
    }

    fn heads(&self) -> Heads {
        Heads { begun: 1, done: 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_else_of_the_environment_gets_in() {
        let variables = [
            ("PATH", "/bin"),
            ("REQUEST_METHOD", "GET"),
            ("HTTP_HOST", "a"),
            ("LD_PRELOAD", "evil.so"),
            ("AWS_SECRET", "x"),
        ];
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        let expected: Environ = [("REQUEST_METHOD", "GET"), ("HTTP_HOST", "a")]
            .into_iter()
            .collect();
        assert_eq!(environ(variables), expected);
    }
}
