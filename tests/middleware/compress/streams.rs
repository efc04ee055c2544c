//! Bodies that come bit by bit.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use flate2::{Decompress, FlushDecompress};
use gopuram::middleware::Body;
use gopuram::middleware::compress::{Compress, CompressBody, Error};
use gopuram::testing::Client;
use http::{HeaderMap, Request, Response};
use http_body::{Body as _, Frame, SizeHint};
use tokio::sync::mpsc;
use tower::ServiceExt;
use tower_layer::Layer;

use super::{App, GZIP, client, gunzip, html, set, text};

/// A body fed from elsewhere, which may say anything of its size.
struct Fed {
    frames: mpsc::UnboundedReceiver<Result<Frame<Bytes>, io::Error>>,
    hint: SizeHint,
}

type Feed = mpsc::UnboundedSender<Result<Frame<Bytes>, io::Error>>;

impl http_body::Body for Fed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.frames.poll_recv(cx)
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}

/// The coded body of an answer that is fed from elsewhere.
fn fed(hint: SizeHint) -> (Feed, Pin<Box<CompressBody<Fed>>>) {
    let (feed, frames) = mpsc::unbounded_channel();
    let slot = std::sync::Mutex::new(Some(Fed { frames, hint }));
    let app = App(move |_: &Request<Body>| {
        let mut res = Response::new(slot.lock().unwrap().take().unwrap());
        set(&mut res, "content-type", "text/event-stream");
        res
    });
    let req = Request::get("/").header("accept-encoding", "gzip");
    let req = req.body(Body::empty()).unwrap();
    let res = answer(app, req);
    assert_eq!(res.headers()["content-encoding"], GZIP);
    (feed, Box::pin(res.into_body()))
}

/// What `app` answers, coded; it does so at once.
///
/// Without a runtime, whose budget would make the channel pause when it need not.
fn answer<F, C>(app: App<F>, req: Request<Body>) -> Response<CompressBody<C>>
where
    F: Fn(&Request<Body>) -> Response<C>,
    C: http_body::Body<Data = Bytes> + 'static,
{
    let call = pin!(Compress::default().layer(app).oneshot(req));
    match call.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(res)) => res,
        Poll::Ready(Err(never)) => match never {},
        Poll::Pending => panic!("it answers at once"),
    }
}

fn data(bytes: impl Into<Bytes>) -> Frame<Bytes> {
    Frame::data(bytes.into())
}

/// Counts how often it is woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn poll<C>(body: &mut Pin<Box<CompressBody<C>>>) -> Poll<Option<Result<Frame<Bytes>, Error>>>
where
    C: http_body::Body<Data = Bytes, Error: Into<tower::BoxError>>,
{
    body.as_mut()
        .poll_frame(&mut Context::from_waker(Waker::noop()))
}

fn ready(body: &mut Pin<Box<CompressBody<Fed>>>) -> Bytes {
    match poll(body) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap(),
        other => panic!("no data but {other:?}"),
    }
}

#[test]
fn an_event_arrives_when_it_is_sent() {
    let (feed, mut body) = fed(SizeHint::default());
    let mut decoder = Decompress::new_gzip(15);
    assert!(poll(&mut body).is_pending());
    for event in ["data: one\n\n", "data: two\n\n", "data: three\n\n"] {
        feed.send(Ok(data(event))).unwrap();
        let coded = ready(&mut body);
        let mut plain = Vec::with_capacity(100);
        decoder
            .decompress_vec(&coded, &mut plain, FlushDecompress::Sync)
            .unwrap();
        assert_eq!(plain, event.as_bytes());
        assert!(poll(&mut body).is_pending());
        assert!(poll(&mut body).is_pending());
    }
    assert!(!body.is_end_stream());
    assert_eq!(body.size_hint().exact(), None);
}

#[test]
fn a_pause_wakes_when_inner_does() {
    let (feed, mut body) = fed(SizeHint::default());
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    assert!(
        body.as_mut()
            .poll_frame(&mut Context::from_waker(&waker))
            .is_pending()
    );
    assert_eq!(count.0.load(Ordering::Relaxed), 0);
    feed.send(Ok(data("x"))).unwrap();
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
}

#[test]
fn trailers_follow_the_coded_bytes() {
    let (feed, mut body) = fed(SizeHint::default());
    let mut trailers = HeaderMap::new();
    trailers.insert("server-timing", "db;dur=1".parse().unwrap());
    trailers.insert("content-digest", "sha-256=:x:".parse().unwrap());
    feed.send(Ok(data("hello"))).unwrap();
    feed.send(Ok(Frame::trailers(trailers))).unwrap();
    assert_eq!(gunzip(&ready(&mut body)), b"hello");
    let Poll::Ready(Some(Ok(frame))) = poll(&mut body) else {
        panic!("no trailers");
    };
    let trailers = frame.into_trailers().unwrap();
    assert_eq!(trailers["server-timing"], "db;dur=1");
    // It is of the plain bytes.
    assert!(!trailers.contains_key("content-digest"));
    assert!(matches!(poll(&mut body), Poll::Ready(None)));
    assert!(body.is_end_stream());
}

