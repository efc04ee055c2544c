//! `range` of files and streams.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use gopuram::Stack;
use gopuram::middleware::body::{FileRegion, Read, ReadAt};
use gopuram::middleware::{Body, Conditional, Range};
use gopuram::testing::Client;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Frame, SizeHint};
use tower::service_fn;
use tower_layer::Layer;

use super::{ask, content};

/// A file that counts what is read of it.
pub(super) struct File {
    bytes: Bytes,
    pub(super) read: AtomicU64,
    soon: bool,
}

impl File {
    pub(super) fn new(bytes: Bytes, soon: bool) -> Arc<Self> {
        let read = AtomicU64::new(0);
        Arc::new(Self { bytes, read, soon })
    }

    pub(super) fn body(self: &Arc<Self>) -> Body {
        let len = self.bytes.len() as u64;
        Body::file(FileRegion::new(Arc::clone(self) as Arc<dyn ReadAt>, 0, len))
    }
}

impl ReadAt for File {
    fn read_at(self: Arc<Self>, offset: u64, len: usize) -> Read {
        let offset = usize::try_from(offset).unwrap().min(self.bytes.len());
        // Short reads, as files may do.
        let end = (offset + len.min(700)).min(self.bytes.len());
        let bytes = self.bytes.slice(offset..end);
        self.read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if self.soon {
            Read::Soon(Box::pin(async move {
                tokio::task::yield_now().await;
                Ok(bytes)
            }))
        } else {
            Read::Now(Ok(bytes))
        }
    }
}

/// A stream that says its length, in frames of `step` bytes, with trailers.
pub(super) struct Stream {
    frames: VecDeque<Bytes>,
    said: Option<u64>,
    trailers: bool,
}

