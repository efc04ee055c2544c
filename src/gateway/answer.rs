//! The last check: what an application answers, before it is framed.
//!
//! hyper takes it on trust that `Content-Length` and the body agree, and writes transfer codings as it is
//! told. On a connection that goes on, either would let a part of one answer be read as the next.
//! On HTTP/2 it also sends bodies where there must be none, and on HTTP/1 it writes the version that it
//! finds, or panics.

use http::header::{CONTENT_LENGTH, TE, TRAILER, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};

/// What of a request decides how its answer is framed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Asked {
    pub(crate) http2: bool,
    /// Whether trailers are read that only chunks have a place for.
    trailers: bool,
    method: Kind,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Connect,
    Head,
    Other,
}

impl Asked {
    pub(super) fn is_head(self) -> bool {
        self.method == Kind::Head
    }

    /// For a gateway that has neither upgrades nor chunks.
    pub(super) fn without_upgrade<B>(req: &Request<B>) -> Self {
        Self {
            http2: true,
            trailers: false,
            ..Self::of(req)
        }
    }

    #[inline]
    pub(crate) fn of<B>(req: &Request<B>) -> Self {
        Self {
            http2: req.version() == Version::HTTP_2,
            trailers: req.version() == Version::HTTP_11 && reads_trailers(req.headers()),
            method: match *req.method() {
                Method::CONNECT => Kind::Connect,
                Method::HEAD => Kind::Head,
                _ => Kind::Other,
            },
        }
    }
}

/// What is sent of a body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Content {
    /// As much as it gives.
    All,
    /// The same in chunks, though its length may be known: else there is no place for its trailers. Just as many bytes,
    /// if only the head said how many.
    Chunks(Option<u64>),
    /// Just as many bytes.
    Exactly(u64),
    /// Not any.
    Nothing,
    /// What is no longer HTTP.
    Upgrade,
}

/// What to send of a response's body, or why the response cannot be sent.
#[inline]
pub(crate) fn check<C: http_body::Body>(
    asked: Asked,
    res: &mut Response<C>,
) -> Result<Content, &'static str> {
    // RFC 9110, section 2.5: that of the connection, whatever an application passes on. For a client of
    // HTTP/1.0 hyper sees to it.
    *res.version_mut() = if asked.http2 {
        Version::HTTP_2
    } else {
        Version::HTTP_11
    };
    let status = res.status();
    if status.is_informational() && (asked.http2 || status != StatusCode::SWITCHING_PROTOCOLS) {
        return Err("an interim status is no answer");
    }
    let mut length = None;
    let mut coded = false;
    let mut trailers = false;
    for (name, value) in res.headers() {
        if *name == CONTENT_LENGTH {
            let told = parse(value).ok_or("its Content-Length is not a number")?;
            if length.replace(told).is_some() {
                return Err("it has Content-Length twice");
            }
        } else if *name == TRANSFER_ENCODING {
            coded = true;
        } else if *name == TRAILER {
            trailers = true;
        }
    }
    if coded {
        res.headers_mut().remove(TRANSFER_ENCODING);
    }
    // RFC 9110, sections 8.6 and 9.3.6.
    if status.is_informational() || asked.method == Kind::Connect && status.is_success() {
        if length.is_some() {
            res.headers_mut().remove(CONTENT_LENGTH);
        }
        return Ok(Content::Upgrade);
    }
    // RFC 9110, sections 6.4.1, 8.6 and 15.3.6.
    match status {
        StatusCode::NOT_MODIFIED => return Ok(Content::Nothing),
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT => {
            if length.is_some() {
                res.headers_mut().remove(CONTENT_LENGTH);
            }
            return Ok(Content::Nothing);
        }
        _ => {}
    }
    if asked.method == Kind::Head {
        // That there is nothing here says nothing of what GET would answer.
        let exact = res.body().size_hint().exact().filter(|&exact| exact > 0);
        if let (None, Some(exact)) = (length, exact) {
            res.headers_mut().insert(CONTENT_LENGTH, exact.into());
        }
        return Ok(Content::Nothing);
    }
    let held = match (length, res.body().size_hint().exact()) {
        (Some(length), Some(exact)) if exact != length => {
            return Err("its Content-Length is not the length of its body");
        }
        (length, None) => length,
        _ => None,
    };
    if trailers && asked.trailers {
        // RFC 9112, section 6.1: never along with a transfer coding.
        if length.is_some() {
            res.headers_mut().remove(CONTENT_LENGTH);
        }
        return Ok(Content::Chunks(held));
    }
    Ok(held.map_or(Content::All, Content::Exactly))
}

/// Whether the client says that it reads trailers (RFC 9110, sections 6.5.1 and 10.1.4), as hyper asks before it
/// writes any.
#[inline]
fn reads_trailers(headers: &HeaderMap) -> bool {
    let says = |line: &HeaderValue| {
        let mut codings = line.as_bytes().split(|&byte| byte == b',');
        codings.any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
    };
    headers.get_all(TE).iter().any(says)
}

