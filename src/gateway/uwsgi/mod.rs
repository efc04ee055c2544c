//! uwsgi: a packet of variables, the body, and an answer as HTTP/1.1 has it.
//!
//! One request comes over a connection, and its answer ends with it. The first byte of a packet says what it is: 0 is a
//! request, and 30 one whose `PATH_INFO` begins with its `SCRIPT_NAME`. All others are refused; to uWSGI they mean such things as
//! to run the code that comes behind, and whoever can connect could send them. For the same reason no variable `UWSGI_*` is looked at.
//!
//! | | |
//! |---|---|
//! | a packet of another kind; HTTP, which is a packet as well | the connection closes, and the log says so |
//! | variables that are not whole, or a body whose length is unknown, without `CONTENT_LENGTH` or with -1 | 400, and 411 |
//! | variables that are more than allowed | 431 |
//! | less of a body than `CONTENT_LENGTH` | the application is dropped |
//! | more | what is beyond is ignored |
//! | the front server closes its half of the connection, though the body was whole | it has gone, and the application is dropped |
//! | an answer that breaks off | the connection is reset |

use bytes::{Buf as _, BytesMut};
use http::{StatusCode, response};

use super::behind::{self, Broken, Codec, Event, Framing, Heads, Most};
use crate::environ::Environ;

/// The state of one connection.
#[derive(Debug)]
pub(super) struct Uwsgi {
    most: Most,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    /// The header of the packet comes.
    Header,
    /// So many bytes of variables come; whether the path begins with the script's name.
    Variables(usize, bool),
    /// All else is the body.
    Body,
}

/// The only request there is.
const ID: u16 = 1;

/// What a packet is: a request.
const REQUEST: u8 = 0;
/// A request whose path begins with the script's name.
const MANAGED: u8 = 30;

impl Uwsgi {
    pub(super) const fn new(most: Most) -> Self {
        Self {
            most,
            stage: Stage::Header,
        }
    }

    fn request(&mut self, variables: &[u8], managed: bool) -> Event {
        self.stage = Stage::Body;
        let refused = |status| Event::Refused { id: ID, status };
        let environ = match environ(variables, self.most) {
            Ok(environ) if managed => without_script(&environ),
            Ok(environ) => environ,
            Err(status) => return refused(status),
        };
        match Framing::of(&environ, Framing::Nothing) {
            Framing::Nothing if behind::is_chunked(&environ) => {
                refused(StatusCode::LENGTH_REQUIRED)
            }
            body => Event::Request {
                id: ID,
                environ,
                body,
            },
        }
    }
}

impl Codec for Uwsgi {
    fn decode(&mut self, input: &mut BytesMut, _: &mut BytesMut) -> Result<Option<Event>, Broken> {
        loop {
            match self.stage {
                Stage::Header => {
                    let Some(&[kind, size_0, size_1, _]) = input.first_chunk() else {
                        return Ok(None);
                    };
                    if input.starts_with(b"GET ") || input.starts_with(b"POST") {
                        return Err(Broken(
                            "HTTP is spoken where uwsgi is; it has another address",
                        ));
                    }
                    if kind != REQUEST && kind != MANAGED {
                        return Err(Broken("a packet is no request"));
                    }
                    input.advance(4);
                    let size = u16::from_le_bytes([size_0, size_1]).into();
                    if size > self.most.bytes {
                        self.stage = Stage::Body;
                        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
                        return Ok(Some(Event::Refused { id: ID, status }));
                    }
                    self.stage = Stage::Variables(size, kind == MANAGED);
                }
                Stage::Variables(size, _) if input.len() < size => return Ok(None),
                Stage::Variables(size, managed) => {
                    let variables = input.split_to(size);
                    return Ok(Some(self.request(&variables, managed)));
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
        behind::http(head, out);
    }

    fn heads(&self) -> Heads {
        Heads {
            begun: 1,
            done: usize::from(self.stage == Stage::Body),
        }
    }
}

/// The variables: each name and value with its length in two bytes before it.
fn environ(mut variables: &[u8], most: Most) -> Result<Environ, StatusCode> {
    let mut environ = Environ::new();
    while !variables.is_empty() {
        let name = text(&mut variables).ok_or(StatusCode::BAD_REQUEST)?;
        let value = text(&mut variables).ok_or(StatusCode::BAD_REQUEST)?;
        environ.push(name, value);
        if most.is_passed(&environ) {
            return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
    }
    Ok(environ)
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, behind) = rest.split_first_chunk()?;
    let (text, behind) = behind.split_at_checked(u16::from_le_bytes(*length).into())?;
    *rest = behind;
    Some(text)
}

/// The same with a `PATH_INFO` that does not begin with `SCRIPT_NAME`.
fn without_script(environ: &Environ) -> Environ {
    let script = environ.get("SCRIPT_NAME").unwrap_or_default();
    let script = script.strip_suffix(b"/").unwrap_or(script);
    let variables = environ.iter().map(|(name, value)| {
        let rest = value.strip_prefix(script);
        let rest = rest.filter(|rest| name == b"PATH_INFO" && matches!(rest, [] | [b'/', ..]));
        (name, rest.unwrap_or(value))
    });
    variables.collect()
}

#[cfg(test)]
mod tests;
