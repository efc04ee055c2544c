//! The application that is asked through every front server.

use std::fmt::Write as _;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use gopuram::middleware::Router;
use gopuram::middleware::attributes::Attributes;
use gopuram::{Application, Body};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::Frame;

/// How many answers without an end were dropped.
pub(crate) static DROPPED: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn app() -> impl Application {
    Router::new().fallback(answer)
}

/// What is answered is in the last segment of the path.
async fn answer(req: Request<Body>) -> Response<Body> {
    let path = req.uri().path().to_owned();
    let mut res = Response::new(Body::empty());
    match path.rsplit('/').next().unwrap_or_default() {
        "broken" => *res.body_mut() = Body::new(Pieces("some", Then::Error)),
        "cookies" => {
            for cookie in ["a=1", "b=2"] {
                let cookie = HeaderValue::from_static(cookie);
                res.headers_mut().append("set-cookie", cookie);
            }
        }
        "endless" => *res.body_mut() = Body::new(Pieces("first", Then::Nothing)),
        "large" => *res.body_mut() = Body::from("0123456789".repeat(100_000)),
        "located" => {
            let elsewhere = HeaderValue::from_static("/echo");
            res.headers_mut().insert("location", elsewhere);
            *res.body_mut() = Body::from("here");
        }
        "none" => *res.status_mut() = StatusCode::NO_CONTENT,
        "redirect" => {
            *res.status_mut() = StatusCode::FOUND;
            let elsewhere = HeaderValue::from_static("/echo");
            res.headers_mut().insert("location", elsewhere);
        }
        "teapot" => *res.status_mut() = StatusCode::IM_A_TEAPOT,
        _ => *res.body_mut() = echo(req).await.into(),
    }
    res
}

/// Says what was asked, a line a part.
async fn echo(req: Request<Body>) -> String {
    let attributes = Attributes::of(&req).cloned().unwrap_or_default();
    let client = attributes.client().map(|client| client.ip.to_string());
    let mut said = format!(
        "method {}\ntarget {}\nmount {}\nclient {}\nscheme {}\n",
        req.method(),
        req.uri()
            .path_and_query()
            .map_or("", |target| target.as_str()),
        attributes.mount().prefix(),
        client.unwrap_or_default(),
        attributes.scheme().as_str(),
    );
    for (name, value) in req.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        writeln!(said, "{name}: {value}").ok();
    }
    let body = match req.into_body().into_bytes(10_000_000).await {
        Ok(body) => format!(
            "{} {}",
            body.len(),
            body.iter().map(|&b| u64::from(b)).sum::<u64>()
        ),
        Err(error) => error.to_string(),
    };
    said + "body " + &body
}

/// A piece, and then what is not an end.
struct Pieces(&'static str, Then);

#[derive(Clone, Copy)]
enum Then {
    Error,
    Nothing,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match (std::mem::take(&mut self.0), self.1) {
            ("", Then::Error) => Poll::Ready(Some(Err(io::Error::other("out of paper")))),
            ("", Then::Nothing) => Poll::Pending,
            (piece, _) => Poll::Ready(Some(Ok(Frame::data(piece.into())))),
        }
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        if matches!(self.1, Then::Nothing) {
            DROPPED.fetch_add(1, Ordering::SeqCst);
        }
    }
}
