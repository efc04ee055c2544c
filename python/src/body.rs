//! The body of a request, received before Python is asked where that is possible.

use std::io::{self, BufReader, Seek as _, Write as _};
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use gopuram::Body;
use gopuram::middleware::body::{Error, ReadError};
use gopuram::middleware::response::IntoResponse as _;
use http::header::{CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Response, StatusCode};
use http_body::Body as _;
use std::future::poll_fn;
use tracing::error;

use crate::input::{Coming, Source, Stream};

/// Up to this length a body is received before a thread is asked for: no slow client holds one.
const AT_ONCE: u64 = 128 * 1024;

/// Above this a body that must be received as a whole goes to a temporary file.
const IN_MEMORY: usize = 1024 * 1024;

/// Who reads a body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reader {
    /// A thread that may wait for the client.
    Waits,
    /// The thread that would receive it.
    Cannot,
}

/// Receives a body, or arranges for it to be received as it is read.
///
/// # Errors
///
/// What to answer if it broke off (400, or 408 if it was late), or is longer than `most` bytes and would have had to be kept (413).
pub(crate) async fn receive(
    head: &mut Parts,
    body: Body,
    reader: Reader,
    most: u64,
) -> Result<Source, Response<Body>> {
    let known = body.size_hint().exact();
    let expects = head.headers.contains_key(EXPECT);
    match known {
        Some(length) if length <= AT_ONCE && !(expects && reader == Reader::Waits) => {
            return at_once(body).await.map_err(Failed::answer);
        }
        Some(_) if reader == Reader::Waits => return Ok(Source::Stream(Stream::new(body))),
        Some(length) if length > most => return Err(StatusCode::PAYLOAD_TOO_LARGE.into_response()),
        _ => {}
    }
    let (source, length) = spool(body, most).await.map_err(Failed::answer)?;
    if known.is_none() {
        // What the application is given is not in chunks any more, and its length is known.
        head.headers.remove(TRANSFER_ENCODING);
        head.headers.insert(CONTENT_LENGTH, length.into());
    }
    Ok(source)
}

enum Failed {
    Body(Error),
    TooLong,
    File(io::Error),
}

impl Failed {
    fn answer(self) -> Response<Body> {
        match self {
            Self::Body(error) => ReadError::Broke(error).into_response(),
            Self::TooLong => ReadError::TooLong.into_response(),
            Self::File(error) => {
                error!(%error, "a request's body cannot be kept in a temporary file; answered 500");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

/// Receives a short one.
async fn at_once(mut body: Body) -> Result<Source, Failed> {
    let mut coming = Coming::default();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Ok(data) = frame.map_err(Failed::Body)?.into_data() {
            coming.push(data);
        }
    }
    Ok(Source::Pieces(coming.whole()))
}

/// Receives all of it, to memory or to a file.
async fn spool(mut body: Body, most: u64) -> Result<(Source, u64), Failed> {
    let mut buf = BytesMut::new();
    let mut file = None;
    let mut length = 0_u64;
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(data) = frame.map_err(Failed::Body)?.into_data() else {
            continue;
        };
        length = length.saturating_add(data.len() as u64);
        if length > most {
            return Err(Failed::TooLong);
        }
        buf.extend_from_slice(&data);
        if buf.len() > IN_MEMORY {
            file = Some(write(file, buf.split().freeze()).await?);
        }
    }
    let Some(file) = file else {
        return Ok((Source::Pieces(buf.freeze().into()), length));
    };
    let mut file = write(Some(file), buf.freeze()).await?;
    file.rewind().map_err(Failed::File)?;
    Ok((Source::File(BufReader::new(file)), length))
}

/// Writes to a file, which is made if there is none, where waiting for a disk holds nobody up.
async fn write(file: Option<std::fs::File>, bytes: Bytes) -> Result<std::fs::File, Failed> {
    let written = tokio::task::spawn_blocking(move || {
        let mut file = match file {
            Some(file) => file,
            None => tempfile::tempfile()?,
        };
        file.write_all(&bytes)?;
        Ok(file)
    });
    match written.await {
        Ok(written) => written.map_err(Failed::File),
        Err(error) => Err(Failed::File(io::Error::other(error))),
    }
}
