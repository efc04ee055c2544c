//! Bodies of answers: for what the front server has no room they are not asked.

use std::convert::Infallible;
use std::task::Poll;

use bytes::Bytes;
use futures_util::stream::poll_fn;
use gopuram::Body;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::io::AsyncWriteExt as _;
use tower::util::{BoxCloneService, service_fn};

use crate::front::{ALL, Said};
use crate::support::{Count, connect, turns};

const PIECE: &[u8] = &[b'x'; 20 * 1024];

/// Lets others have their turn before each piece, as one does whose next may take long.
#[tokio::test]
async fn one_that_works_on_this_thread_keeps_nothing_of_a_piece_waiting() {
    for protocol in ALL {
        let asked = Count::default();
        let app = {
            let asked = asked.clone();
            BoxCloneService::new(service_fn(move |_: Request<Body>| {
                let asked = asked.clone();
                let mut pauses = false;
                let pieces = poll_fn(move |cx| {
                    pauses = !pauses;
                    if pauses {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    asked.add();
                    let frame = Frame::data(Bytes::from_static(PIECE));
                    Poll::Ready(Some(Ok::<_, Infallible>(frame)))
                });
                let res = Response::new(Body::new(StreamBody::new(pieces)));
                std::future::ready(Ok::<_, Infallible>(res))
            }))
        };
        // With room for 64 KiB: three pieces and a part of the fourth.
        let mut front = connect(app, protocol);
        let bytes = Said::of("GET", "/").send(protocol, b"");
        front.write_all(&bytes).await.unwrap();
        turns().await;
        assert_eq!(asked.get(), 4, "{protocol:?}");
    }
}
