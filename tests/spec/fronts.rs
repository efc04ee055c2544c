//! F: gateways behind a front server. More of them, by each protocol, is in `tests/gateways`.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use gopuram::Body;
use gopuram::environ::{Mapping, Template};
use gopuram::gateway::Protocol;
use gopuram::middleware::attributes::{Attributes, Connection};
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower::util::{BoxCloneService, service_fn};

use crate::support::{App, Count, answers};

/// A request by SCGI.
fn scgi(method: &str, body: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut text = format!(
        "CONTENT_LENGTH\0{}\0SCGI\x001\0REQUEST_METHOD\0{method}\0",
        body.len()
    );
    for (name, value) in more {
        text.extend([name, "\0", value, "\0"]);
    }
    format!("{}:{text},{body}", text.len()).into_bytes()
}

/// A record of FastCGI.
fn record(kind: u8, id: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    [&[1, kind, 0, id, 0, length, 0, 0], content].concat()
}

/// A request by FastCGI, over a connection that is kept, up to its body.
fn fastcgi(id: u8, target: &str) -> Vec<u8> {
    let mut pairs = Vec::new();
    for (name, value) in [("REQUEST_METHOD", "PUT"), ("REQUEST_URI", target)] {
        pairs.extend([name, value].map(|text| u8::try_from(text.len()).unwrap()));
        pairs.extend([name, value].concat().into_bytes());
    }
    let begin = record(1, id, &[0, 1, 1, 0, 0, 0, 0, 0]);
    [begin, record(4, id, &pairs), record(4, id, b"")].concat()
}

async fn answer(app: App, bytes: &[u8]) -> String {
    let (mut front, io) = tokio::io::duplex(64 * 1024);
    tokio::spawn(gopuram::serve(app).speak(Protocol::Scgi, io));
    front.write_all(bytes).await.unwrap();
    let mut answer = String::new();
    front.read_to_string(&mut answer).await.unwrap();
    answer
}

fn client() -> App {
    answers(|req| {
        let attributes = Attributes::of(&req).unwrap();
        let client = attributes.client().map(|client| client.ip);
        Response::new(format!("{client:?} {:?}", attributes.user()))
    })
}

async fn at(address: &str) -> String {
    let server = gopuram::serve(client())
        .bind(address)
        .listen()
        .await
        .unwrap();
    let address = server.socket().unwrap();
    tokio::spawn(server.run());
    let mut front = TcpStream::connect(address).await.unwrap();
    let said = [
        ("REQUEST_URI", "/"),
        ("REMOTE_ADDR", "192.0.2.1"),
        ("REMOTE_USER", "ann"),
    ];
    // One that is refused may not be able to write.
    front.write_all(&scgi("GET", "", &said)).await.ok();
    let mut answer = String::new();
    front.read_to_string(&mut answer).await.ok();
    answer
}

#[tokio::test]
async fn f1_a_front_server_is_believed_if_it_may_be() {
    assert!(
        at("scgi:127.0.0.1:0")
            .await
            .ends_with("Some(192.0.2.1) None")
    );
    let asked = at("scgi:127.0.0.1:0?remote_user").await;
    assert!(asked.ends_with("Some(192.0.2.1) Some(\"ann\")"), "{asked}");
    assert_eq!(at("scgi:127.0.0.1:0?fronts=192.0.2.0/24").await, "");
}

#[tokio::test]
async fn f2_the_target_is_what_the_client_sent_if_it_means_the_same() {
    let app = || {
        answers(|req| {
            let original = Attributes::of(&req).unwrap().original_uri().cloned();
            Response::new(format!("{} {original:?}", req.uri()))
        })
    };
    for (path, seen) in [
        ("/a/b", "/x/..//a%2Fb?q None"),
        ("/other b", "/other%20b?q Some(/x/..//a%2Fb?q)"),
    ] {
        let said = [
            ("REQUEST_URI", "/x/..//a%2Fb?q"),
            ("PATH_INFO", path),
            ("QUERY_STRING", "q"),
        ];
        let answer = answer(app(), &scgi("GET", "", &said)).await;
        assert!(answer.ends_with(seen), "{answer}");
    }
}

#[test]
fn f3_fields_become_variables_and_come_back() {
    let req = Request::get("/")
        .header("host", "a")
        .header("x-tier", "gate")
        .header("x_tier", "other")
        .header("proxy", "http://evil/");
    let head = req.body(()).unwrap().into_parts().0;
    let template = Template::new(Mapping::default(), &Connection::default());
    let environ = template.environ(&head).unwrap();
    assert_eq!(environ.get("HTTP_X_TIER"), Some(b"gate".as_slice()));
    assert!(environ.get("HTTP_PROXY").is_none() && environ.get("PATH").is_none());
    let back = environ
        .head(&Mapping::default(), &Connection::default())
        .unwrap();
    let fields: Vec<_> = back.headers.iter().collect();
    let [host, tier] = ["a", "gate"].map(http::HeaderValue::from_static);
    let expected = [
        (&http::header::HOST, &host),
        (&"x-tier".parse().unwrap(), &tier),
    ];
    assert_eq!(fields, expected);
}

