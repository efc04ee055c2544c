//! What was answered, and what is asserted of it.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use http::{Extensions, HeaderMap, Response, StatusCode};
use http_body::Frame;

use super::exchange::Failure;
use super::shown::{Content, Fields};
use crate::middleware::body::Error;

/// What was answered, as a whole.
///
/// Each `assert_` returns the same again, so that they chain.
pub struct Received {
    status: StatusCode,
    headers: HeaderMap,
    extensions: Extensions,
    frames: Vec<Bytes>,
    bytes: Bytes,
    trailers: Option<HeaderMap>,
    error: Option<Error>,
    failure: Option<String>,
}

impl Received {
    /// Reads a response to its end or to the error that breaks it off.
    pub async fn of<C>(res: Response<C>) -> Self
    where
        C: http_body::Body<Data = Bytes>,
        C::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let (head, body) = res.into_parts();
        let mut received = Self {
            status: head.status,
            headers: head.headers,
            extensions: head.extensions,
            frames: Vec::new(),
            bytes: Bytes::new(),
            trailers: None,
            error: None,
            failure: None,
        };
        let failure = received.extensions.remove::<Failure>();
        received.failure = failure.map(|Failure(words)| words);
        let mut body = pin!(body);
        let mut bytes = BytesMut::new();
        while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            match frame.map(Frame::into_data) {
                Ok(Ok(data)) => {
                    bytes.extend_from_slice(&data);
                    received.frames.push(data);
                }
                Ok(Err(frame)) => received.trailers = frame.into_trailers().ok(),
                Err(broke) => {
                    received.error = Some(Error::new(broke));
                    break;
                }
            }
        }
        received.bytes = bytes.freeze();
        received
    }

    /// The status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The header fields.
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The value of a field, its lines joined by a comma.
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<_> = self
            .headers
            .get_all(name)
            .iter()
            .map(|v| String::from_utf8_lossy(v.as_bytes()))
            .collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// An extension of the response; none comes over a socket.
    pub fn extension<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.extensions.get()
    }

    /// The body.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The body as text, with what is not UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The frames of data that the body came in; over a socket they may be others than
    /// the application's.
    pub fn frames(&self) -> &[Bytes] {
        &self.frames
    }

    /// The trailers.
    pub const fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_ref()
    }

    /// Why the body broke off, if it did.
    pub const fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// The application's error, of which the 500 was made, in the words of its `Debug`; not
    /// known over a socket.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Asserts the status.
    ///
    /// # Panics
    ///
    /// If it is another.
    #[track_caller]
    pub fn assert_status(&self, status: u16) -> &Self {
        assert_eq!(self.status.as_u16(), status, "status of {self:?}");
        self
    }

    /// Asserts the value of a field, its lines joined by a comma.
    ///
    /// # Panics
    ///
    /// If it is another or there is none.
    #[track_caller]
    pub fn assert_header(&self, name: &str, value: &str) -> &Self {
        assert_eq!(
            self.header(name).as_deref(),
            Some(value),
            "{name} of {self:?}"
        );
        self
    }

    /// Asserts that there is no such field.
    ///
    /// # Panics
    ///
    /// If there is one.
    #[track_caller]
    pub fn assert_no_header(&self, name: &str) -> &Self {
        assert_eq!(self.header(name), None, "{name} of {self:?}");
        self
    }

    /// Asserts the body, and that it did not break off.
    ///
    /// # Panics
    ///
    /// If it is another.
    #[track_caller]
    pub fn assert_body(&self, body: impl AsRef<[u8]>) -> &Self {
        assert!(self.error.is_none(), "the body broke off: {self:?}");
        let body = body.as_ref();
        assert!(
            self.bytes == body,
            "the body is\n{:?}\nand not\n{:?}\nin {self:?}",
            Content(&self.bytes),
            Content(body),
        );
        self
    }

    /// Asserts the value of a trailer.
    ///
    /// # Panics
    ///
    /// If it is another or there is none.
    #[track_caller]
    pub fn assert_trailer(&self, name: &str, value: &str) -> &Self {
        let trailer = self.trailers.as_ref().and_then(|t| t.get(name));
        assert_eq!(
            trailer.map(http::HeaderValue::as_bytes),
            Some(value.as_bytes()),
            "trailer {name} of {self:?}"
        );
        self
    }
}

/// In short: what is long is cut.
impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Received");
        shown.field("status", &self.status);
        shown.field("headers", &Fields(&self.headers));
        shown.field("body", &Content(&self.bytes));
        if let Some(trailers) = &self.trailers {
            shown.field("trailers", &Fields(trailers));
        }
        if let Some(error) = &self.error {
            shown.field("error", error);
        }
        if let Some(failure) = &self.failure {
            shown.field("failure", failure);
        }
        shown.finish_non_exhaustive()
    }
}
