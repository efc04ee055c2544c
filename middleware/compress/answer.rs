//! The way out: which answers are coded, and what their head must say then.

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::body::CompressBody;
use super::coding::{Coder, Offer};
use super::{Config, etag};
use crate::attributes::Unmodified;
use crate::body::Body;
use crate::header::accept_encoding::AcceptEncoding;
use crate::header::{digests, list};
use crate::wrap::OnResponse;

/// Up to this size a body that is all there is coded at once, which takes about a
/// millisecond of gzip at level 6. Larger ones are coded slice by slice.
const WHOLE: usize = 64 * 1024;

/// What was negotiated on the way in, waiting for the answer.
#[derive(Debug)]
pub struct Choice {
    pub(super) config: Arc<Config>,
    pub(super) asked: Asked,
    pub(super) method: Kind,
    pub(super) held: Held,
}

/// What the client says that it has: the entity tags of `If-None-Match`.
#[derive(Debug)]
pub(super) enum Held {
    /// Among them is a coded one.
    Coded(HeaderValue),
    /// None of them is coded.
    Plain,
    /// It names none: a date says what it has, or nothing does.
    Unnamed,
}

/// What the client asked for.
///
/// Most answers are too small to care, so that it is not read before it matters.
#[derive(Debug)]
pub(super) enum Asked {
    Unread(HeaderValue),
    /// Which offer to code with; none for a client that is sent plain bytes.
    Read(Option<usize>),
}

/// What the method does to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Turns the connection into a tunnel if it succeeds.
    Connect,
    /// Says all of an answer but its body.
    Head,
    Other,
}

/// What is to be done to an answer.
enum Deed {
    /// The answer to any other request would be the same.
    Leave,
    /// Another request could get it coded: say so.
    Vary,
    /// Other requests could get it coded, and this client may hold it coded.
    Unchanged,
    /// It is not sent again, but would have been coded.
    Recode(usize),
    Code(usize),
}

impl<C> OnResponse<C> for Choice
where
    C: http_body::Body<Data = Bytes> + 'static,
{
    type Body = CompressBody<C>;

    #[inline]
    fn on_response(self, mut res: Response<C>) -> Response<CompressBody<C>> {
        match self.deed(&res) {
            Deed::Leave => {}
            Deed::Vary => vary(res.headers_mut()),
            Deed::Unchanged => {
                vary(res.headers_mut());
                self.recode_tag(res.headers_mut());
            }
            Deed::Recode(at) => {
                vary(res.headers_mut());
                self.code_tag(at, res.headers_mut(), |_| true);
            }
            Deed::Code(at) => {
                vary(res.headers_mut());
                if let Some(offer) = self.config.offers.get(at) {
                    return self.code(res, at, offer);
                }
            }
        }
        res.map(CompressBody::plain)
    }
}

impl Choice {
    fn deed<C: http_body::Body>(&self, res: &Response<C>) -> Deed {
        let (status, headers) = (res.status(), res.headers());
        if is_without_content(status) || (self.method == Kind::Connect && status.is_success()) {
            return Deed::Leave;
        }
        if status == StatusCode::NOT_MODIFIED {
            if let Some(would_be) = res.extensions().get::<Unmodified>() {
                return self.deed_of_unmodified(would_be, headers);
            }
            // It need not say what type the answer would have been of.
            let other = headers.contains_key(CONTENT_TYPE) && !self.is_worth_coding(headers);
            return if other || is_fixed(headers) {
                Deed::Leave
            } else {
                Deed::Unchanged
            };
        }
        // A piece of a representation: coding it would make ranges lie (RFC 9110,
        // section 14.4). But a request for all of it could have got it coded.
        let part = status == StatusCode::PARTIAL_CONTENT;
        if !part && self.is_small(res) {
            return Deed::Leave;
        }
        // The types of several parts are inside of them.
        let worth = self.is_worth_coding(headers) || (part && is_multipart(headers));
        if !worth || is_fixed(headers) {
            Deed::Leave
        } else if part || headers.contains_key(CONTENT_RANGE) {
            Deed::Vary
        } else {
            self.offer().map_or(Deed::Vary, Deed::Code)
        }
    }

