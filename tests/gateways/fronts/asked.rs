//! What is asked, and how it should be answered.

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::real::Front;
use crate::conformance::DROPPED;

type Checked<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + 'a>>;

/// What is asked, by name.
pub(super) const ASKED: &[(&str, fn(&Front) -> Checked<'_>)] = &[
    ("a target as it was sent", |front| {
        Box::pin(target(front, "/a%20b/c;d?x=1&y=%2F"))
    }),
    ("a target that is not ASCII", |front| {
        Box::pin(target(front, "/caf%C3%A9/%e9?%e9"))
    }),
    ("an encoded slash", |front| {
        Box::pin(target(front, "/a%2Fb"))
    }),
    ("double slashes", |front| Box::pin(target(front, "/a//b"))),
    ("dot segments", |front| {
        Box::pin(target(front, "/a/./b/../c"))
    }),
    ("a question mark alone", |front| {
        Box::pin(target(front, "/a?"))
    }),
    ("who the client is", |front| Box::pin(client(front))),
    ("the host and its port", |front| Box::pin(host(front))),
    ("fields", |front| Box::pin(fields(front))),
    ("lines of one field", |front| Box::pin(lines(front))),
    ("names with underscores", |front| {
        Box::pin(underscores(front))
    }),
    ("httpoxy", |front| Box::pin(httpoxy(front))),
    ("authorization", |front| Box::pin(authorization(front))),
    ("a body", |front| Box::pin(body(front, 5))),
    ("a large body", |front| Box::pin(body(front, 1_000_000))),
    ("a chunked body", |front| Box::pin(chunked(front))),
    ("a method that is not known", |front| {
        Box::pin(method(front))
    }),
    ("HEAD", |front| Box::pin(head(front))),
    ("a status that is not known to all", |front| {
        Box::pin(status(front, "teapot", 418))
    }),
    ("no content", |front| Box::pin(status(front, "none", 204))),
    ("two cookies", |front| Box::pin(cookies(front))),
    ("a redirect", |front| Box::pin(redirect(front))),
    ("a location that means nothing", |front| {
        Box::pin(located(front))
    }),
    ("a large answer", |front| Box::pin(large(front))),
    ("an answer that breaks off", |front| Box::pin(broken(front))),
    ("the first bytes at once", |front| Box::pin(first(front))),
    ("the end of who waits", |front| Box::pin(given_up(front))),
];

async fn send<B>(front: &Front, req: Request<B>) -> Result<Response<Incoming>, String>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    let stream = TcpStream::connect(front.address).await.unwrap();
    let (mut client, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let answer = tokio::time::timeout(Duration::from_secs(20), client.send_request(req));
    let answer = answer.await.map_err(|_| "no answer".to_owned())?;
    answer.map_err(|error| error.to_string())
}

/// A request to the application.
fn to(front: &Front, target: &str) -> http::request::Builder {
    let target = format!("{}{target}", front.prefix);
    Request::get(target).header("host", "a.test:81")
}

/// Status, fields and text of the answer to a request without a body.
async fn get(
    front: &Front,
    req: http::request::Builder,
) -> Result<(StatusCode, HeaderMap, String), String> {
    let res = send(front, req.body(Empty::new()).unwrap()).await?;
    whole(res).await
}

async fn whole(res: Response<Incoming>) -> Result<(StatusCode, HeaderMap, String), String> {
    let (head, body) = res.into_parts();
    let body = body.collect().await.map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    Ok((head.status, head.headers, text))
}

/// What the application says of a part of the request.
fn said<'a>(text: &'a str, part: &str) -> Vec<&'a str> {
    let lines = text.lines();
    lines
        .filter_map(|line| line.strip_prefix(part)?.strip_prefix(' '))
        .collect()
}

fn same<T: PartialEq + std::fmt::Debug>(is: T, should: T) -> Result<(), String> {
    if is == should {
        Ok(())
    } else {
        Err(format!("{is:?}, not {should:?}"))
    }
}

async fn target(front: &Front, target: &str) -> Result<(), String> {
    let (status, _, text) = get(front, to(front, target)).await?;
    same(status.as_u16(), 200)?;
    let whole = [said(&text, "mount"), said(&text, "target")]
        .concat()
        .concat();
    same(whole, format!("{}{target}", front.prefix))
}

async fn client(front: &Front) -> Result<(), String> {
    let (_, _, text) = get(front, to(front, "/x")).await?;
    same(said(&text, "client"), vec!["127.0.0.1"])?;
    same(said(&text, "scheme"), vec!["http"])
}

async fn host(front: &Front) -> Result<(), String> {
    let (_, _, text) = get(front, to(front, "/x")).await?;
    same(said(&text, "host:"), vec!["a.test:81"])
}

async fn fields(front: &Front) -> Result<(), String> {
    let req = to(front, "/x")
        .header("x-tier", "gate")
        .header("x-empty", "");
    let (_, _, text) = get(front, req).await?;
    same(said(&text, "x-tier:"), vec!["gate"])?;
    same(said(&text, "x-empty:"), vec![""])
}

