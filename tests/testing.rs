//! The tools to test with, tested.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use gopuram::Body;
use gopuram::middleware::attributes::{Attributes, Connection, Scheme};
use gopuram::testing::body::{Script, channel};
use gopuram::testing::{Client, app};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::{Body as _, SizeHint};
use http_body_util::BodyExt;
use tower::service_fn;

/// Says what it was asked, line by line.
async fn echo(req: Request<Body>) -> Result<Response<Body>, Infallible> {
    let (head, body) = req.into_parts();
    let mut text = format!("{} {} {:?}\n", head.method, head.uri, head.version);
    for (name, value) in &head.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        text.extend([name.as_str(), ": ", &value, "\n"]);
    }
    let body = body.collect().await.unwrap().to_bytes();
    text += &String::from_utf8_lossy(&body);
    Ok(Response::new(text.into()))
}

#[tokio::test]
async fn requests_have_what_a_gateway_gives_them() {
    let client = Client::new(service_fn(echo));
    let res = client.get("/a?b").await;
    res.assert_body("GET /a?b HTTP/1.1\nhost: localhost\n");
    let res = client.post("/").body("abc").await;
    res.assert_body("POST / HTTP/1.1\nhost: localhost\ncontent-length: 3\nabc");
    let res = client.put("/").await;
    res.assert_body("PUT / HTTP/1.1\nhost: localhost\ncontent-length: 0\n");
    let stream = Script::new().data("a").data("b");
    let res = client.post("/").stream(stream).await;
    res.assert_body("POST / HTTP/1.1\nhost: localhost\ntransfer-encoding: chunked\nab");
    let res = client.delete("/").header("host", "a.test").await;
    res.assert_body("DELETE / HTTP/1.1\nhost: a.test\n");
    let res = client.get("/").header("x", b"\xff").await;
    assert!(res.text().contains("x: \u{fffd}"));
}

#[tokio::test]
async fn http_2_has_the_authority_in_the_target() {
    let client = Client::new(service_fn(echo));
    let request = || client.get("/a?b").version(Version::HTTP_2);
    let res = request().header("host", "a.test").await;
    res.assert_body("GET http://a.test/a?b HTTP/2.0\n");
    request()
        .await
        .assert_body("GET http://localhost/a?b HTTP/2.0\n");
}

#[tokio::test]
async fn requests_have_a_connection() {
    let client = Client::new(app::answer(|req: Request<Body>| {
        let attributes = Attributes::of(&req).unwrap();
        let peer = attributes.connection().unwrap().peer.unwrap();
        Response::new(Body::from(format!(
            "{:?} {}",
            attributes.scheme(),
            peer.ip()
        )))
    }));
    client.get("/").await.assert_body("Http 127.0.0.1");
    let peer = "192.0.2.1:5000".parse().unwrap();
    let connection = Connection::new(None, Some(peer), Scheme::Https);
    let res = client.get("/").connection(connection).await;
    res.assert_body("Https 192.0.2.1");
}

#[tokio::test]
async fn answers_are_sent_as_a_gateway_sends_them() {
    let answer = |status: u16| {
        Client::new(app::answer(move |_| {
            let mut res = Response::new(Body::from("abc"));
            *res.status_mut() = StatusCode::from_u16(status).unwrap();
            res
        }))
    };
    let res = answer(200).get("/").await;
    res.assert_header("content-length", "3").assert_body("abc");
    let res = answer(200).head("/").await;
    res.assert_header("content-length", "3").assert_body("");
    let empty = Client::new(app::answer(|_| Response::new(Body::empty())));
    let res = empty.get("/").await;
    res.assert_header("content-length", "0").assert_body("");
    let streamed = Client::new(app::answer(|_| Response::new(Script::new().data("abc"))));
    let res = streamed.get("/").await;
    res.assert_no_header("content-length").assert_body("abc");
    let nothing = Client::new(app::answer(|_| {
        let mut res = Response::new(Body::empty());
        *res.status_mut() = StatusCode::NO_CONTENT;
        res
    }));
    let res = nothing.get("/").await;
    res.assert_status(204).assert_no_header("content-length");
}