    /// What would have been done to the answer in whose stead a 304 is sent: its tag is that of a 200.
    ///
    /// A small body that no coding makes smaller would have been sent as it is. That is rare in what is worth
    /// coding, and not known here.
    #[cold]
    fn deed_of_unmodified(&self, would_be: &Unmodified, headers: &HeaderMap) -> Deed {
        let media_type = would_be.media_type.as_ref();
        let worth = media_type.is_some_and(|value| self.is_type_worth_coding(value));
        let small = would_be.length.is_some_and(|size| self.is_less(size));
        if small || !worth || would_be.coded || is_fixed(headers) {
            Deed::Leave
        } else {
            match (self.offer(), &self.held) {
                (None, _) => Deed::Vary,
                (Some(at), Held::Unnamed) => Deed::Recode(at),
                (Some(_), _) => Deed::Unchanged,
            }
        }
    }

    fn offer(&self) -> Option<usize> {
        match &self.asked {
            Asked::Unread(line) => self.config.choose(AcceptEncoding::of_lines([line])),
            Asked::Read(offer) => *offer,
        }
    }

    fn is_small<C: http_body::Body>(&self, res: &Response<C>) -> bool {
        let hint = res.body().size_hint();
        let announced = || {
            let length = res.headers().get(CONTENT_LENGTH)?;
            length.to_str().ok()?.trim().parse::<u64>().ok()
        };
        let size = match self.method {
            // The body is empty or about to be dropped; without an announced length it is of
            // any size.
            Kind::Head => announced().or(hint.exact().filter(|size| *size > 0)),
            _ => hint.exact().or_else(announced).or(hint.upper()),
        };
        size.is_some_and(|size| self.is_less(size))
    }

    /// Less than what is coded; nothing does not get smaller.
    fn is_less(&self, size: u64) -> bool {
        size < self.config.min_size.max(1)
    }

    fn is_worth_coding(&self, headers: &HeaderMap) -> bool {
        let media_type = headers.get(CONTENT_TYPE);
        media_type.is_some_and(|value| self.is_type_worth_coding(value))
    }

    fn is_type_worth_coding(&self, value: &HeaderValue) -> bool {
        let Ok(value) = value.to_str() else {
            return false;
        };
        let media_type = value.split_once(';').map_or(value, |(before, _)| before);
        self.config.codes_type(media_type.trim())
    }

    /// Codes an answer, if that makes it smaller.
    fn code<C>(
        &self,
        mut res: Response<C>,
        at: usize,
        offer: &Arc<Offer>,
    ) -> Response<CompressBody<C>>
    where
        C: http_body::Body<Data = Bytes> + 'static,
    {
        if self.method == Kind::Head {
            dress(res.headers_mut(), offer);
            return res.map(|_| CompressBody::default());
        }
        let size = res.body().size_hint().exact();
        if size.is_none_or(|size| size > WHOLE as u64) {
            dress(res.headers_mut(), offer);
            return res.map(|body| CompressBody::coded(body, Coder::of(offer)));
        }
        let (mut head, body) = res.into_parts();
        let body = match whole(body) {
            Ok(plain) => match self.coded(at, offer, head.headers.get(ETAG), &plain) {
                Some(coded) if coded.len() < plain.len() => {
                    dress(&mut head.headers, offer);
                    CompressBody::whole(coded)
                }
                _ => CompressBody::whole(plain),
            },
            Err(body) => {
                dress(&mut head.headers, offer);
                CompressBody::coded(body, Coder::of(offer))
            }
        };
        Response::from_parts(head, body)
    }

    /// `plain` coded, kept or made now.
    fn coded(
        &self,
        at: usize,
        offer: &Arc<Offer>,
        tag: Option<&HeaderValue>,
        plain: &Bytes,
    ) -> Option<Bytes> {
        let strong = |tag: &&HeaderValue| tag.as_bytes().starts_with(b"\"");
        let Some((kept, tag)) = self.config.kept.as_ref().zip(tag.filter(strong)) else {
            return offer.whole(plain).ok();
        };
        if let Some(coded) = kept.get(at, tag, plain) {
            return Some(coded);
        }
        let coded = offer.whole(plain).ok()?;
        kept.put(at, tag.clone(), plain, coded.clone());
        Some(coded)
    }

