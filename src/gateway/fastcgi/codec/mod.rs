//! Records to events, and answers to records.

use bytes::{Buf as _, BytesMut};
use http::{StatusCode, response};

use super::super::behind::{self, Broken, Codec, Event, Framing, Heads, Most};
use super::pairs::{self, Pairs, Unfinished};
use super::record::{self, HEADER, Header};
use crate::environ::Environ;

/// The state of one connection.
#[derive(Debug)]
pub(in crate::gateway) struct FastCgi {
    most: Most,
    record: Option<Record>,
    requests: Vec<Request>,
    heads: Heads,
}

/// A record of which all but the header may be still to come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Record {
    header: Header,
    /// Whether nothing was made of it yet.
    fresh: bool,
    /// How much of its content is still to come, and of its padding.
    content: usize,
    padding: usize,
}

/// A request that has begun and not ended.
#[derive(Debug)]
struct Request {
    id: u16,
    keep: bool,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Its variables come.
    Params(Pairs),
    /// They are whole, and whether there is a body shows in what comes next.
    Whole(Environ),
    /// Its body comes, or has come.
    Body,
}

impl FastCgi {
    pub(in crate::gateway) const fn new(most: Most) -> Self {
        Self {
            most,
            record: None,
            requests: Vec::new(),
            heads: Heads { begun: 0, done: 0 },
        }
    }

    fn request(&mut self, id: u16) -> Option<&mut Request> {
        self.requests.iter_mut().find(|request| request.id == id)
    }

    /// Takes a request off; whether its connection is kept.
    fn take_off(&mut self, id: u16) -> Option<bool> {
        let at = self.requests.iter().position(|request| request.id == id)?;
        let request = self.requests.swap_remove(at);
        if !matches!(request.stage, Stage::Body) {
            self.heads.done = self.heads.done.wrapping_add(1);
        }
        Some(request.keep)
    }

    /// A record whose content is needed as a whole.
    fn whole(
        &mut self,
        header: Header,
        content: &[u8],
        out: &mut BytesMut,
    ) -> Result<Option<Event>, Broken> {
        match (header.kind, header.id) {
            (record::GET_VALUES, 0) => {
                self.values(content, out)?;
                Ok(None)
            }
            (kind, 0) => {
                let content = [kind, 0, 0, 0, 0, 0, 0, 0];
                record::encode(record::UNKNOWN_TYPE, 0, &content, out);
                Ok(None)
            }
            (record::BEGIN_REQUEST, id) => self.begin(id, content, out),
            (record::ABORT_REQUEST, id) => Ok(self.take_off(id).map(|more| {
                record::end(id, 1, record::REQUEST_COMPLETE, out);
                Event::Abort { id, more }
            })),
            // Of a request there is none other (section 8).
            _ => Ok(None),
        }
    }

    fn begin(
        &mut self,
        id: u16,
        content: &[u8],
        out: &mut BytesMut,
    ) -> Result<Option<Event>, Broken> {
        let [role_1, role_0, flags, _, _, _, _, _] = content else {
            return Err(Broken("a BEGIN_REQUEST is not as long as it must be"));
        };
        if self.request(id).is_some() {
            return Err(Broken("a request began twice"));
        }
        let keep = flags & record::KEEP_CONN != 0;
        let refused = if u16::from_be_bytes([*role_1, *role_0]) != record::RESPONDER {
            Some(record::UNKNOWN_ROLE)
        } else if self.requests.len() >= self.most.requests {
            Some(record::OVERLOADED)
        } else {
            None
        };
        if let Some(status) = refused {
            record::end(id, 0, status, out);
            return Ok(Some(Event::Abort { id, more: keep }));
        }
        self.heads.begun = self.heads.begun.wrapping_add(1);
        self.requests.push(Request {
            id,
            keep,
            stage: Stage::Params(Pairs::default()),
        });
        Ok(None)
    }

    /// What is known of what is asked for (section 4.1).
    fn values(&self, content: &[u8], out: &mut BytesMut) -> Result<(), Broken> {
        let mut asked = Pairs::default();
        asked.push(content, self.most);
        let asked = asked
            .finish()
            .map_err(|_| Broken("a GET_VALUES cannot be read"))?;
        let mut known = BytesMut::new();
        for (name, value) in [
            ("FCGI_MAX_CONNS", self.most.connections),
            ("FCGI_MAX_REQS", self.most.requests),
            ("FCGI_MPXS_CONNS", 1),
        ] {
            if asked.get(name).is_some() {
                pairs::encode(name.as_bytes(), value.to_string().as_bytes(), &mut known);
            }
        }
        record::encode(record::GET_VALUES_RESULT, 0, &known, out);
        Ok(())
    }

    /// The variables of a request have ended.
    fn params_end(&mut self, id: u16) -> Option<Event> {
        let request = self.requests.iter_mut().find(|request| request.id == id)?;
        let Stage::Params(pairs) = std::mem::replace(&mut request.stage, Stage::Body) else {
            // Once more than they have to.
            return None;
        };
        let environ = match pairs.finish() {
            Ok(environ) => environ,
            Err(why) => {
                self.heads.done = self.heads.done.wrapping_add(1);
                let status = match why {
                    Unfinished::CutShort => StatusCode::BAD_REQUEST,
                    Unfinished::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                };
                return Some(Event::Refused { id, status });
            }
        };
        match Framing::of(&environ, Framing::Open) {
            Framing::Open => {
                request.stage = Stage::Whole(environ);
                None
            }
            body => {
                self.heads.done = self.heads.done.wrapping_add(1);
                Some(Event::Request { id, environ, body })
            }
        }
    }