#[tokio::test]
async fn f3_what_may_be_there_once_is_refused_twice() {
    let count = Count::default();
    let app = {
        let count = count.clone();
        answers(move |_| {
            count.add();
            Response::new("hello")
        })
    };
    for (second, status) in [("a", 200), ("b", 400)] {
        let said = [
            ("REQUEST_URI", "/"),
            ("HTTP_HOST", "a"),
            ("HTTP_HOST", second),
        ];
        let answer = answer(app.clone(), &scgi("GET", "", &said)).await;
        assert!(
            answer.starts_with(&format!("Status: {status} ")),
            "{answer}"
        );
    }
    assert_eq!(count.get(), 1);
}

#[tokio::test]
async fn f4_a_body_is_as_long_as_was_said() {
    let app: App = BoxCloneService::new(service_fn(async |req: Request<Body>| {
        let whole = req.into_body().collect().await;
        let said = whole.map(|whole| String::from_utf8_lossy(&whole.to_bytes()).into_owned());
        Ok::<_, Infallible>(Response::new(Body::from(
            said.unwrap_or("broken".to_owned()),
        )))
    }));
    let mut more = scgi("PUT", "abc", &[("REQUEST_URI", "/")]);
    more.extend(scgi("PUT", "inner", &[("REQUEST_URI", "/")]));
    assert!(answer(app.clone(), &more).await.ends_with("\r\n\r\nabc"));
    let unknown = [("REQUEST_URI", "/"), ("HTTP_TRANSFER_ENCODING", "chunked")];
    let refused = answer(app, &scgi("PUT", "", &unknown)).await;
    assert!(refused.starts_with("Status: 411 "), "{refused}");
}

#[tokio::test]
async fn f5_a_redirect_is_the_clients() {
    for (status, said) in [
        (302, "Status: 302 Found\r\nlocation: /x\r\n"),
        (200, "Status: 200 OK\r\ncontent-length: 0\r\n"),
    ] {
        let app = answers(move |_| {
            let res = Response::builder().status(status).header("location", "/x");
            res.body("").unwrap()
        });
        let answer = answer(app, &scgi("GET", "", &[("REQUEST_URI", "/")])).await;
        assert!(answer.starts_with(said), "{answer}");
    }
}

#[tokio::test]
async fn f6_there_are_no_upgrades_and_no_trailers() {
    let upgrade = answers(|_| Response::builder().status(101).body("").unwrap());
    let said = [("REQUEST_URI", "/")];
    let refused = answer(upgrade, &scgi("GET", "", &said)).await;
    assert!(refused.starts_with("Status: 500 "), "{refused}");
    let trailers = answers(|_| {
        let trailers = Given(vec![Ok(Frame::trailers(HeaderMap::new()))]);
        Response::new(Body::new(trailers))
    });
    let whole = answer(trailers, &scgi("GET", "", &said)).await;
    assert_eq!(whole, "Status: 200 OK\r\n\r\n");
}

/// Gives these, the last one first.
struct Given(Vec<io::Result<Frame<Bytes>>>);

impl http_body::Body for Given {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(self.0.pop())
    }
}

#[tokio::test]
async fn f7_a_response_that_breaks_off_does_not_look_complete() {
    let broken = answers(|_| {
        let pieces = vec![Err(io::Error::other("cut")), Ok(Frame::data("some".into()))];
        Response::new(Body::new(Given(pieces)))
    });
    let server = gopuram::serve(broken.clone()).bind("scgi:127.0.0.1:0");
    let server = server.listen().await.unwrap();
    let address = server.socket().unwrap();
    tokio::spawn(server.run());
    let mut front = TcpStream::connect(address).await.unwrap();
    front
        .write_all(&scgi("GET", "", &[("REQUEST_URI", "/")]))
        .await
        .unwrap();
    let error = front.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);

    let (mut front, io) = tokio::io::duplex(64 * 1024);
    tokio::spawn(gopuram::serve(broken).speak(Protocol::FastCgi, io));
    let bytes = [fastcgi(1, "/"), record(5, 1, b"")].concat();
    front.write_all(&bytes).await.unwrap();
    let mut answer = Vec::new();
    front.read_to_end(&mut answer).await.unwrap();
    // No record ends the request.
    assert!(!answer.windows(4).any(|four| four == [1, 3, 0, 1]));
}

#[tokio::test]
async fn f8_a_request_that_is_given_up_is_dropped_and_others_go_on() {
    let dropped = Count::default();
    let app: App = BoxCloneService::new(service_fn({
        let dropped = dropped.clone();
        move |req: Request<Body>| {
            let end = (req.uri().path() == "/slow").then(|| AtTheEnd(dropped.clone()));
            async move {
                if req.uri().path() == "/slow" {
                    std::future::pending::<()>().await;
                    drop(end);
                }
                Ok::<_, Infallible>(Response::new(Body::from("hello")))
            }
        }
    }));
    let (mut front, io) = tokio::io::duplex(64 * 1024);
    tokio::spawn(gopuram::serve(app).speak(Protocol::FastCgi, io));
    let bytes = [
        fastcgi(1, "/slow"),
        record(5, 1, b""),
        fastcgi(2, "/fast"),
        record(2, 1, b""),
        record(5, 2, b""),
    ];
    front.write_all(&bytes.concat()).await.unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("hello") {
        seen.push(front.read_u8().await.unwrap());
    }
    assert_eq!(dropped.get(), 1);
}

struct AtTheEnd(Count);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        self.0.add();
    }
}
