//! What the body of a stream of HTTP/2 has given is written, or it is not asked for more.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use gopuram::Body;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncWriteExt as _;
use tower::util::service_fn;

use crate::frames::{headers, opening};
use crate::support::{ask, connect, turns};

const PIECE: &[u8] = &[b'x'; 48 * 1024];
const PIECES: usize = 8;

/// A client with room for all of an answer.
async fn client(io: tokio::io::DuplexStream) -> http2::SendRequest<Body> {
    let (client, conn) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(1 << 20)
        .handshake(TokioIo::new(io))
        .await
        .unwrap();
    tokio::spawn(conn);
    client
}

#[tokio::test(start_paused = true)]
async fn a_body_that_fails_has_given_all_that_came_before() {
    for pieces in [1, 2, PIECES] {
        let app = service_fn(move |_: Request<Body>| async move {
            let given = stream::repeat_with(|| Ok(Frame::data(Bytes::from_static(PIECE))));
            let failure = stream::iter([Err(io::Error::other("on purpose"))]);
            let body = StreamBody::new(given.take(pieces).chain(failure));
            Ok::<_, Infallible>(Response::new(Body::new(body)))
        });
        // More than the transport takes at once.
        let mut client = client(connect(gopuram::serve(app))).await;
        let res = client.send_request(ask("http://a/")).await.unwrap();
        let mut body = res.into_body();
        let mut read = 0;
        while let Some(Ok(frame)) = body.frame().await {
            read += frame.into_data().unwrap().len();
        }
        assert_eq!(read, pieces * PIECE.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_is_not_asked_for_what_the_transport_has_no_room_for() {
    let asked = Arc::new(AtomicUsize::new(0));
    let app = {
        let asked = Arc::clone(&asked);
        service_fn(move |_: Request<Body>| {
            let asked = Arc::clone(&asked);
            let pieces = stream::repeat_with(move || {
                asked.fetch_add(1, Ordering::Relaxed);
                Ok::<_, Infallible>(Frame::data(Bytes::from_static(PIECE)))
            });
            let res = Response::new(Body::new(StreamBody::new(pieces)));
            std::future::ready(Ok::<_, Infallible>(res))
        })
    };
    let mut client = connect(gopuram::serve(app));
    // Windows of a GiB, for a stream (SETTINGS_INITIAL_WINDOW_SIZE) and for all (WINDOW_UPDATE).
    let settings = [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0x40, 0, 0, 0];
    let update = [0, 0, 4, 8, 0, 0, 0, 0, 0, 0x3f, 0, 0, 0];
    let bytes = [&*opening(), &settings, &update, &headers(&[])].concat();
    client.write_all(&bytes).await.unwrap();
    turns().await;
    // The transport has room for 64 KiB, h2 for 128.
    let before = asked.load(Ordering::Relaxed);
    assert!((2..=4).contains(&before), "{before}");
}
