//! SCGI: a netstring of variables, the body, and an answer as CGI has it.
//!
//! One request comes over a connection, and its answer ends with it. `CONTENT_LENGTH` comes first and is never left out; the
//! variable `SCGI` is `1`.
//!
//! | | |
//! |---|---|
//! | what is no netstring, or one without its comma | the connection closes |
//! | variables that are more than allowed | 431 |
//! | `SCGI` or `CONTENT_LENGTH` missing, or not what it must be; a name without a value, or without letters | 400 |
//! | a length of 0 for a body of unknown length, as nginx tells with `scgi_request_buffering off` | 411 |
//! | less of a body than `CONTENT_LENGTH` | the application is dropped |
//! | more | what is beyond is ignored |
//! | the front server closes its half of the connection, though the body was whole | it has gone, and the application is dropped |
//! | an answer that breaks off | the connection is reset |
//!
//! Variables that come twice, which the protocol forbids and nginx before 1.23 sends, are dealt with as everywhere:
//! see [`environ`](crate::environ).

use bytes::{Buf as _, BytesMut};
use http::{StatusCode, response};

use super::behind::{self, Broken, Codec, Event, Framing, Heads, Most};
use crate::environ::Environ;

/// The state of one connection.
#[derive(Debug)]
pub(super) struct Scgi {
    most: Most,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    /// The length of the netstring comes.
    Length,
    /// So many bytes of variables come, and a comma.
    Variables(usize),
    /// All else is the body.
    Body,
}

/// The only request there is.
const ID: u16 = 1;

/// How many digits the length has at most.
const DIGITS: usize = 8;

impl Scgi {
    pub(super) const fn new(most: Most) -> Self {
        Self {
            most,
            stage: Stage::Length,
        }
    }

    fn refused(&mut self, status: StatusCode) -> Event {
        self.stage = Stage::Body;
        Event::Refused { id: ID, status }
    }

    fn request(&mut self, variables: &[u8]) -> Event {
        let environ = match environ(variables, self.most) {
            Ok(environ) => environ,
            Err(status) => return self.refused(status),
        };
        match Framing::of(&environ, Framing::Nothing) {
            Framing::Nothing if behind::is_chunked(&environ) => {
                self.refused(StatusCode::LENGTH_REQUIRED)
            }
            body => {
                self.stage = Stage::Body;
                Event::Request {
                    id: ID,
                    environ,
                    body,
                }
            }
        }
    }
}

impl Codec for Scgi {
    fn decode(&mut self, input: &mut BytesMut, _: &mut BytesMut) -> Result<Option<Event>, Broken> {
        loop {
            match self.stage {
                Stage::Length => {
                    if input.starts_with(b"GET ") || input.starts_with(b"POST ") {
                        return Err(Broken(
                            "HTTP is spoken where SCGI is; it has another address",
                        ));
                    }
                    let Some(length) = length(input)? else {
                        return Ok(None);
                    };
                    if length > self.most.bytes {
                        return Ok(Some(
                            self.refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
                        ));
                    }
                    self.stage = Stage::Variables(length);
                }
                Stage::Variables(length) => {
                    let Some(&end) = input.get(length) else {
                        return Ok(None);
                    };
                    if end != b',' {
                        return Err(Broken("a netstring does not end with a comma"));
                    }
                    let variables = input.split_to(length);
                    input.advance(1);
                    return Ok(Some(self.request(&variables)));
                }
                Stage::Body if input.is_empty() => return Ok(None),
                Stage::Body => {
                    let data = input.split().freeze();
                    return Ok(Some(Event::Data { id: ID, data }));
                }
            }
        }
    }

    fn head(&mut self, _: u16, head: &response::Parts, out: &mut BytesMut) {
        behind::cgi(head, out);
    }

    fn heads(&self) -> Heads {
        Heads {
            begun: 1,
            done: usize::from(self.stage == Stage::Body),
        }
    }
}

/// The length of a netstring: digits without a zero before them, and a colon.
fn length(input: &mut BytesMut) -> Result<Option<usize>, Broken> {
    let broken = Broken("a request does not begin with the length of a netstring");
    let digits = input
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if digits > DIGITS || input.first() == Some(&b'0') {
        return Err(broken);
    }
    match input.get(digits) {
        None => Ok(None),
        Some(b':') if digits > 0 => {
            let text = input.split_to(digits);
            input.advance(1);
            let text = std::str::from_utf8(&text).map_err(|_| broken)?;
            text.parse().map(Some).map_err(|_| broken)
        }
        Some(_) => Err(broken),
    }
}

/// The variables, each with a NUL behind its name and one behind its value.
fn environ(variables: &[u8], most: Most) -> Result<Environ, StatusCode> {
    let Some(variables) = variables.strip_suffix(b"\0") else {
        return Err(StatusCode::BAD_REQUEST);
    };
    let mut environ = Environ::new();
    let mut texts = variables.split(|&byte| byte == 0);
    while let Some(name) = texts.next() {
        let value = texts.next().ok_or(StatusCode::BAD_REQUEST)?;
        if name.is_empty() {
            return Err(StatusCode::BAD_REQUEST);
        }
        environ.push(name, value);
        if most.is_passed(&environ) {
            return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
    }
    let is_first = environ.iter().next().is_some_and(|(name, value)| {
        name == b"CONTENT_LENGTH" && !value.is_empty() && value.iter().all(u8::is_ascii_digit)
    });
    if !is_first || environ.get("SCGI") != Some(b"1") {
        return Err(StatusCode::BAD_REQUEST);
    }
    Ok(environ)
}

#[cfg(test)]
mod tests;
