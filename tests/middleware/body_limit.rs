//! `body_limit` on the wire.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use gopuram::Stack;
use gopuram::middleware::body_limit::{Error, LimitedBody};
use gopuram::middleware::{Body, BodyLimit};
use gopuram::testing::{Client, Received};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body as _, Frame};
use tower::service_fn;
use tower_layer::Layer;
use tower_service::Service;

/// Frames of one byte and trailers, without a length told before.
struct Stream {
    frames: usize,
    trailers: bool,
}

impl Stream {
    fn of(frames: usize) -> Body {
        Body::new(Self {
            frames,
            trailers: true,
        })
    }
}

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.frames > 0 {
            self.frames -= 1;
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b".")))));
        }
        let trailers = std::mem::take(&mut self.trailers).then(|| {
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", HeaderValue::from_static("7"));
            Ok(Frame::trailers(trailers))
        });
        Poll::Ready(trailers)
    }
}

/// Answers with the length of the body and its trailers; an error as the path says.
async fn count(req: Request<Body>) -> Result<Response<Body>, Infallible> {
    let on_error = match req.uri().path() {
        "/coping" => StatusCode::OK,
        "/failing" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    let mut body = req.into_body();
    let mut length = 0;
    let mut trailers = HeaderMap::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => length += data.len(),
            Ok(Err(frame)) => trailers = frame.into_trailers().unwrap_or_default(),
            Err(_) => {
                let mut res = Response::new(Body::from("could not read"));
                *res.status_mut() = on_error;
                return Ok(res);
            }
        }
    }
    let mut res = Response::new(Body::from(length.to_string()));
    *res.headers_mut() = trailers;
    Ok(res)
}

async fn post(path: &str, body: impl Into<Body>) -> Received {
    let limit = BodyLimit::new(4).at("/upload", 8);
    let app = Stack::new().with(limit).app(service_fn(count));
    // Trailers that nobody asked for do not come over a socket.
    Client::in_process(app)
        .request(Method::POST, path)
        .body(body)
        .await
}

#[tokio::test]
async fn a_body_that_fits_is_read_with_its_trailers() {
    post("/", "").await.assert_status(200).assert_body("0");
    post("/", "1234").await.assert_status(200).assert_body("4");
    let res = post("/", Stream::of(4)).await;
    res.assert_status(200)
        .assert_header("x-sum", "7")
        .assert_body("4");
}

#[tokio::test]
async fn a_body_that_says_it_is_too_long_is_refused_at_once() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let app = service_fn(move |_: Request<LimitedBody<Body>>| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { Ok::<_, Infallible>(Response::new(Body::empty())) }
    });
    let client = Client::in_process(BodyLimit::new(4).layer(app));
    let post = || client.request(Method::POST, "/");
    post()
        .body("12345")
        .await
        .assert_status(413)
        .assert_body("");
    for length in ["5", "99999999999999999999999"] {
        let declared = post().header("content-length", length);
        declared.body(Stream::of(1)).await.assert_status(413);
    }
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    let fits = post().header("content-length", "4");
    fits.body("1234").await.assert_status(200);
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_stream_that_grows_too_long_is_413_whatever_error_inner_makes_of_it() {
    for path in ["/", "/failing"] {
        let res = post(path, Stream::of(5)).await;
        res.assert_status(413).assert_body("");
    }
}

#[tokio::test]
async fn an_application_that_copes_is_believed() {
    let res = post("/coping", Stream::of(5)).await;
    res.assert_status(200).assert_body("could not read");
}

#[tokio::test]
async fn a_path_has_its_own_limit() {
    post("/upload/x", "12345678").await.assert_body("8");
    post("/upload/x", Stream::of(8)).await.assert_body("8");
    post("/upload", "123456789").await.assert_status(413);
    post("/uploads", "12345").await.assert_status(413);
}

#[tokio::test]
async fn the_body_ends_before_what_is_too_much() {
    let app = service_fn(async |req: Request<LimitedBody<Body>>| {
        let mut body = std::pin::pin!(req.into_body());
        let mut read = 0;
        let error = loop {
            match poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
                Some(Ok(_)) => read += 1,
                Some(Err(error)) => break error,
                None => unreachable!("the body is too long"),
            }
        };
        assert!(matches!(error, Error::TooLong));
        assert!(body.is_end_stream());
        assert_eq!(body.size_hint().exact(), Some(0));
        assert!(poll_fn(|cx| body.as_mut().poll_frame(cx)).await.is_none());
        Ok::<_, Infallible>(Response::new(Body::from(read.to_string())))
    });
    let res = Client::new(BodyLimit::new(4).layer(app))
        .request(Method::POST, "/")
        .body(Stream::of(1000))
        .await;
    res.assert_status(200).assert_body("4");
}

#[tokio::test]
async fn errors_of_the_application_pass_untouched() {
    let app = service_fn(async |_| Err::<Response<Body>, _>("down"));
    let mut service = BodyLimit::default().layer(app);
    let error = service.call(Request::new(Body::empty())).await.err();
    assert_eq!(error, Some("down"));
}

#[test]
fn a_stack_says_how_much() {
    for (limit, said) in [
        (BodyLimit::default(), "1 MiB"),
        (BodyLimit::new(64 << 10).at("/up", 1), "64 KiB, 1 by path"),
        (BodyLimit::new(2 << 30), "2 GiB"),
        (BodyLimit::new(1000), "1000 bytes"),
        (BodyLimit::new(0), "0 bytes"),
        (BodyLimit::new(u64::MAX), "no limit"),
    ] {
        let stack = Stack::new().with(limit).to_string();
        assert!(stack.contains(said), "{stack}");
    }
}
