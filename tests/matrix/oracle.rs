//! What each answer must be, and what is asserted of it.

use std::fmt;

use bytes::Bytes;
use gopuram::testing::{Client, Received, Served};
use http::Method;

use super::conditions::{Condition, Range, Then, Value};
use super::sources::{Coding, MODIFIED, PATH, Source, text};

/// One question.
#[derive(Clone, Copy)]
pub(crate) struct Cell<'a> {
    pub(crate) stack: &'a str,
    pub(crate) source: Source,
    pub(crate) coding: Coding,
    pub(crate) method: &'a Method,
    pub(crate) condition: &'a Condition,
}

impl fmt::Debug for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            stack,
            source,
            coding,
            method,
            condition,
        } = self;
        write!(
            f,
            "{method} of {source:?} as {coding:?} through {stack}: {}",
            condition.name
        )
    }
}

/// What ranges are cut from.
struct Whole {
    bytes: Bytes,
    tag: Option<String>,
    coding: Option<String>,
}

impl Cell<'_> {
    pub(crate) async fn check<S: Served>(&self, client: &Client<S>) {
        if self.source == Source::Cached {
            // What was not stored yet is not cut, and does not say that it would be.
            self.ask(client, &Method::GET, &[]).await;
        }
        let plain = self.ask(client, &Method::GET, &[]).await;
        self.is_plain(&plain);
        let tag = plain.header("etag");
        let fields = self.fields(tag.as_deref());
        let Some(fields) = fields else {
            return;
        };
        let res = self.ask(client, self.method, &fields).await;
        let whole = self.whole(client, &plain).await;
        match self.expected(&whole, tag.as_deref()) {
            Expected::All => self.is_all(&res, &plain),
            Expected::Failed => self.is(&res, 412),
            Expected::NotModified => self.is_not_modified(&res, &plain),
            Expected::Part(range) => self.is_part(&res, &whole, range),
            Expected::Parts(ranges) => self.is_parts(&res, &whole, ranges),
            Expected::Unsatisfiable => {
                self.is(&res, 416);
                let of = format!("bytes */{}", whole.bytes.len());
                assert_eq!(res.header("content-range"), Some(of), "{self:?}");
            }
        }
    }

    async fn ask<S: Served>(
        &self,
        client: &Client<S>,
        method: &Method,
        fields: &[(&str, String)],
    ) -> Received {
        let mut request = client
            .request(method.clone(), PATH)
            .header("accept-encoding", self.coding.name());
        for (name, value) in fields {
            request = request.header(name, value);
        }
        request.await
    }

    /// The fields of the request; none if one needs a tag and there is none.
    fn fields(&self, tag: Option<&str>) -> Option<Vec<(&'static str, String)>> {
        let fields = self.condition.fields.iter();
        fields
            .map(|(name, value)| {
                let text = match value {
                    Value::Text(text) => (*text).to_owned(),
                    Value::Tagged(text) => text
                        .replace("TAG", tag?)
                        .replace("WEAK", &format!("W/{}", tag?)),
                };
                Some((*name, text))
            })
            .collect()
    }

    /// What a range is cut from: a sibling is a representation of its own, and of what is coded on
    /// the fly ranges are those of the bytes before, which a server may select (section 14.2).
    async fn whole<S: Served>(&self, client: &Client<S>, plain: &Received) -> Whole {
        if matches!(self.source, Source::Cached | Source::Sibling) {
            return Whole {
                bytes: plain.bytes().clone(),
                tag: plain.header("etag"),
                coding: plain.header("content-encoding"),
            };
        }
        let identity = Cell {
            coding: Coding::Identity,
            ..*self
        };
        let res = identity.ask(client, &Method::GET, &[]).await;
        Whole {
            bytes: text(),
            tag: res.header("etag"),
            coding: None,
        }
    }

    fn expected(&self, whole: &Whole, tag: Option<&str>) -> Expected {
        let dated = self.source != Source::Stream;
        // Only GET has ranges (section 14.2), and only where the length is known.
        let ranges = *self.method == Method::GET && self.source != Source::Stream;
        let when = |holds: bool, then: Expected| if holds { then } else { Expected::All };
        match self.condition.then {
            Then::All => Expected::All,
            Then::Failed => Expected::Failed,
            Then::FailedByDate => self.failed_by_date(dated),
            Then::NotModified => Expected::NotModified,
            Then::NotModifiedByDate => when(dated, Expected::NotModified),
            Then::NotModifiedByTag => when(tag.is_some(), Expected::NotModified),
            Then::Part(range) => when(ranges, Expected::Part(range)),
            // A tag of a coded representation is not that of its plain bytes.
            Then::PartByTag(range) => {
                when(ranges && tag == whole.tag.as_deref(), Expected::Part(range))
            }
            // The date is the same in all codings, so that it does not say which one the client
            // has a piece of: whoever accepts another one than the plain is sent everything again.
            Then::PartByDate(range) => when(
                ranges && self.coding == Coding::Identity,
                Expected::Part(range),
            ),
            // Of a coded representation there are none, since `Content-Encoding` would be said of
            // the multipart as well (section 8.4).
            Then::Parts(wanted) => when(ranges && whole.coding.is_none(), Expected::Parts(wanted)),
            Then::Unsatisfiable => when(ranges, Expected::Unsatisfiable),
        }
    }

    /// `If-Unmodified-Since` is not looked at where there is an `If-Match` (section 13.2.2).
    fn failed_by_date(&self, dated: bool) -> Expected {
        let tags = self
            .condition
            .fields
            .iter()
            .any(|(name, _)| *name == "if-match");
        if dated && !tags {
            Expected::Failed
        } else {
            Expected::All
        }
    }

    fn is(&self, res: &Received, status: u16) {
        assert_eq!(res.status(), status, "{self:?}\n{:?}", res.headers());
        assert!(res.error().is_none(), "{self:?}: {:?}", res.error());
    }

    /// A plain answer: the coding that was asked for, and all that is known of the representation.
    fn is_plain(&self, res: &Received) {
        self.is(res, 200);
        let coding = (self.coding != Coding::Identity).then(|| self.coding.name().to_owned());
        assert_eq!(res.header("content-encoding"), coding, "{self:?}");
        assert_eq!(
            res.header("content-type").as_deref(),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(res.header("cache-control").as_deref(), Some("max-age=60"));
        // Section 12.5.5: another request could have got another coding.
        assert_eq!(
            res.header("vary").as_deref(),
            Some("accept-encoding"),
            "{self:?}"
        );
        if self.source == Source::Stream {
            assert_eq!(res.header("etag"), None, "{self:?}");
        } else {
            let tag = res.header("etag").unwrap();
            assert!(tag.starts_with('"'), "{self:?}: {tag}");
            let modified = res.header("last-modified");
            assert_eq!(modified.as_deref(), Some(MODIFIED), "{self:?}");
        }
        // What is coded on the fly cannot be cut, and says so by saying nothing.
        let cut = match self.source {
            Source::Stream => false,
            Source::Sibling => true,
            Source::Cached => return,
            Source::Dynamic => coding.is_none() && self.stack.contains("range"),
            Source::File => coding.is_none(),
        };
        let accepts = cut.then(|| "bytes".to_owned());
        assert_eq!(res.header("accept-ranges"), accepts, "{self:?}");
    }

    /// The same as the plain answer; that of `HEAD` without its body (section 9.3.2).
    fn is_all(&self, res: &Received, plain: &Received) {
        self.is(res, 200);
        for name in METADATA.iter().chain(&["content-encoding", "content-type"]) {
            assert_eq!(res.header(name), plain.header(name), "{name} of {self:?}");
        }
        // A cache that passes a request on (`If-Match`) says what was said to it.
        if self.source != Source::Cached {
            let accepts = "accept-ranges";
            assert_eq!(res.header(accepts), plain.header(accepts), "{self:?}");
        }
        if *self.method == Method::HEAD {
            assert!(res.bytes().is_empty(), "{self:?}");
            // It may be left out, but must not be another (section 8.6).
            if let (Some(said), Some(had)) =
                (res.header("content-length"), plain.header("content-length"))
            {
                assert_eq!(said, had, "{self:?}");
            }
        } else {
            assert_eq!(res.bytes(), plain.bytes(), "{self:?}");
        }
    }

    /// All fields that a cache updates with, and none of the content (section 15.4.5).
    fn is_not_modified(&self, res: &Received, plain: &Received) {
        self.is(res, 304);
        for name in [
            "cache-control",
            "content-location",
            "etag",
            "expires",
            "vary",
        ] {
            assert_eq!(res.header(name), plain.header(name), "{name} of {self:?}");
        }
        for name in ["content-encoding", "content-range", "content-type"] {
            assert_eq!(res.header(name), None, "{name} of {self:?}");
        }
        assert!(res.bytes().is_empty(), "{self:?}");
    }

    /// A piece, of the representation whose tag and coding it says (section 15.3.7.1).
    fn is_part(&self, res: &Received, whole: &Whole, range: Range) {
        self.is(res, 206);
        let (first, last) = range.of(whole.bytes.len());
        let range = format!("bytes {first}-{last}/{}", whole.bytes.len());
        assert_eq!(res.header("content-range"), Some(range), "{self:?}");
        assert_eq!(res.bytes(), &whole.bytes.slice(first..=last), "{self:?}");
        self.is_of(res, whole);
    }

    fn is_of(&self, res: &Received, whole: &Whole) {
        assert_eq!(res.header("etag"), whole.tag, "{self:?}");
        assert_eq!(res.header("content-encoding"), whole.coding, "{self:?}");
        assert_eq!(
            res.header("vary").as_deref(),
            Some("accept-encoding"),
            "{self:?}"
        );
        assert_eq!(
            res.header("cache-control").as_deref(),
            Some("max-age=60"),
            "{self:?}"
        );
        let length = res.bytes().len().to_string();
        assert_eq!(res.header("content-length"), Some(length), "{self:?}");
    }

    /// Several pieces, each with its range and type (section 15.3.7.2).
    fn is_parts(&self, res: &Received, whole: &Whole, ranges: &[Range]) {
        self.is(res, 206);
        assert_eq!(res.header("content-range"), None, "{self:?}");
        self.is_of(res, whole);
        let kind = res.header("content-type").unwrap();
        let boundary = kind
            .strip_prefix("multipart/byteranges; boundary=")
            .unwrap();
        let mut expected = Vec::new();
        for range in ranges {
            let (first, last) = range.of(whole.bytes.len());
            let head = format!(
                "\r\n--{boundary}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-range: bytes {first}-{last}/{}\r\n\r\n",
                whole.bytes.len()
            );
            expected.extend_from_slice(head.as_bytes());
            expected.extend_from_slice(&whole.bytes.slice(first..=last));
        }
        expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        // The line end before the first boundary belongs to a preamble that need not be there.
        let sent = String::from_utf8_lossy(res.bytes()).into_owned();
        let expected = String::from_utf8_lossy(&expected).into_owned();
        let normal = |text: &str| text.trim_start_matches("\r\n").to_lowercase();
        assert_eq!(normal(&sent), normal(&expected), "{self:?}");
    }
}

/// What is said of a representation whatever is sent of it.
const METADATA: [&str; 5] = [
    "cache-control",
    "content-location",
    "etag",
    "last-modified",
    "vary",
];

enum Expected {
    All,
    Failed,
    NotModified,
    Part(Range),
    Parts(&'static [Range]),
    Unsatisfiable,
}

impl Range {
    /// The first and the last byte of it in a representation of this length.
    fn of(self, len: usize) -> (usize, usize) {
        match self {
            Self::FromTo(first, last) => (first, last.min(len - 1)),
            Self::Last(count) => (len - count, len - 1),
        }
    }
}