/// Digits and nothing else (RFC 9110, section 8.6).
fn parse(value: &HeaderValue) -> Option<u64> {
    let digits = value.as_bytes();
    let number = |sum: u64, digit: &u8| match digit {
        b'0'..=b'9' => sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    };
    (!digits.is_empty())
        .then(|| digits.iter().try_fold(0, number))
        .flatten()
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    fn get(method: Method, version: Version) -> Asked {
        let mut req = Request::new(());
        *req.method_mut() = method;
        *req.version_mut() = version;
        Asked::of(&req)
    }

    /// What becomes of five bytes that say they are `lengths`.
    fn five(asked: Asked, status: u16, lengths: &[&str]) -> Option<Content> {
        let mut res = Response::builder().status(status);
        for length in lengths {
            res = res.header(CONTENT_LENGTH, *length);
        }
        let body = Full::new(b"hello".as_slice());
        check(asked, &mut res.body(body).unwrap()).ok()
    }

    #[test]
    fn a_length_is_that_of_the_body() {
        let asked = get(Method::GET, Version::HTTP_11);
        assert_eq!(five(asked, 200, &[]), Some(Content::All));
        assert_eq!(five(asked, 200, &["5"]), Some(Content::All));
        for wrong in ["4", "6", "", "+5", "5, 5", "18446744073709551621"] {
            assert_eq!(five(asked, 200, &[wrong]), None, "{wrong:?}");
        }
        assert_eq!(five(asked, 200, &["5", "5"]), None);
    }

    #[test]
    fn trailers_that_are_read_have_chunks_for_a_place() {
        let ask = |version, te: &[&str]| {
            let mut req = Request::builder().version(version);
            for line in te {
                req = req.header(TE, *line);
            }
            Asked::of(&req.body(()).unwrap())
        };
        let answer = |asked, announced| {
            let res = Response::builder().header(CONTENT_LENGTH, "5");
            let mut res = res.body(Full::new(b"hello".as_slice())).unwrap();
            if announced {
                res.headers_mut()
                    .insert(TRAILER, HeaderValue::from_static("x"));
            }
            let content = check(asked, &mut res).unwrap();
            (content, res.headers().contains_key(CONTENT_LENGTH))
        };
        let reads = ask(Version::HTTP_11, &["gzip;q=0.5", "deflate, Trailers"]);
        assert_eq!(answer(reads, true), (Content::Chunks(None), false));
        for (asked, announced) in [
            (reads, false),
            (ask(Version::HTTP_11, &[]), true),
            (ask(Version::HTTP_11, &["trailer"]), true),
            (ask(Version::HTTP_10, &["trailers"]), true),
            (ask(Version::HTTP_2, &["trailers"]), true),
        ] {
            assert_eq!(answer(asked, announced), (Content::All, true), "{asked:?}");
        }
    }

    #[test]
    fn what_has_no_content_may_tell_the_length_of_another() {
        let asked = get(Method::GET, Version::HTTP_11);
        assert_eq!(five(asked, 304, &["9"]), Some(Content::Nothing));
        assert_eq!(five(asked, 204, &[]), Some(Content::Nothing));
        let head = get(Method::HEAD, Version::HTTP_11);
        assert_eq!(five(head, 200, &["9"]), Some(Content::Nothing));
        assert_eq!(five(head, 200, &[]), Some(Content::Nothing));
    }

    #[test]
    fn what_cannot_have_content_tells_no_length() {
        for (method, status, content, left) in [
            (Method::GET, 204, Content::Nothing, false),
            (Method::GET, 205, Content::Nothing, false),
            (Method::GET, 304, Content::Nothing, true),
            (Method::CONNECT, 200, Content::Upgrade, false),
            (Method::CONNECT, 299, Content::Upgrade, false),
            (Method::CONNECT, 400, Content::All, true),
        ] {
            let res = Response::builder()
                .status(status)
                .header(CONTENT_LENGTH, "5");
            let mut res = res.body(Full::new(b"hello".as_slice())).unwrap();
            let checked = check(get(method, Version::HTTP_2), &mut res);
            assert_eq!(checked, Ok(content), "{status}");
            assert_eq!(res.headers().contains_key(CONTENT_LENGTH), left, "{status}");
        }
    }

    #[test]
    fn the_version_is_that_of_the_connection() {
        for (asked, version) in [
            (Version::HTTP_10, Version::HTTP_11),
            (Version::HTTP_11, Version::HTTP_11),
            (Version::HTTP_2, Version::HTTP_2),
        ] {
            for wrong in [Version::HTTP_09, Version::HTTP_10, Version::HTTP_3] {
                let mut res = Response::new(Full::new(b"hello".as_slice()));
                *res.version_mut() = wrong;
                check(get(Method::GET, asked), &mut res).unwrap();
                assert_eq!(res.version(), version);
            }
        }
    }

    #[test]
    fn an_interim_status_is_no_answer_but_for_an_upgrade() {
        let asked = get(Method::GET, Version::HTTP_11);
        assert_eq!(five(asked, 103, &[]), None);
        assert_eq!(five(asked, 101, &[]), Some(Content::Upgrade));
        assert_eq!(five(get(Method::GET, Version::HTTP_2), 101, &[]), None);
    }
}
