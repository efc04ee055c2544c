//! R: what an application is asked.

use std::convert::Infallible;

use gopuram::Body;
use http::{Request, Response};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt as _;
use tower::util::{BoxCloneService, service_fn};

use crate::support::{
    App, Count, GET, answers, ask, connect, counts, exchange, http2_of, read_until, rest, text,
};

/// Says what it was asked.
fn asked() -> App {
    answers(|req| {
        let text = format!("{} {} {:?}", req.method(), req.uri(), req.version());
        Response::new(text)
    })
}

/// Says what it got of the body.
fn reads() -> App {
    BoxCloneService::new(service_fn(async |req: Request<Body>| {
        let said = match req.into_body().collect().await {
            Ok(whole) => format!("<{}>", String::from_utf8_lossy(&whole.to_bytes())),
            Err(_) => "<broken>".to_owned(),
        };
        Ok(Response::new(Body::from(said)))
    }))
}

#[tokio::test(start_paused = true)]
async fn r1_method_target_and_version_are_those_received() {
    for line in [
        "get /a HTTP/1.1",
        "GET //a/./../b//%2e%2E/%41%2f%c3?q=%20&&a+b;c? HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "BREW /caf%C3%A9/ HTTP/1.0",
        "GET http://b:81/../x HTTP/1.1",
    ] {
        let head = format!("{line}\r\nHost: b:81\r\nConnection: close\r\n\r\n");
        let answer = exchange(asked(), head).await;
        assert!(answer.ends_with(&format!("\r\n\r\n{line}")), "{answer}");
    }
    let mut client = http2_of(asked()).await;
    let target = "http://a:81//a/./../b//%2e%2E/%41%2f?q=%20";
    let res = client.send_request(ask(target)).await.unwrap();
    let said = text(res).await.unwrap();
    assert_eq!(said, format!("GET {target} HTTP/2.0"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn r1_no_path_is_rewritten(path in "/([a-zA-Z0-9./~;=@:!$&'()*+,_-]|%[0-9a-fA-F]{2}){0,40}") {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answer = runtime.block_on(exchange(asked(), head));
        let expected = format!("\r\n\r\nGET {path} HTTP/1.1");
        prop_assert!(answer.ends_with(&expected), "{}", answer);
    }
}

#[tokio::test(start_paused = true)]
async fn r2_nothing_behind_a_malformed_head_is_dispatched() {
    for head in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        let count = Count::default();
        let bytes = [head.as_bytes(), GET].concat();
        let answer = exchange(counts(&count), bytes).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{head:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{head:?}: {answer}");
        assert_eq!(count.get(), 0, "{head:?}");
    }
    let coded = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n";
    let count = Count::default();
    let answer = exchange(counts(&count), [coded.as_bytes(), GET].concat()).await;
    assert!(answer.starts_with("HTTP/1.1 501 "), "{answer}");
    assert_eq!(count.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn r2_a_malformed_stream_ends_and_the_others_go_on() {
    let count = Count::default();
    let mut client = http2_of(counts(&count)).await;
    let contradicts = Request::get("http://a/")
        .header("host", "b")
        .body(Body::empty());
    let res = client.send_request(contradicts.unwrap()).await.unwrap();
    assert_eq!((res.status().as_u16(), count.get()), (400, 0));
    let res = client.send_request(ask("http://a/")).await.unwrap();
    assert_eq!((res.status().as_u16(), count.get()), (200, 1));
}

#[tokio::test(start_paused = true)]
async fn r3_the_authority_of_the_target_replaces_the_host() {
    let app = answers(|req| {
        let hosts: Vec<_> = req.headers().get_all("host").iter().collect();
        Response::new(format!("{hosts:?}"))
    });
    let head = "GET http://b:81/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = exchange(app, head).await;
    assert!(answer.ends_with("[\"b:81\"]"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn r4_the_body_ends_where_its_framing_says() {
    let bytes = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none\
                 POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ntw\r\n1\r\no\r\n0\r\n\r\n\
                 GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let answers = exchange(reads(), bytes).await;
    let said: Vec<_> = answers.split(['<', '>']).skip(1).step_by(2).collect();
    assert_eq!(said, ["one", "two", ""], "{answers}");
}

#[tokio::test(start_paused = true)]
async fn r4_a_body_cut_short_is_an_error_and_never_an_end() {
    for head in [
        "Content-Length: 5\r\n\r\nhi",
        "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhi",
        "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n",
    ] {
        let (said, answer) = tokio::sync::oneshot::channel();
        let said = std::sync::Arc::new(std::sync::Mutex::new(Some(said)));
        let app = service_fn(move |req: Request<Body>| {
            let said = said.lock().unwrap().take().unwrap();
            async move {
                let end = req.into_body().collect().await.map(drop);
                said.send(end.is_err()).unwrap();
                Ok::<_, Infallible>(Response::new(Body::empty()))
            }
        });
        let mut client = connect(app);
        let bytes = format!("POST / HTTP/1.1\r\nHost: a\r\n{head}");
        client.write_all(bytes.as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        // That the future is dropped before it hears of it is as good.
        assert!(answer.await.unwrap_or(true), "{head:?} ended");
    }
}

#[tokio::test(start_paused = true)]
async fn r4_a_stream_that_is_reset_is_an_error() {
    let (said, mut hear) = tokio::sync::mpsc::unbounded_channel();
    let app = service_fn(move |req: Request<Body>| {
        let said = said.clone();
        async move {
            // In a task of its own, which the reset does not drop.
            tokio::spawn(async move {
                let end = req.into_body().collect().await.map(drop);
                said.send(end.is_err()).unwrap();
            });
            std::future::pending::<Result<Response<Body>, Infallible>>().await
        }
    });
    let mut client = http2_of(app).await;
    let (sender, channel) = gopuram::testing::body::channel();
    let req = Request::post("http://a/").body(Body::new(channel)).unwrap();
    let res = tokio::spawn(client.send_request(req));
    sender.data("half");
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    sender.error("gone");
    assert!(hear.recv().await.unwrap(), "a reset was taken for an end");
    assert!(res.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn r5_a_request_without_a_body_has_one_that_has_ended() {
    let app = answers(|req| {
        let body = req.body();
        let length = body.size_hint().exact();
        Response::new(format!("{} {length:?}", body.is_end_stream()))
    });
    for head in [
        "GET / HTTP/1.1\r\nHost: a\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n",
    ] {
        let bytes = format!("{head}Connection: close\r\n\r\n");
        let answer = exchange(app.clone(), bytes).await;
        assert!(answer.ends_with("\r\n\r\ntrue Some(0)"), "{answer}");
    }
    let bytes = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
    let answer = exchange(app.clone(), bytes).await;
    assert!(answer.ends_with("\r\n\r\nfalse Some(2)"), "{answer}");
    let mut client = http2_of(app).await;
    let res = client.send_request(ask("http://a/")).await.unwrap();
    assert_eq!(text(res).await.unwrap(), "true Some(0)");
}

#[tokio::test(start_paused = true)]
async fn r6_what_is_left_of_a_body_is_no_request() {
    let inner = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let padding = "x".repeat(300_000);
    for body in [inner.to_owned(), format!("{padding}{inner}")] {
        let length = format!("Content-Length: {}\r\n\r\n{body}", body.len());
        let chunked = format!(
            "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
            body.len()
        );
        for framed in [length, chunked] {
            let count = Count::default();
            let mut client = connect(counts(&count));
            let bytes = format!("POST / HTTP/1.1\r\nHost: a\r\n{framed}");
            // The gateway may close before it has read all.
            client.write_all(bytes.as_bytes()).await.ok();
            let answer = rest(&mut client).await;
            assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 1, "{answer}");
            assert_eq!(count.get(), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn r7_continue_is_said_when_the_application_asks_for_the_body() {
    let expects =
        b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    let mut client = connect(reads());
    client.write_all(expects).await.unwrap();
    read_until(&mut client, "HTTP/1.1 100 Continue\r\n\r\n").await;
    client.write_all(b"hi").await.unwrap();
    read_until(&mut client, "<hi>").await;

    // One that answers without it does not ask for it.
    let mut client = connect(counts(&Count::default()));
    client.write_all(expects).await.unwrap();
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn r8_field_lines_stay_in_order_and_cookies_are_one_line() {
    let app = answers(|req| {
        let lines = |name| req.headers().get_all(name).iter().collect::<Vec<_>>();
        Response::new(format!("{:?} {:?}", lines("x"), lines("cookie")))
    });
    let fields = "Host: a\r\nX: 1\r\nCookie: a=b\r\nx: 2,3\r\nConnection: close\r\n";
    let answer = exchange(app.clone(), format!("GET / HTTP/1.1\r\n{fields}\r\n")).await;
    assert!(answer.ends_with(r#"["1", "2,3"] ["a=b"]"#), "{answer}");

    // RFC 9113, section 8.2.3: HTTP/2 may send a line each.
    let mut client = http2_of(app).await;
    let mut req = ask("http://a/");
    for (name, value) in [
        ("x", "1"),
        ("cookie", "a=b"),
        ("x", "2,3"),
        ("cookie", "c=d"),
    ] {
        req.headers_mut().append(name, value.parse().unwrap());
    }
    let res = client.send_request(req).await.unwrap();
    let said = text(res).await.unwrap();
    assert_eq!(said, r#"["1", "2,3"] ["a=b; c=d"]"#);
}
