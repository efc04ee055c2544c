//! B: what a body is.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use gopuram::middleware::body::{FileRegion, Read, ReadAt};
use gopuram::middleware::from_fn::Next;
use gopuram::middleware::{
    BodyLimit, CatchPanic, Compress, Conditional, Head, Range, SetHeader, Timeout, from_fn,
};
use gopuram::testing::app::Dropped;
use gopuram::testing::body::{self, Script};
use gopuram::testing::{Client, app};
use gopuram::{Body, Stack};
use http::header::SERVER;
use http::{HeaderMap, Request, Response};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{
    Count, GET, answers, ask, connect, exchange, http2_of, read_until, rest, text,
};

/// Layers that have to do with bodies, around an application.
macro_rules! stack {
    ($app:expr) => {
        Stack::new()
            .with(CatchPanic::default())
            .with(Timeout::bodies().response_idle(Duration::from_mins(1)))
            .with(BodyLimit::new(1 << 20))
            .with(Head::default())
            .with(Compress::default())
            .with(Range::new())
            .with(Conditional::default())
            .app($app)
    };
}

/// Sixteen bytes that are always there.
struct Sixteen;

impl ReadAt for Sixteen {
    fn read_at(self: Arc<Self>, offset: u64, len: usize) -> Read {
        let from = usize::try_from(offset).unwrap();
        let bytes = Bytes::from_static(b"0123456789abcdef");
        Read::Now(Ok(bytes.slice(from..(from + len).min(16))))
    }
}

fn region() -> Body {
    Body::file(FileRegion::new(Arc::new(Sixteen), 4, 8))
}

#[tokio::test(start_paused = true)]
async fn b1_a_body_that_knows_its_length_says_it_and_sends_as_much() {
    let bodies: [fn() -> Body; 5] = [
        || Body::from("456789ab"),
        || Body::chunks(["4567", "", "89ab"].map(Bytes::from)),
        region,
        || {
            Body::new(
                Script::new()
                    .data("4567")
                    .pause()
                    .data("89ab")
                    .counts_down(),
            )
        },
        || Body::new(http_body_util::Full::from("456789ab")),
    ];
    for body in bodies {
        let expected = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n456789ab";
        assert_eq!(
            exchange(answers(move |_| Response::new(body())), GET).await,
            expected
        );
        let mut client = http2_of(stack!(answers(move |_| Response::new(body())))).await;
        let res = client.send_request(ask("http://a/")).await.unwrap();
        assert_eq!(res.headers()["content-length"], "8");
        assert_eq!(text(res).await.unwrap(), "456789ab");
    }
}

/// A body that panics if it is polled once too often, and counts its polls.
struct Once {
    ends: Option<Result<(), ()>>,
    polled: u8,
    late: Count,
}

impl http_body::Body for Once {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.polled += 1;
        match self.polled {
            1 => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"hi"))))),
            2 => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            _ => match self.ends.take() {
                Some(Ok(())) => Poll::Ready(None),
                Some(Err(())) => Poll::Ready(Some(Err(io::Error::other("broken")))),
                None => {
                    self.late.add();
                    Poll::Ready(None)
                }
            },
        }
    }
}

