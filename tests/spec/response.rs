//! S: what is sent of an answer.

use std::convert::Infallible;
use std::time::Duration;

use gopuram::middleware::attributes::{EarlyHints, Protocol};
use gopuram::middleware::{
    BodyLimit, CatchPanic, Compress, Cors, Head, Lint, NormalizePath, RequestId, SecurityHeaders,
    Timeout,
};
use gopuram::testing::body::Script;
use gopuram::{Body, Stack};
use http::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tower::util::service_fn;

use crate::support::{
    App, GET, answers, ask, connect, exchange, http2, http2_of, over, read_until, text,
};

const FIVE: &[(&str, &str)] = &[("content-length", "5")];

const HEAD: &[u8] = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Answers with these fields and this body.
fn with<C: Into<Body> + 'static>(
    fields: &'static [(&'static str, &'static str)],
    body: impl Fn() -> C + Clone + Send + 'static,
) -> App {
    answers(move |_| {
        let mut res = Response::builder();
        for (name, value) in fields {
            res = res.header(*name, *value);
        }
        res.body(body()).unwrap()
    })
}

fn stream() -> Body {
    Body::new(Script::new().data("he").pause().data("llo"))
}

#[tokio::test(start_paused = true)]
async fn s1_an_answer_is_framed_by_its_length_or_in_chunks() {
    let known = exchange(with(&[], || "hello"), GET).await;
    assert_eq!(known, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
    let unknown = exchange(with(&[], stream), GET).await;
    let chunks = "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
    let expected = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}");
    assert_eq!(unknown, expected);
    // A client of HTTP/1.0 knows no chunks: the end of the connection is the end.
    let old = exchange(with(&[], stream), "GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(old, "HTTP/1.0 200 OK\r\n\r\nhello");
}

#[tokio::test(start_paused = true)]
async fn s1_the_fields_of_the_connection_are_the_gateways() {
    const FIELDS: &[(&str, &str)] = &[("transfer-encoding", "gzip"), ("keep-alive", "x")];
    for (body, framed) in [
        ((|| Body::from("hello")) as fn() -> Body, "\r\n\r\nhello"),
        (stream, "\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
    ] {
        let mut client = connect(with(FIELDS, body));
        for _ in 0..2 {
            client.write_all(GET).await.unwrap();
            let answer = read_until(&mut client, framed).await;
            assert!(!answer.contains("gzip"), "{answer}");
        }
        let mut client = http2_of(with(FIELDS, body)).await;
        let res = client.send_request(ask("http://a/")).await.unwrap();
        assert!(!res.headers().contains_key("transfer-encoding"));
        assert!(!res.headers().contains_key("keep-alive"));
        assert_eq!(text(res).await.unwrap(), "hello");
    }
}

#[tokio::test(start_paused = true)]
async fn s1_an_answer_is_dated() {
    let dated = |app| async move {
        let mut client = http2_of(app).await;
        let res = client.send_request(ask("http://a/")).await.unwrap();
        res.headers()["date"].to_str().unwrap().to_owned()
    };
    let now = dated(with(&[], || "hello")).await;
    assert!(now.ends_with(" GMT"), "{now}");
    let own = "Sun, 06 Nov 1994 08:49:37 GMT";
    assert_eq!(
        dated(with(&[("date", "Sun, 06 Nov 1994 08:49:37 GMT")], || "")).await,
        own
    );
}

#[tokio::test(start_paused = true)]
async fn s2_what_has_no_content_goes_out_without() {
    fn status(code: u16, body: fn() -> Body) -> App {
        answers(move |_| Response::builder().status(code).body(body()).unwrap())
    }
    for body in [(|| Body::from("hello")) as fn() -> Body, stream] {
        for (app, ask) in [
            (status(200, body), HEAD),
            (status(404, body), HEAD),
            (status(204, body), GET),
            (status(205, body), GET),
            (status(304, body), GET),
        ] {
            let mut client = connect(app.clone());
            for _ in 0..2 {
                // The second is answered on the same connection: nothing was in between.
                client.write_all(ask).await.unwrap();
                let answer = read_until(&mut client, "\r\n\r\n").await;
                assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
            }
            let mut client = http2_of(app).await;
            let mut req = crate::support::ask("http://a/");
            if ask == HEAD {
                *req.method_mut() = http::Method::HEAD;
            }
            let res = client.send_request(req).await.unwrap();
            let content = text(res).await;
            assert_eq!(content.unwrap(), "");
        }
    }
    // The length of what GET would have answered stays.
    let answer = exchange(with(&[("content-length", "9")], Body::empty), HEAD).await;
    assert!(answer.contains("content-length: 9\r\n"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn s3_an_answer_that_breaks_off_does_not_look_complete() {
    let broken = || Body::new(Script::new().data("half").pause().error("cut"));
    let chunked = exchange(with(&[], broken), [GET, GET].concat()).await;
    assert!(!chunked.contains("\r\n0\r\n"), "{chunked}");
    assert!(chunked.matches("HTTP/1.1 ").count() <= 1, "{chunked}");
    let length = exchange(
        with(&[("content-length", "8")], broken),
        [GET, GET].concat(),
    )
    .await;
    assert!(
        length.ends_with("\r\n\r\nhalf") || length.is_empty(),
        "{length}"
    );
    for app in [with(&[], broken), with(&[("content-length", "8")], broken)] {
        let mut client = http2_of(app).await;
        let res = client.send_request(ask("http://a/")).await.unwrap();
        let error = text(res).await.unwrap_err();
        assert!(format!("{error:?}").contains("Reset"), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn s4_an_upgrade_passes_through_layers() {
    let app = service_fn(async |req: Request<Body>| {
        tokio::spawn(async {
            let mut io = TokioIo::new(hyper::upgrade::on(req).await.unwrap());
            let mut heard = [0; 5];
            io.read_exact(&mut heard).await.unwrap();
            heard.make_ascii_uppercase();
            io.write_all(&heard).await.unwrap();
        });
        let res = Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header("connection", "upgrade")
            .header("upgrade", "shout");
        Ok::<_, Infallible>(res.body(Body::empty()).unwrap())
    });
    let app = Stack::new()
        .with(RequestId::default())
        .with(SecurityHeaders::default())
        .with(Cors::any_origin())
        .with(CatchPanic::default())
        .with(Timeout::head(Duration::from_secs(30)))
        .with(BodyLimit::new(10))
        .with(NormalizePath::merge())
        .with(Head::default())
        .with(Compress::default())
        .with(Lint::fail())
        .app(app);
    let mut client = connect(app);
    let asks = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: shout\r\n\r\n";
    client.write_all(asks).await.unwrap();
    let answer = read_until(&mut client, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    client.write_all(b"hello").await.unwrap();
    read_until(&mut client, "HELLO").await;
}

#[tokio::test(start_paused = true)]
async fn s4_an_extended_connect_passes_through_layers() {
    let app = service_fn(async |req: Request<Body>| {
        let protocol = Protocol::of(&req).map(ToString::to_string);
        assert_eq!(protocol.as_deref(), Some("websocket"));
        assert_eq!(req.uri(), "http://a/chat");
        tokio::spawn(async {
            let mut io = TokioIo::new(hyper::upgrade::on(req).await.unwrap());
            io.write_all(b"HELLO").await.unwrap();
        });
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    let app = Stack::new()
        .with(SecurityHeaders::default())
        .with(BodyLimit::new(10))
        .with(Head::default())
        .with(Compress::default())
        .with(Lint::fail())
        .app(app);
    let limits = gopuram::gateway::Limits::default().extended_connect();
    let mut client = http2(over(gopuram::serve(app).limits(limits))).await;
    client.ready().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut req = Request::connect("http://a/chat")
        .body(Body::empty())
        .unwrap();
    let protocol = hyper::ext::Protocol::from_static("websocket");
    req.extensions_mut().insert(protocol);
    let res = client.send_request(req).await.unwrap();
    assert_eq!(res.status(), 200);
    let mut io = TokioIo::new(hyper::upgrade::on(res).await.unwrap());
    read_until(&mut io, "HELLO").await;
}

#[tokio::test(start_paused = true)]
async fn s5_early_hints_go_out_before_the_answer_or_not_at_all() {
    let app = answers(|req| {
        let link = http::HeaderValue::from_static("</a>");
        let hints = http::HeaderMap::from_iter([(http::header::LINK, link)]);
        let sent = EarlyHints::of(&req).send(&hints);
        Response::new(format!("{}.", sent.is_ok()))
    });
    let mut client = connect(app.clone());
    client.write_all(GET).await.unwrap();
    let answer = read_until(&mut client, "true.").await;
    let hint = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n";
    assert!(answer.starts_with(hint), "{answer}");
    let mut client = http2_of(app).await;
    let res = client.send_request(ask("http://a/")).await.unwrap();
    assert_eq!(text(res).await.unwrap(), "false.");
}

#[tokio::test(start_paused = true)]
async fn s5_an_interim_status_is_no_answer() {
    for status in [100, 102, 103] {
        let app = answers(move |_| Response::builder().status(status).body("").unwrap());
        let mut client = connect(app.clone());
        client.write_all(GET).await.unwrap();
        let answer = read_until(&mut client, "\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
        let mut client = http2_of(app).await;
        let res = client.send_request(ask("http://a/")).await.unwrap();
        assert_eq!(res.status(), 500);
    }
    let upgrades = answers(|_| Response::builder().status(101).body("").unwrap());
    let mut client = http2_of(upgrades).await;
    let res = client.send_request(ask("http://a/")).await.unwrap();
    assert_eq!(res.status(), 500, "HTTP/2 has no upgrades");
}

#[tokio::test(start_paused = true)]
async fn s6_a_length_that_contradicts_the_body_is_not_sent() {
    const TWICE: &[(&str, &str)] = &[("content-length", "5"), ("content-length", "5")];
    const LIST: &[(&str, &str)] = &[("content-length", "5, 5")];
    for (fields, text) in [
        (FIVE, "more than that"),
        (FIVE, "less"),
        (FIVE, ""),
        (TWICE, "hello"),
        (LIST, "hello"),
    ] {
        let mut client = connect(with(fields, move || text));
        for _ in 0..2 {
            client.write_all(GET).await.unwrap();
            let answer = read_until(&mut client, "\r\n\r\n").await;
            let status = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";
            assert_eq!(answer, status, "{fields:?} {text:?}");
        }
        let mut client = http2_of(with(fields, move || text)).await;
        let res = client.send_request(ask("http://a/")).await.unwrap();
        assert_eq!(res.status(), 500, "{fields:?} {text:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn s6_a_stream_gives_as_many_bytes_as_it_said_or_is_cut() {
    let parts = |parts: &'static [&'static str]| {
        move || {
            let script = Script::new();
            Body::new(parts.iter().fold(script, |s, part| s.data(*part).pause()))
        }
    };
    let right = exchange(with(FIVE, parts(&["he", "llo"])), GET).await;
    assert_eq!(right, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
    let wrong: [&'static [&'static str]; 4] =
        [&["he"], &["hello", "!"], &["hello!"], &["he", "llo!"]];
    for wrong in wrong {
        let answer = exchange(with(FIVE, parts(wrong)), [GET, GET].concat()).await;
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        // Once all is sent, nobody asks whether there is more.
        let is_sent = wrong == ["hello", "!"] && body.starts_with("helloHTTP/1.1 200 ");
        assert!("hello".starts_with(body) || is_sent, "{answer}");
        let mut client = http2_of(with(FIVE, parts(wrong))).await;
        // Reset at once, or after what came first.
        if let Ok(res) = client.send_request(ask("http://a/")).await {
            assert!(text(res).await.is_err(), "{wrong:?}");
        }
    }
}