impl Stream {
    pub(super) fn of(bytes: &Bytes, step: usize) -> Self {
        Self {
            frames: bytes.chunks(step).map(Bytes::copy_from_slice).collect(),
            said: Some(bytes.len() as u64),
            trailers: true,
        }
    }
}

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(frame) = self.frames.pop_front() {
            let left = |said: u64| said.saturating_sub(frame.len() as u64);
            self.said = self.said.map(left);
            return Poll::Ready(Some(Ok(Frame::data(frame))));
        }
        let trailers = std::mem::take(&mut self.trailers);
        Poll::Ready(trailers.then(|| {
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", HeaderValue::from_static("1"));
            Ok(Frame::trailers(trailers))
        }))
    }

    fn size_hint(&self) -> SizeHint {
        self.said
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

#[tokio::test]
async fn only_what_is_sent_is_read_of_a_file() {
    let file = File::new(content(1_000_000), false);
    let res = ask(&[("range", "bytes=999000-999099")], &[], file.body()).await;
    res.assert_status(206);
    assert_eq!(file.read.load(Ordering::Relaxed), 100);
}

#[tokio::test]
async fn a_part_of_a_file_is_a_region_of_it() {
    let bytes = content(1000);
    let app = service_fn(move |_: Request<Body>| {
        let res = Response::new(File::new(bytes.clone(), false).body());
        async { Ok::<_, Infallible>(res) }
    });
    let mut app = Stack::new()
        .with(Range::default())
        .with(Conditional::default())
        .app(app);
    for (range, wanted) in [("bytes=10-19", (10, 10)), ("x", (0, 1000))] {
        let req = Request::builder().header("range", range);
        let req = req.body(Body::empty()).unwrap();
        let res = tower_service::Service::call(&mut app, req).await.unwrap();
        let region = res.body().as_file().unwrap();
        assert_eq!((region.offset(), region.len()), wanted);
    }
}

#[tokio::test]
async fn a_file_that_has_shrunk_breaks_off_and_is_not_padded() {
    let file = File::new(content(100), false);
    for range in ["bytes=50-149", "bytes=0-0,190-"] {
        let region = FileRegion::new(Arc::clone(&file) as Arc<dyn ReadAt>, 0, 200);
        let res = ask(&[("range", range)], &[], Body::file(region)).await;
        res.assert_status(206);
        assert!(res.error().is_some(), "{range}");
    }
}

#[tokio::test]
async fn a_stream_of_unknown_length_is_left_alone() {
    let bytes = content(50);
    let mut stream = Stream::of(&bytes, 10);
    stream.said = None;
    let res = ask(&[("range", "bytes=0-0")], &[], stream).await;
    res.assert_status(200)
        .assert_no_header("accept-ranges")
        .assert_body(&bytes);
    assert_eq!(res.trailers().unwrap()["x-sum"], "1");
}

#[tokio::test]
async fn a_stream_in_tiny_frames_lets_others_have_their_turn() {
    let bytes = content(5000);
    let res = ask(&[("range", "bytes=4990-")], &[], Stream::of(&bytes, 1)).await;
    res.assert_status(206).assert_body(bytes.slice(4990..));
}

#[tokio::test]
async fn a_stream_that_ends_early_breaks_off() {
    let mut stream = Stream::of(&content(50), 10);
    stream.said = Some(100);
    let res = ask(&[("range", "bytes=40-59")], &[], stream).await;
    res.assert_status(206).assert_header("content-length", "20");
    assert_eq!(res.bytes(), &content(50).slice(40..));
    assert!(res.error().is_some());
}

#[tokio::test]
async fn the_answer_of_another_framework_is_cut_too() {
    let app = axum::Router::new()
        .route("/", axum::routing::get(async || "hello from axum"))
        .layer(axum::middleware::map_response(
            async |mut res: axum::response::Response| {
                res.extensions_mut().insert("kept");
                res
            },
        ));
    let mut app = Range::default().layer(app);
    let req = Request::builder().header("range", "bytes=-4");
    let req = req.body(Body::empty()).unwrap();
    let res = tower_service::Service::call(&mut app, req).await.unwrap();
    assert_eq!(res.extensions().get(), Some(&"kept"));
    let client = Client::new(app);
    let res = client.get("/").header("range", "bytes=-4").await;
    res.assert_status(206)
        .assert_header("content-range", "bytes 11-14/15")
        .assert_header("content-length", "4")
        .assert_header("content-type", "text/plain; charset=utf-8")
        .assert_body("axum");
    // Another framework's 404 and 405 are its own.
    let res = client.get("/absent").header("range", "bytes=-4").await;
    res.assert_status(404).assert_no_header("accept-ranges");
}

#[tokio::test]
async fn an_error_of_the_application_passes_through() {
    let app = service_fn(async |_: Request<Body>| Err::<Response<Body>, _>("broken"));
    let mut app = Range::default().layer(Conditional::default().layer(app));
    let req = Request::builder()
        .header("range", "bytes=0-0")
        .header("if-none-match", "\"a\"");
    let req = req.body(Body::empty()).unwrap();
    let error = tower_service::Service::call(&mut app, req).await;
    assert_eq!(error.unwrap_err(), "broken");
}

#[tokio::test]
async fn a_body_that_breaks_off_says_so_behind_what_was_sent() {
    struct Breaks(Stream);

    impl http_body::Body for Breaks {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            if self.0.frames.is_empty() {
                return Poll::Ready(Some(Err(std::io::Error::other("reset"))));
            }
            let next = Pin::new(&mut self.0).poll_frame(cx);
            next.map_err(|never| match never {})
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(100)
        }
    }

    let body = Breaks(Stream::of(&content(50), 10));
    let res = ask(&[("range", "bytes=45-60")], &[], body).await;
    assert_eq!(res.bytes(), &content(50).slice(45..));
    let source = std::error::Error::source(res.error().unwrap()).unwrap();
    assert_eq!(source.to_string(), "reset");
}

#[tokio::test]
async fn a_stream_is_not_read_to_its_far_end_for_a_few_bytes() {
    const MIB: usize = 1024 * 1024;
    let bytes = content(MIB + 2);
    for (layer, first, status) in [
        (Range::default(), MIB, 206),
        (Range::default(), MIB + 1, 200),
        (Range::default().skip(u64::MAX), MIB + 1, 206),
        (Range::default().skip(0), 1, 200),
        (Range::default().skip(0), 0, 206),
    ] {
        let all = bytes.clone();
        let app = service_fn(move |_: Request<Body>| {
            let res = Response::new(Stream::of(&all, 64 * 1024));
            async { Ok::<_, Infallible>(res) }
        });
        let res = Client::in_process(layer.layer(app))
            .get("/")
            .header("range", format!("bytes={first}-{first}"))
            .await;
        assert_eq!(res.status(), status, "{first}");
        let expected = match status {
            206 => bytes.slice(first..=first),
            _ => bytes.clone(),
        };
        assert!(res.bytes() == &expected, "{first}");
    }
}