#[tokio::test(start_paused = true)]
async fn b2_a_body_is_not_polled_after_its_end_or_its_error() {
    for ends in [Ok(()), Err(())] {
        let late = Count::default();
        let app = {
            let late = late.clone();
            answers(move |_| {
                let late = late.clone();
                let ends = Some(ends);
                Response::new(Body::new(Once {
                    ends,
                    polled: 0,
                    late,
                }))
            })
        };
        for layered in [false, true] {
            let mut client = if layered {
                connect(stack!(app.clone()))
            } else {
                connect(app.clone())
            };
            client.write_all(GET).await.unwrap();
            let answer = rest(&mut client).await;
            assert_eq!(answer.contains("\r\n0\r\n\r\n"), ends.is_ok(), "{answer}");
        }
        let mut client = http2_of(app).await;
        let res = client.send_request(ask("http://a/")).await.unwrap();
        assert_eq!(text(res).await.is_ok(), ends.is_ok());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(late.get(), 0, "polled after {ends:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn b3_an_error_passes_all_layers_and_is_no_end() {
    let broken = || app::answer(|_| Response::new(Script::new().data("half").error("cut")));
    for accepts in ["identity", "gzip"] {
        let req = Client::in_process(stack!(broken())).get("/");
        let res = req.header("accept-encoding", accepts).await;
        assert!(res.error().is_some(), "{accepts}: {res:?}");
    }
    let mut client = http2_of(stack!(broken())).await;
    // Reset at once, or after what came first.
    if let Ok(res) = client.send_request(ask("http://a/")).await {
        assert!(text(res).await.is_err());
    }
}

fn trailers() -> HeaderMap {
    HeaderMap::from_iter([("x-sum".parse().unwrap(), "7".parse().unwrap())])
}

#[tokio::test(start_paused = true)]
async fn b4_trailers_pass_in_both_directions() {
    let echo = || {
        app::answer(|req: Request<Body>| {
            let res = Response::builder().header("trailer", "x-sum");
            res.body(req.into_body()).unwrap()
        })
    };
    let bytes = "POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n\
                 2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n";
    let answer = exchange(stack!(echo()), bytes).await;
    assert!(
        answer.ends_with("2\r\nhi\r\n0\r\nx-sum: 7\r\n\r\n"),
        "{answer}"
    );

    let mut client = http2_of(stack!(echo())).await;
    let sent = Body::new(Script::new().data("hi").trailers(trailers()));
    let req = Request::post("http://a/").body(sent).unwrap();
    let res = client.send_request(req).await.unwrap();
    let whole = res.into_body().collect().await.unwrap();
    assert_eq!(whole.trailers(), Some(&trailers()));
    assert_eq!(whole.to_bytes(), "hi");
}

#[tokio::test]
async fn b5_a_region_of_a_file_stays_one() {
    let passes = from_fn(async |req: Request<Body>, next: Next| next.run(req).await);
    let app = Stack::new()
        .with(SetHeader::response(SERVER).remove())
        .when(true, SetHeader::request(SERVER).remove())
        .layer(passes)
        .app(gopuram::middleware::Router::new().get("/", async |_| region()));
    let res = Client::in_process(app).get("/").call().await.unwrap();
    let file = res.body().as_file().expect("a region of a file");
    assert_eq!((file.offset(), file.len()), (4, 8));
}

#[tokio::test]
async fn b6_a_body_may_be_dropped_and_whoever_makes_it_hears_of_it() {
    let dropped = Dropped::default();
    let app = {
        let dropped = dropped.clone();
        app::answer(move |_| Response::new(Script::new().data("a").stop().counted(&dropped)))
    };
    let client = Client::in_process(stack!(app));
    let mut body = Box::pin(client.get("/").send().await.into_body());
    let first = body.frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "a");
    let mut cx = Context::from_waker(Waker::noop());
    assert!(http_body::Body::poll_frame(body.as_mut(), &mut cx).is_pending());
    assert_eq!(dropped.count(), 0);
    drop(body);
    assert_eq!(dropped.count(), 1);

    let (sender, channel) = body::channel();
    let client = Client::in_process(stack!(app::answer(|req: Request<Body>| {
        drop(req.into_body());
        Response::new(Body::empty())
    })));
    client.post("/").stream(channel).await.assert_status(200);
    assert!(!sender.is_wanted());
}

#[tokio::test(start_paused = true)]
async fn b7_what_a_body_gives_is_sent_at_once() {
    let (sender, channel) = body::channel();
    let channel = Arc::new(std::sync::Mutex::new(Some(channel)));
    let app = answers(move |_| Response::new(Body::new(channel.lock().unwrap().take().unwrap())));
    let mut client = connect(stack!(app));
    client.write_all(GET).await.unwrap();
    for part in ["one", "two"] {
        sender.data(part);
        read_until(&mut client, &format!("3\r\n{part}\r\n")).await;
    }
    drop(sender);
    read_until(&mut client, "0\r\n\r\n").await;
}

/// A body without end; counts the kilobytes that it was asked for.
struct Endless(Count);

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.add();
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 1024])))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[tokio::test(start_paused = true)]
async fn b7_what_the_client_does_not_take_is_not_asked_for() {
    let asked = Count::default();
    let app = {
        let asked = asked.clone();
        app::answer(move |_| Response::new(Endless(asked.clone())))
    };
    let mut client = connect(app.clone());
    client.write_all(GET).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = asked.get();
    assert!((1..2048).contains(&before), "{before} KiB for nobody");
    let mut taken = vec![0; 256 * 1024];
    client.read_exact(&mut taken).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(asked.get() > before, "it goes on when the client does");

    let mut client = http2_of(app).await;
    let before = asked.get();
    let res = client.send_request(ask("http://a/")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let more = asked.get() - before;
    assert!((1..8192).contains(&more), "{more} KiB for nobody");
    drop(res);
}