#[tokio::test]
async fn trailers_and_broken_bodies_arrive() {
    let trailers = HeaderMap::from_iter([(http::header::ETAG, HeaderValue::from_static("\"a\""))]);
    let full = Client::new(app::answer(move |_| {
        let body = Script::new().data("a").pause().data("b");
        let mut res = Response::new(body.trailers(trailers.clone()));
        res.headers_mut()
            .insert("trailer", HeaderValue::from_static("etag"));
        res
    }));
    let res = full.get("/").header("te", "trailers").await;
    res.assert_body("ab").assert_trailer("etag", "\"a\"");
    // Over a socket the head may be lost with the body.
    let broken = Client::in_process(app::answer(|_| {
        Response::new(Script::new().data("a").error("cut"))
    }));
    let res = broken.get("/").await;
    assert!(res.error().is_some());
    assert_eq!(res.bytes(), "a");
}

#[tokio::test]
async fn an_error_is_a_500() {
    let client = Client::new(app::fails("no database"));
    client.get("/").await.assert_status(500).assert_body("");
    let client = Client::in_process(app::fails("no database"));
    let res = client.get("/").await;
    assert_eq!(res.failure(), Some("\"no database\""));
    let res = Client::in_process(app::unready("full")).get("/").await;
    assert_eq!(res.failure(), Some("\"full\""));
    let error = client.get("/").call().await.unwrap_err();
    assert_eq!(error, "no database");
}

/// What a body says when it is polled once.
fn poll(body: &mut Body) -> String {
    let mut cx = Context::from_waker(Waker::noop());
    match Pin::new(body).poll_frame(&mut cx) {
        Poll::Pending => "pending".to_owned(),
        Poll::Ready(None) => "end".to_owned(),
        Poll::Ready(Some(Ok(frame))) => {
            let data = frame.into_data().unwrap();
            String::from_utf8_lossy(&data).into_owned()
        }
        Poll::Ready(Some(Err(error))) => std::error::Error::source(&error).unwrap().to_string(),
    }
}

#[tokio::test]
async fn a_response_can_be_read_as_it_comes() {
    let (sender, body) = channel();
    let body = Arc::new(Mutex::new(Some(body)));
    let take = move |_| Response::new(body.lock().unwrap().take().unwrap());
    let client = Client::in_process(app::answer(take));
    let mut body = client.get("/").send().await.into_body();
    assert_eq!(poll(&mut body), "pending");
    sender.data("a");
    assert_eq!(poll(&mut body), "a");
    assert_eq!(poll(&mut body), "pending");
    assert!(sender.is_wanted());
    sender.error("cut");
    assert_eq!(poll(&mut body), "cut");
    drop(body);
    assert!(!sender.is_wanted());
}

#[tokio::test]
#[should_panic(expected = "M6: A status comes with the fields it requires")]
async fn a_client_lints() {
    let wrong = app::answer(|_| {
        let mut res = Response::new(Body::empty());
        *res.status_mut() = StatusCode::UNAUTHORIZED;
        res
    });
    Client::without_lint(wrong)
        .get("/")
        .await
        .assert_status(401);
    Client::new(wrong).get("/").await;
}

#[tokio::test]
#[should_panic(expected = "B3: Nothing comes after the trailers")]
async fn a_client_lints_bodies() {
    let body = || Script::new().trailers(HeaderMap::new()).data("late");
    Client::in_process(app::answer(move |_| Response::new(body())))
        .get("/")
        .await;
}

#[test]
#[should_panic(expected = "not a request target")]
fn a_wrong_target_is_said_to_be_one() {
    let client = Client::new(app::fails("broken"));
    drop(client.request(Method::GET, "a b"));
}

#[tokio::test]
async fn a_pending_application_counts_what_was_dropped() {
    let (pending, dropped) = app::pending();
    let client = Client::in_process(pending);
    let mut call = Box::pin(client.get("/").call());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(call.as_mut().poll(&mut cx).is_pending());
    assert_eq!(dropped.count(), 0);
    drop(call);
    assert_eq!(dropped.count(), 1);
}

#[test]
fn a_script_claims_what_it_is_told() {
    let body = Script::new()
        .claims_length(SizeHint::with_exact(3))
        .claims_end();
    assert_eq!(body.size_hint().exact(), Some(3));
    assert!(body.is_end_stream());
}

