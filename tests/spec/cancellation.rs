//! C: when the client goes.

use std::convert::Infallible;
use std::io::{self, Write};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use gopuram::middleware::access_log::Log;
use gopuram::middleware::{AccessLog, CatchPanic, Compress, RequestId, Timeout};
use gopuram::testing::app::{self, Dropped};
use gopuram::testing::body::Script;
use gopuram::{Application, Body, Stack};
use http::{Request, Response};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tower::Service as _;
use tower::util::service_fn;

use crate::support::{GET, ask, connect, http2_of, listen, read_until};

/// Waits until that many were dropped.
async fn dropped(dropped: &Dropped, count: usize) {
    let all = async {
        while dropped.count() < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let all = tokio::time::timeout(Duration::from_secs(10), all).await;
    all.unwrap();
    assert_eq!(dropped.count(), count);
}

macro_rules! stack {
    ($app:expr) => {
        Stack::new()
            .with(RequestId::default())
            .with(CatchPanic::default())
            .with(Timeout::head(Duration::from_hours(1)))
            .with(Compress::default())
            .app($app)
    };
}

/// An application that answers never; counts the calls, and those dropped.
fn waits() -> (impl Application, Dropped, Dropped) {
    let (called, gone) = (Dropped::default(), Dropped::default());
    let (calls, guards) = (called.clone(), gone.clone());
    let app = service_fn(move |_: Request<Body>| {
        drop(calls.guard());
        let guard = guards.guard();
        async move {
            let _guard = guard;
            std::future::pending::<Result<Response<Body>, Infallible>>().await
        }
    });
    (stack!(app), called, gone)
}

#[tokio::test]
async fn c1_the_future_is_dropped_when_the_client_closes() {
    let (app, called, gone) = waits();
    let address = listen(app).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(GET).await.unwrap();
    dropped(&called, 1).await;
    assert_eq!(gone.count(), 0);
    drop(client);
    dropped(&gone, 1).await;
}

#[tokio::test(start_paused = true)]
async fn c1_the_future_is_dropped_when_the_stream_is_reset() {
    let (app, called, gone) = waits();
    let mut client = http2_of(app).await;
    let first = tokio::spawn(client.send_request(ask("http://a/")));
    let second = tokio::spawn(client.send_request(ask("http://a/")));
    dropped(&called, 2).await;
    assert_eq!(gone.count(), 0);
    first.abort();
    dropped(&gone, 1).await;
    assert!(!second.is_finished(), "the other goes on");
}

#[tokio::test(start_paused = true)]
async fn c1_the_body_is_dropped_when_the_client_closes() {
    let gone = Dropped::default();
    let guards = gone.clone();
    let app =
        app::answer(move |_| Response::new(Script::new().data("half").stop().counted(&guards)));
    let mut client = connect(stack!(app.clone()));
    client.write_all(GET).await.unwrap();
    read_until(&mut client, "half\r\n").await;
    assert_eq!(gone.count(), 0);
    drop(client);
    dropped(&gone, 1).await;

    let mut client = http2_of(stack!(app)).await;
    let res = client.send_request(ask("http://a/")).await.unwrap();
    assert_eq!(gone.count(), 1);
    drop(res);
    dropped(&gone, 2).await;
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn c2_a_layer_does_what_it_must_when_it_is_dropped() {
    let written = Written::default();
    let log = Log::to(written.clone());
    let lines = || {
        log.flush().unwrap();
        String::from_utf8(written.0.lock().unwrap().clone()).unwrap()
    };
    let layer = AccessLog::format("%U", log.clone()).unwrap();
    let mut cx = Context::from_waker(Waker::noop());

    // The future is dropped before it is ready.
    let (pending, _) = app::pending();
    let mut app = Stack::new().with(layer.clone()).app(pending);
    let mut call = Box::pin(app.call(Request::get("/future").body(Body::empty()).unwrap()));
    assert!(call.as_mut().poll(&mut cx).is_pending());
    assert_eq!(lines(), "");
    drop(call);
    assert_eq!(lines(), "/future\n");

    // The body is dropped before its end.
    let streams = app::answer(|_| Response::new(Script::new().data("half").stop()));
    let mut app = Stack::new().with(layer).app(streams);
    let call = app.call(Request::get("/body").body(Body::empty()).unwrap());
    let res = call.await.unwrap();
    {
        let mut body = pin!(res.into_body());
        assert!(http_body::Body::poll_frame(body.as_mut(), &mut cx).is_ready());
        assert!(http_body::Body::poll_frame(body.as_mut(), &mut cx).is_pending());
        assert_eq!(lines(), "/future\n");
    }
    assert_eq!(lines(), "/future\n/body\n");
}