    /// Something of a body, or its end, is there; the request if it is what that was waited for with.
    fn stdin(&mut self, id: u16, empty: bool) -> Result<Option<Event>, Broken> {
        let Some(request) = self.request(id) else {
            return Ok(None);
        };
        match std::mem::replace(&mut request.stage, Stage::Body) {
            Stage::Params(_) => Err(Broken("a body came before the variables ended")),
            Stage::Whole(environ) => {
                self.heads.done = self.heads.done.wrapping_add(1);
                let body = if empty {
                    Framing::Nothing
                } else {
                    Framing::Open
                };
                Ok(Some(Event::Request { id, environ, body }))
            }
            Stage::Body => Ok(None),
        }
    }

    /// What a record says, as far as it has come; `None` for nothing or not yet.
    fn advance(
        &mut self,
        record: &mut Record,
        input: &mut BytesMut,
        out: &mut BytesMut,
    ) -> Result<Option<Event>, Broken> {
        let Header { kind, id, .. } = record.header;
        let empty = record.header.content == 0;
        match kind {
            record::PARAMS if id != 0 => {
                let piece = record.take(input);
                let most = self.most;
                if let Some(request) = self.request(id)
                    && let Stage::Params(pairs) = &mut request.stage
                {
                    pairs.push(&piece, most);
                }
                Ok(empty.then(|| self.params_end(id)).flatten())
            }
            record::STDIN if id != 0 => {
                // It is looked at again when the request has begun by it.
                if record.fresh
                    && let Some(event) = self.stdin(id, empty)?
                {
                    return Ok(Some(event));
                }
                let data = record.take(input).freeze();
                let is_known = self.request(id).is_some();
                Ok(match (empty, data.is_empty()) {
                    _ if !is_known => None,
                    (true, _) => Some(Event::End { id }),
                    (false, true) => None,
                    (false, false) => Some(Event::Data { id, data }),
                })
            }
            // The stream of a filter, which nobody is.
            record::DATA if id != 0 => {
                drop(record.take(input));
                Ok(None)
            }
            _ if input.len() < record.content => Ok(None),
            _ => {
                let content = record.take(input);
                self.whole(record.header, &content, out)
            }
        }
    }
}

impl Record {
    /// The next one, if its header is there.
    fn begin(input: &mut BytesMut) -> Result<Option<Self>, Broken> {
        let Some(header) = input.first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let header =
            Header::decode(*header).ok_or(Broken("a record is of another version than 1"))?;
        input.advance(HEADER);
        Ok(Some(Self {
            header,
            fresh: true,
            content: header.content,
            padding: header.padding,
        }))
    }

    /// As much of its content as there is.
    fn take(&mut self, input: &mut BytesMut) -> BytesMut {
        self.fresh = false;
        let piece = input.split_to(self.content.min(input.len()));
        self.content -= piece.len();
        piece
    }
}

impl Codec for FastCgi {
    fn decode(
        &mut self,
        input: &mut BytesMut,
        out: &mut BytesMut,
    ) -> Result<Option<Event>, Broken> {
        loop {
            let mut record = match self.record.take() {
                Some(record) => record,
                None => match Record::begin(input)? {
                    Some(record) => record,
                    None => return Ok(None),
                },
            };
            let before = record;
            if record.fresh || record.content > 0 {
                let event = self.advance(&mut record, input, out)?;
                self.record = Some(record);
                if event.is_some() || record == before {
                    return Ok(event);
                }
                continue;
            }
            let padding = record.padding.min(input.len());
            input.advance(padding);
            record.padding -= padding;
            if record.padding > 0 {
                self.record = Some(record);
                return Ok(None);
            }
        }
    }

    fn head(&mut self, id: u16, head: &response::Parts, out: &mut BytesMut) {
        let mut document = BytesMut::with_capacity(512);
        behind::cgi(head, &mut document);
        record::encode(record::STDOUT, id, &document, out);
    }

    fn data(&mut self, id: u16, data: &[u8], out: &mut BytesMut) {
        record::encode(record::STDOUT, id, data, out);
    }

    fn end(&mut self, id: u16, out: &mut BytesMut) -> bool {
        record::encode(record::STDOUT, id, b"", out);
        record::end(id, 0, record::REQUEST_COMPLETE, out);
        self.take_off(id).unwrap_or_default()
    }

    fn fail(&mut self, id: u16, out: &mut BytesMut) -> Option<bool> {
        record::encode(record::STDOUT, id, b"", out);
        record::end(id, 1, record::REQUEST_COMPLETE, out);
        self.take_off(id)
    }

    fn late(&mut self) -> Option<Event> {
        let is_whole = |request: &&mut Request| matches!(request.stage, Stage::Whole(_));
        let request = self.requests.iter_mut().find(is_whole)?;
        let Stage::Whole(environ) = std::mem::replace(&mut request.stage, Stage::Body) else {
            return None;
        };
        self.heads.done = self.heads.done.wrapping_add(1);
        Some(Event::Request {
            id: request.id,
            environ,
            body: Framing::Open,
        })
    }

    fn is_within(&self) -> bool {
        self.record.is_some()
    }

    fn heads(&self) -> Heads {
        self.heads
    }
}

#[cfg(test)]
mod tests;
