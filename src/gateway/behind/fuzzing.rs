//! What codecs are held to, whatever bytes come: see [`gateway::fuzzing`](crate::gateway::fuzzing).

use bytes::BytesMut;
use http::Request;

use super::codec::{Codec, Event, Framing, Heads, Most};
use super::sent::MOST;
use crate::environ::{Environ, Mapping};
use crate::gateway::front;
use crate::middleware::attributes::Connection;

/// What was understood, and answered by the protocol itself.
#[derive(Debug, Eq, PartialEq)]
struct Understood {
    said: Vec<Said>,
    out: BytesMut,
    broken: bool,
    heads: Heads,
}

/// An event; pieces of one body that follow each other are one.
#[derive(Debug, Eq, PartialEq)]
enum Said {
    Abort {
        id: u16,
        more: bool,
    },
    Data {
        id: u16,
        data: Vec<u8>,
    },
    End {
        id: u16,
    },
    Refused {
        id: u16,
        status: u16,
    },
    Request {
        id: u16,
        environ: Environ,
        body: Framing,
    },
}

/// Bytes say the same however they are cut; requests over one connection are at most `requests`, and none of them is more than is
/// allowed, or is anything but a request when it is understood.
pub(in crate::gateway) fn hold<C: Codec>(
    make: impl Fn(Most) -> C,
    requests: usize,
    cut: u8,
    bytes: &[u8],
) {
    let whole = understand(make(MOST), bytes, usize::MAX);
    let pieces = understand(make(MOST), bytes, usize::from(cut) + 1);
    assert_eq!(whole, pieces);
    assert!(whole.heads.begun >= whole.heads.done);
    let mut count = 0;
    for said in &whole.said {
        count += usize::from(matches!(said, Said::Refused { .. } | Said::Request { .. }));
        if let Said::Request { environ, .. } = said {
            hold_request(environ);
        }
    }
    assert!(count <= requests, "{count} requests");
}

fn hold_request(environ: &Environ) {
    assert!(!MOST.is_passed(environ));
    if let Ok(head) = environ.head(&Mapping::default(), &Connection::default()) {
        assert!(!head.headers.contains_key("proxy"));
        let mut req = Request::from_parts(head, ());
        if front::check(&mut req).is_ok() {
            let path = req.uri().path();
            assert!(path.starts_with('/') || path == "*" || path.is_empty());
        }
    }
}

fn understand<C: Codec>(mut codec: C, bytes: &[u8], cut: usize) -> Understood {
    let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
    let mut said = Vec::new();
    let mut broken = false;
    'pieces: for piece in bytes.chunks(cut) {
        input.extend_from_slice(piece);
        loop {
            match codec.decode(&mut input, &mut out) {
                Ok(Some(event)) => note(&mut said, event),
                Ok(None) => break,
                Err(_) => {
                    broken = true;
                    break 'pieces;
                }
            }
        }
    }
    Understood {
        said,
        out,
        broken,
        heads: codec.heads(),
    }
}

fn note(all: &mut Vec<Said>, event: Event) {
    if let Event::Data { id, data } = &event
        && let Some(Said::Data { id: of, data: all }) = all.last_mut()
        && of == id
    {
        return all.extend_from_slice(data);
    }
    all.push(match event {
        Event::Abort { id, more } => Said::Abort { id, more },
        Event::Data { id, data } => Said::Data {
            id,
            data: data.to_vec(),
        },
        Event::End { id } => Said::End { id },
        Event::Refused { id, status } => Said::Refused {
            id,
            status: status.as_u16(),
        },
        Event::Request { id, environ, body } => Said::Request { id, environ, body },
    });
}
