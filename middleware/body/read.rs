//! A body read as a whole.

use std::error::Error as StdError;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use http::{Response, StatusCode};
use http_body::Body as _;

use super::{Body, Cause, Error};
use crate::response::IntoResponse;

impl Body {
    /// Reads all of it, up to `limit` bytes; trailers are dropped.
    ///
    /// For bodies that are needed as a whole, as JSON and forms are. What is already there in one piece is
    /// not copied.
    ///
    /// ```
    /// use gopuram_middleware::Body;
    /// use gopuram_middleware::body::ReadError;
    /// use http::Request;
    ///
    /// async fn echo(req: Request<Body>) -> Result<Vec<u8>, ReadError> {
    ///     let bytes = req.into_body().into_bytes(64 << 10).await?;
    ///     Ok(bytes.to_ascii_uppercase())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// If it has more than `limit` bytes, or breaks off. A handler may answer with the error.
    pub async fn into_bytes(mut self, limit: usize) -> Result<Bytes, ReadError> {
        let fits = |len: usize| len <= limit;
        if self.size_hint().lower() > limit as u64 {
            return Err(ReadError::TooLong);
        }
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut self).poll_frame(cx)).await {
            let Ok(data) = frame.map_err(ReadError::Broke)?.into_data() else {
                continue;
            };
            if !fits(first.len().max(all.len()).saturating_add(data.len())) {
                return Err(ReadError::TooLong);
            }
            if first.is_empty() && all.is_empty() {
                first = data;
            } else {
                all.extend_from_slice(&std::mem::take(&mut first));
                all.extend_from_slice(&data);
            }
        }
        Ok(if all.is_empty() { first } else { all.freeze() })
    }
}

/// Why a body was not read as a whole.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// It broke off.
    Broke(Error),
    /// It has more bytes than were wanted.
    TooLong,
}

/// 413 if it is too long (RFC 9110, section 15.5.14), 408 if a deadline broke it off, else 400.
impl IntoResponse for ReadError {
    fn into_response(self) -> Response<Body> {
        let status = match &self {
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Broke(error) if Cause::of(error) == Some(Cause::Elapsed) => {
                StatusCode::REQUEST_TIMEOUT
            }
            Self::Broke(_) => StatusCode::BAD_REQUEST,
        };
        status.into_response()
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broke(_) => "the body broke off",
            Self::TooLong => "the body is too long",
        })
    }
}

impl StdError for ReadError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Broke(error) => Some(error),
            Self::TooLong => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// A future that never has to wait.
    fn now<F: Future>(future: F) -> F::Output {
        let mut cx = Context::from_waker(Waker::noop());
        match pin!(future).poll(&mut cx) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it waits"),
        }
    }

    fn chunks() -> Body {
        Body::chunks(["ab", "c", "de"].map(Bytes::from))
    }

    #[test]
    fn all_of_it_is_read_and_one_piece_is_not_copied() {
        let whole = Bytes::from(vec![b'x'; 10]);
        let read = now(Body::from(whole.clone()).into_bytes(10)).unwrap();
        assert_eq!(read.as_ptr(), whole.as_ptr());
        assert_eq!(now(chunks().into_bytes(5)).unwrap(), "abcde");
        assert_eq!(now(Body::empty().into_bytes(0)).unwrap(), "");
    }

    #[test]
    fn more_than_is_wanted_is_413() {
        for body in [chunks(), Body::from("abcde")] {
            let error = now(body.into_bytes(4)).unwrap_err();
            assert!(matches!(error, ReadError::TooLong));
            assert_eq!(error.into_response().status(), 413);
        }
    }

    #[test]
    fn a_body_that_breaks_off_is_400_and_says_why() {
        let error = ReadError::Broke(Error::from(io::Error::other("cut")));
        assert!(error.source().is_some());
        assert_eq!(error.into_response().status(), 400);
    }
}
