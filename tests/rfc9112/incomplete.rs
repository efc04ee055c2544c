//! Requests that end before they are whole: section 8.

use std::convert::Infallible;

use gopuram::Body;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;

use crate::exchange::{Asked, chunked, connect, get, post, rest};

/// A head that is not whole asks for nothing, wherever it ends.
#[tokio::test]
async fn section_8_a_head_that_is_cut_is_no_request() {
    let whole = get("X: y\r\n");
    for end in 0..whole.len() {
        let asked = Asked::default();
        let mut client = connect(asked.app()).await;
        let (head, _) = whole.split_at(end);
        client.write_all(head.as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        let answer = rest(&mut client).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
            "{answer:?}"
        );
        assert_eq!(asked.all(), [""; 0], "{head:?}");
    }
}

/// A body that is not whole is not taken for whole, wherever it ends.
#[tokio::test]
async fn section_8_a_body_that_is_cut_is_an_error() {
    let sized = post("Content-Length: 4\r\n", "abcd");
    let coded = chunked("4\r\nabcd\r\n2\r\nef\r\n0\r\nX: y\r\n\r\n");
    for whole in [&sized, &coded] {
        let body = whole.find("\r\n\r\n").unwrap() + 4;
        for end in body..whole.len() {
            let (tell, mut told) = mpsc::unbounded_channel();
            let app = tower::service_fn(move |req: Request<Body>| {
                let tell = tell.clone();
                async move {
                    tell.send(req.into_body().collect().await.is_ok()).unwrap();
                    Ok::<_, Infallible>(Response::new(Body::empty()))
                }
            });
            let mut client = connect(app).await;
            let (part, _) = whole.split_at(end);
            client.write_all(part.as_bytes()).await.unwrap();
            client.shutdown().await.unwrap();
            rest(&mut client).await;
            // The whole request may be dropped before the application hears of it.
            assert_ne!(told.recv().await, Some(true), "{part:?}");
        }
    }
}