    /// A 304 carries the tag that a 200 would have: the coded one if the client
    /// holds that, which it does not unless it got it here.
    fn recode_tag(&self, headers: &mut HeaderMap) {
        if let (Held::Coded(held), Some(at)) = (&self.held, self.offer()) {
            self.code_tag(at, headers, |coded| etag::contains(held, coded));
        }
    }

    /// Makes the tag that of the coded representation, if that one `is_right`.
    fn code_tag(
        &self,
        at: usize,
        headers: &mut HeaderMap,
        is_right: impl FnOnce(&HeaderValue) -> bool,
    ) {
        let offer = self.config.offers.get(at);
        let coded = offer.and_then(|offer| etag::coded(headers.get(ETAG)?, offer.coding));
        if let Some(coded) = coded.filter(is_right) {
            headers.insert(ETAG, coded);
        }
    }
}

/// Makes the head say what is true of the coded bytes.
fn dress(headers: &mut HeaderMap, offer: &Offer) {
    let name = HeaderValue::from_static(offer.coding.name());
    headers.insert(CONTENT_ENCODING, name);
    if let Some(tag) = headers.get(ETAG) {
        match etag::coded(tag, offer.coding) {
            Some(coded) => headers.insert(ETAG, coded),
            // What is no entity tag cannot be told apart from that of the plain bytes.
            None => headers.remove(ETAG),
        };
    }
    // The gateway takes the length from the body; ranges would be of other bytes.
    headers.remove(CONTENT_LENGTH);
    headers.remove(ACCEPT_RANGES);
    digests::remove(headers);
}

/// 1xx, 101 among them, and what has no content by definition.
fn is_without_content(status: StatusCode) -> bool {
    status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::RESET_CONTENT
}

/// Whether somebody settled already how the content is sent.
fn is_fixed(headers: &HeaderMap) -> bool {
    headers.contains_key(CONTENT_ENCODING)
        || members(headers, CACHE_CONTROL).any(|one| one.eq_ignore_ascii_case(b"no-transform"))
}

fn is_multipart(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let start = value.and_then(|value| value.get(..10));
    start.is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/"))
}

/// Says that the answer depends on `Accept-Encoding`, unless that is said already.
fn vary(headers: &mut HeaderMap) {
    let said = members(headers, VARY)
        .any(|one| one == b"*" || one.eq_ignore_ascii_case(b"accept-encoding"));
    if !said {
        headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    }
}

/// The members of a list, over all its lines.
fn members(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(name).into_iter();
    lines.flat_map(|line| list::members(line.as_bytes()))
}

/// The bytes of a [`Body`] that is all there; anything else comes back as it was.
fn whole<C: 'static>(body: C) -> Result<Bytes, C> {
    let mut slot = Some(body);
    if let Some(slot) = (&mut slot as &mut dyn Any).downcast_mut::<Option<Body>>() {
        match slot.take().unwrap_or_default().try_into_bytes() {
            Ok(bytes) => return Ok(bytes),
            Err(body) => *slot = Some(body),
        }
    }
    slot.map_or_else(|| Ok(Bytes::new()), Err)
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;

    use super::*;

    fn varied(before: &[&'static str]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for line in before {
            headers.append(VARY, HeaderValue::from_static(line));
        }
        vary(&mut headers);
        let lines = headers.get_all(VARY).iter();
        lines
            .map(|line| line.to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn vary_is_merged() {
        assert_eq!(varied(&[]), ["accept-encoding"]);
        assert_eq!(varied(&["origin"]), ["origin", "accept-encoding"]);
        assert_eq!(
            varied(&["origin , Accept-Encoding"]),
            ["origin , Accept-Encoding"]
        );
        assert_eq!(
            varied(&["origin", "ACCEPT-ENCODING"]),
            ["origin", "ACCEPT-ENCODING"]
        );
        assert_eq!(
            varied(&["x-accept-encoding"]),
            ["x-accept-encoding", "accept-encoding"]
        );
        assert_eq!(varied(&["*"]), ["*"]);
    }

    #[test]
    fn a_whole_body_gives_its_bytes_and_others_come_back() {
        assert_eq!(whole(Body::from("abc")).unwrap(), "abc");
        assert!(whole("abc").is_err());
        let stream = Body::new(CompressBody::plain(Body::from("abc")));
        assert!(!whole(stream).unwrap_err().is_end_stream());
    }
}