#[tokio::test]
async fn what_contradicts_itself_is_answered_as_a_gateway_answers_it() {
    let answer = |status: u16, name: &'static str, value: &'static str| {
        Client::without_lint(app::answer(move |_| {
            let res = Response::builder().status(status).header(name, value);
            res.body(Body::from("hello")).unwrap()
        }))
    };
    for wrong in ["9", "five"] {
        let client = answer(200, "content-length", wrong);
        let res = client.get("/").await;
        res.assert_status(500).assert_body("");
        res.assert_header("content-length", "0");
    }
    let res = answer(103, "link", "<a>").get("/").await;
    res.assert_status(500);
    let res = answer(200, "transfer-encoding", "gzip").get("/").await;
    res.assert_status(200).assert_body("hello");
    res.assert_no_header("transfer-encoding");
    let res = answer(205, "x", "y").get("/").await;
    res.assert_header("content-length", "0").assert_body("");
    let wrong = answer(200, "content-length", "9").get("/").extension(());
    let why = "its Content-Length is not the length of its body";
    assert_eq!(wrong.await.failure(), Some(why));
}

#[tokio::test]
async fn a_stream_is_held_to_the_length_told_for_it() {
    for (length, arrives) in [(3, ""), (5, "hello"), (9, "hello")] {
        let client = Client::without_lint(app::answer(move |_| {
            let res = Response::builder().header("content-length", length);
            res.body(Script::new().data("hello")).unwrap()
        }));
        // Over a socket the head may be lost with the body.
        let res = client.get("/").extension(()).await;
        assert_eq!(res.error().is_none(), length == 5, "{res:?}");
        assert_eq!(res.text(), arrives);
    }
}

#[tokio::test]
async fn what_a_gateway_refuses_does_not_come_to_the_application() {
    let client = Client::without_lint(app::panics_when_called("asked"));
    let res = client.get("/").header("host", "a b").await;
    res.assert_status(400).assert_header("connection", "close");
    let two = client.get("/").header("host", "a").header("host", "a");
    two.await.assert_status(400);
    client.get("*").await.assert_status(400);
    let http2 = client.get("http://a/").version(Version::HTTP_2);
    let res = http2.header("host", "b").await;
    res.assert_status(400).assert_no_header("connection");
}

#[tokio::test]
async fn the_body_of_a_request_is_a_stream_unless_there_is_none() {
    let client = Client::new(app::answer(|req: Request<Body>| {
        let body = req.into_body();
        let length = body.size_hint().exact();
        let ended = body.is_end_stream();
        let whole = body.try_into_bytes().is_ok();
        let said = format!("{length:?} ended {ended} whole {whole}");
        Response::new(Body::from(said))
    }));
    let res = client.post("/").body("abc").await;
    res.assert_body("Some(3) ended false whole false");
    for none in [client.get("/"), client.post("/"), client.post("/").body("")] {
        let res = none.await;
        res.assert_body("Some(0) ended true whole true");
    }
}

/// What `test` says when it panics.
async fn panic_of(test: impl Future<Output = ()> + Send + 'static) -> String {
    let panic = tokio::spawn(test).await.unwrap_err().into_panic();
    *panic.downcast::<String>().unwrap()
}

#[tokio::test]
async fn what_the_lint_finds_names_the_line_of_the_request() {
    let wrong = Client::new(app::answer(|_| {
        let res = Response::builder().status(401).body(Body::empty());
        res.unwrap()
    }));
    let line = line!() + 1;
    let req = wrong.get("/").header("x", "y");
    let said = panic_of(async { drop(req.await) }).await;
    let here = format!("the request was made at {}:{line}:", file!());
    assert!(said.contains(&here), "{said}");
}

#[tokio::test]
async fn a_wrong_answer_is_shown_in_short_and_as_text() {
    let client = Client::new(app::answer(|_| {
        let res = Response::builder().header("x", "y".repeat(1000));
        res.body(Body::from("it's né")).unwrap()
    }));
    let said = panic_of(async move {
        client.get("/").await.assert_body("it's not");
    });
    let said = said.await;
    let first = "the body is\n\"it's né\"\nand not\n\"it's not\"\nin Received";
    assert!(said.starts_with(first), "{said}");
    assert!(said.contains("and so on, 1000 bytes"), "{said}");
    assert!(said.len() < 500, "{said}");
}