#[test]
fn a_body_that_fails_never_looks_complete() {
    let (feed, mut body) = fed(SizeHint::default());
    feed.send(Ok(data("hello"))).unwrap();
    let coded = ready(&mut body);
    feed.send(Ok(data("world"))).unwrap();
    feed.send(Err(io::Error::other("cut"))).unwrap();
    match poll(&mut body) {
        Poll::Ready(Some(Err(Error::Body(error)))) => assert_eq!(error.to_string(), "cut"),
        other => panic!("no error but {other:?}"),
    }
    assert!(matches!(poll(&mut body), Poll::Ready(None)));
    let mut decoder = flate2::read::GzDecoder::new(&*coded);
    assert!(io::Read::read_to_end(&mut decoder, &mut Vec::new()).is_err());
}

#[tokio::test]
async fn the_client_sees_why() {
    let app = App(|_: &Request<Body>| {
        let (feed, frames) = mpsc::unbounded_channel();
        feed.send(Err(io::Error::other("cut"))).unwrap();
        let hint = SizeHint::default();
        let mut res = Response::new(Fed { frames, hint });
        set(&mut res, "content-type", "text/plain");
        res
    });
    let client = Client::in_process(Compress::default().layer(app));
    let res = client.get("/").header("accept-encoding", "gzip").await;
    let error = std::error::Error::source(res.error().unwrap()).unwrap();
    assert_eq!(error.to_string(), "the body to be coded broke off");
    assert_eq!(error.source().unwrap().to_string(), "cut");
}

#[test]
fn a_wrong_size_hint_does_no_harm() {
    for (hint, len) in [(2000, 300_000), (1_000_000, 10), (2000, 0)] {
        let (feed, mut body) = fed(SizeHint::with_exact(hint));
        feed.send(Ok(data(text(len)))).unwrap();
        drop(feed);
        let mut coded = Vec::new();
        let mut pauses = 0;
        loop {
            match poll(&mut body) {
                Poll::Ready(Some(frame)) => coded.extend(frame.unwrap().into_data().unwrap()),
                Poll::Ready(None) => break,
                Poll::Pending => pauses += 1,
            }
            assert!(pauses < 10);
        }
        assert_eq!(gunzip(&coded), text(len).as_bytes());
    }
}

#[test]
fn a_large_body_lets_others_have_the_thread() {
    let app = App(|_: &Request<Body>| html(text(1 << 20)));
    let req = Request::get("/")
        .header("accept-encoding", "gzip")
        .body(Body::empty())
        .unwrap();
    let res = answer(app, req);
    let mut body = pin!(res.into_body());
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let (mut coded, mut pauses) = (Vec::new(), 0);
    loop {
        match body.as_mut().poll_frame(&mut Context::from_waker(&waker)) {
            Poll::Ready(Some(frame)) => {
                let data = frame.unwrap().into_data().unwrap();
                assert!(!data.is_empty() && data.len() <= 64 * 1024);
                coded.extend(data);
            }
            Poll::Ready(None) => break,
            Poll::Pending => {
                pauses += 1;
                // It does not wait for anything.
                assert_eq!(count.0.load(Ordering::Relaxed), pauses);
            }
        }
    }
    assert_eq!(pauses, 16);
    assert_eq!(gunzip(&coded), text(1 << 20).as_bytes());
}

#[test]
fn frames_without_end_let_others_have_the_thread() {
    let (feed, mut body) = fed(SizeHint::default());
    for _ in 0..100_000 {
        feed.send(Ok(data(""))).unwrap();
    }
    let mut pauses = 0;
    drop(feed);
    let coded = loop {
        match poll(&mut body) {
            Poll::Ready(frame) => break frame.unwrap().unwrap().into_data().unwrap(),
            Poll::Pending => pauses += 1,
        }
    };
    assert!(pauses > 10, "{pauses}");
    assert_eq!(gunzip(&coded), b"");
}

#[test]
fn a_body_may_be_dropped_at_any_frame() {
    for polls in 0..8 {
        let (feed, mut body) = fed(SizeHint::default());
        for _ in 0..4 {
            feed.send(Ok(data(text(50_000)))).unwrap();
        }
        for _ in 0..polls {
            drop(poll(&mut body));
        }
        drop(body);
        assert!(feed.is_closed());
    }
}

#[tokio::test]
async fn bodies_of_other_crates_are_coded() {
    let client = client(&Compress::default(), |_| {
        let mut res = Response::new(http_body_util::Full::new(Bytes::from(text(3000))));
        set(&mut res, "content-type", "text/plain");
        res
    });
    let res = client.get("/").header("accept-encoding", "gzip").await;
    res.assert_header("content-encoding", GZIP);
    assert_eq!(gunzip(res.bytes()), text(3000).as_bytes());
    client.get("/").await.assert_body(text(3000));
}