async fn lines(front: &Front) -> Result<(), String> {
    let req = to(front, "/x")
        .header("accept", "a/b")
        .header("cookie", "a=1")
        .header("accept", "c/d")
        .header("cookie", "b=2");
    let (_, _, text) = get(front, req).await?;
    same(said(&text, "accept:").join(", "), "a/b, c/d".to_owned())?;
    same(said(&text, "cookie:").join("; "), "a=1; b=2".to_owned())
}

async fn underscores(front: &Front) -> Result<(), String> {
    let req = to(front, "/x")
        .header("x_user", "evil")
        .header("x-user", "good");
    let (_, _, text) = get(front, req).await?;
    same(said(&text, "x-user:"), vec!["good"])
}

async fn httpoxy(front: &Front) -> Result<(), String> {
    let (_, _, text) = get(front, to(front, "/x").header("proxy", "http://evil/")).await?;
    same(said(&text, "proxy:"), vec![])
}

async fn authorization(front: &Front) -> Result<(), String> {
    let (_, _, text) = get(front, to(front, "/x").header("authorization", "Basic eDp5")).await?;
    same(said(&text, "authorization:"), vec!["Basic eDp5"])
}

async fn body(front: &Front, length: usize) -> Result<(), String> {
    let req = to(front, "/x")
        .method("PUT")
        .body(Full::from(vec![1; length]));
    let (status, _, text) = whole(send(front, req.unwrap()).await?).await?;
    same(status.as_u16(), 200)?;
    same(said(&text, "body"), vec![&*format!("{length} {length}")])
}

async fn chunked(front: &Front) -> Result<(), String> {
    let pieces =
        ["some", "more"].map(|piece| Ok::<_, std::io::Error>(Frame::data(Bytes::from(piece))));
    let body = StreamBody::new(futures_util::stream::iter(pieces));
    let req = to(front, "/x").method("PUT").body(body).unwrap();
    let (status, _, text) = whole(send(front, req).await?).await?;
    same(status.as_u16(), 200)?;
    same(said(&text, "body"), vec!["8 871"])
}

async fn method(front: &Front) -> Result<(), String> {
    let (status, _, text) = get(front, to(front, "/x").method("BREW")).await?;
    same(status.as_u16(), 200)?;
    same(said(&text, "method"), vec!["BREW"])
}

async fn head(front: &Front) -> Result<(), String> {
    let (status, headers, text) = get(front, to(front, "/large").method("HEAD")).await?;
    same(status.as_u16(), 200)?;
    same(&*text, "")?;
    let length = headers
        .get("content-length")
        .map(|length| length.to_str().unwrap());
    same(length, Some("1000000"))
}

async fn status(front: &Front, what: &str, expected: u16) -> Result<(), String> {
    let (status, _, text) = get(front, to(front, &format!("/{what}"))).await?;
    same(status.as_u16(), expected)?;
    same(&*text, "")
}

async fn cookies(front: &Front) -> Result<(), String> {
    let (_, headers, _) = get(front, to(front, "/cookies")).await?;
    let cookies: Vec<_> = headers.get_all("set-cookie").iter().collect();
    same(
        cookies,
        ["a=1", "b=2"]
            .map(http::HeaderValue::from_static)
            .iter()
            .collect(),
    )
}

async fn redirect(front: &Front) -> Result<(), String> {
    let (status, headers, text) = get(front, to(front, "/redirect")).await?;
    same(status.as_u16(), 302)?;
    same(
        headers.get("location").map(|to| to.to_str().unwrap()),
        Some("/echo"),
    )?;
    same(text.contains("target"), false)
}

async fn located(front: &Front) -> Result<(), String> {
    let (status, _, text) = get(front, to(front, "/located")).await?;
    same(status.as_u16(), 200)?;
    same(&*text, "here")
}

async fn large(front: &Front) -> Result<(), String> {
    let (_, _, text) = get(front, to(front, "/large")).await?;
    same(text.len(), 1_000_000)
}

async fn broken(front: &Front) -> Result<(), String> {
    // Some wait with the head for more than that, and answer for the application.
    match get(front, to(front, "/broken")).await {
        Err(_) => Ok(()),
        Ok((status, ..)) if status.is_server_error() => Ok(()),
        Ok((status, _, text)) => Err(format!("looks complete: {status} {text:?}")),
    }
}

/// An answer without an end, of which the first bytes have come.
async fn begun(front: &Front) -> Result<Incoming, String> {
    let res = send(front, to(front, "/endless").body(Empty::new()).unwrap()).await?;
    let mut body = res.into_body();
    let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx));
    let frame = tokio::time::timeout(Duration::from_secs(10), frame).await;
    let frame = frame.map_err(|_| "no first bytes".to_owned())?;
    let frame = frame.ok_or("ended")?.map_err(|error| error.to_string())?;
    same(frame.into_data().unwrap(), Bytes::from("first"))?;
    Ok(body)
}

async fn first(front: &Front) -> Result<(), String> {
    begun(front).await.map(drop)
}

async fn given_up(front: &Front) -> Result<(), String> {
    if front.cgi {
        // A process of its own, which hears of it when it writes.
        return Ok(());
    }
    let body = begun(front).await?;
    let before = DROPPED.load(Ordering::SeqCst);
    drop(body);
    for _ in 0..200 {
        if DROPPED.load(Ordering::SeqCst) > before {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err("the application was not dropped".to_owned())
}
