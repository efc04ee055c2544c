//! The application behind the fronts: what it is asked for is the first segment of the path.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::stream;
use gopuram::middleware::attributes::{Attributes, Connection};
use gopuram::{Application, Body};
use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, LOCATION, SET_COOKIE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower::util::service_fn;

/// Where an application meets the test: the address of a listener of its.
pub(crate) const CONTROL: HeaderName = HeaderName::from_static("x-control");

/// What is asked for by name.
pub(crate) fn app() -> impl Application {
    service_fn(answer)
}

async fn answer(req: Request<Body>) -> Result<Response<Body>, Infallible> {
    let path = req.uri().path();
    let mut segments = path.trim_start_matches('/').split('/');
    let word = segments.next().unwrap_or_default().to_owned();
    let next = segments.next().unwrap_or_default().to_owned();
    Ok(match &*word {
        "bytes" => Response::new(Body::from((0..=255).collect::<Vec<u8>>())),
        "cookies" => {
            let mut res = Response::new(Body::from("two"));
            res.headers_mut()
                .append(SET_COOKIE, HeaderValue::from_static("a=1; Path=/"));
            res.headers_mut()
                .append(SET_COOKIE, HeaderValue::from_static("b=2"));
            res
        }
        "fails" => fails(&next),
        "found" => with(StatusCode::FOUND, LOCATION, "/echo/there"),
        "located" => {
            let mut res = with(StatusCode::OK, LOCATION, "/echo/there");
            *res.body_mut() = Body::from("here");
            res
        }
        "late" => late(&req).await,
        "large" => Response::new(Body::from(vec![b'x'; 1 << 20])),
        "latin" => with(
            StatusCode::OK,
            HeaderName::from_static("x-latin"),
            b"caf\xe9",
        ),
        "status" => {
            let mut res = Response::new(Body::empty());
            *res.status_mut() = next.parse().unwrap_or(StatusCode::IM_A_TEAPOT);
            res
        }
        "streams" => streams(&req).await,
        "upload" => upload(req).await,
        _ => echo(req).await,
    })
}

fn with(status: StatusCode, name: HeaderName, value: impl AsRef<[u8]>) -> Response<Body> {
    let mut res = Response::new(Body::empty());
    *res.status_mut() = status;
    if let Ok(value) = HeaderValue::from_bytes(value.as_ref()) {
        res.headers_mut().insert(name, value);
    }
    res
}

/// All that is known of the request, a line each.
async fn echo(req: Request<Body>) -> Response<Body> {
    let (head, body) = req.into_parts();
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        writeln!(text, "{name}: {value}").ok();
    };
    line("method", head.method.as_str());
    line("path", head.uri.path());
    line("query", head.uri.query().unwrap_or("-"));
    if let Some(attributes) = Attributes::of_head(&head) {
        line("mount", attributes.mount().prefix());
        line("scheme", attributes.scheme().as_str());
        let ip = attributes.client().map(|client| client.ip.to_string());
        line("client", &ip.unwrap_or_default());
        let port = attributes.connection().and_then(Connection::local_port);
        line(
            "port",
            &port.map(|port| port.to_string()).unwrap_or_default(),
        );
    }
    for name in [
        HOST,
        CONTENT_TYPE,
        CONTENT_LENGTH,
        COOKIE,
        AUTHORIZATION,
        HeaderName::from_static("x-test"),
        HeaderName::from_static("proxy"),
        HeaderName::from_static("x_test"),
    ] {
        line(name.as_str(), &values(&head.headers, &name));
    }
    match body.collect().await {
        Ok(whole) => line("body", &whole.to_bytes().escape_ascii().to_string()),
        Err(_) => line("body", "broken"),
    }
    let mut res = Response::new(Body::from(text));
    res.headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    res
}

fn values(fields: &HeaderMap, name: &HeaderName) -> String {
    let values = fields.get_all(name).iter();
    let shown: Vec<_> = values
        .map(|value| value.as_bytes().escape_ascii().to_string())
        .collect();
    if shown.is_empty() {
        "-".to_owned()
    } else {
        // To say it in several lines or in one is the same (RFC 9110, section 5.3; RFC 9113, section 8.2.3).
        shown.join(if *name == COOKIE { "; " } else { ", " })
    }
}

/// A line to the test, which answers.
async fn control(headers: &HeaderMap) -> Option<TcpStream> {
    let address: SocketAddr = headers.get(CONTROL)?.to_str().ok()?.parse().ok()?;
    TcpStream::connect(address).await.ok()
}

/// Sends what the test sends, at once.
async fn streams(req: &Request<Body>) -> Response<Body> {
    let Some(line) = control(req.headers()).await else {
        return with(StatusCode::BAD_REQUEST, CONTENT_TYPE, "text/plain");
    };
    let frames = stream::unfold(line, async |mut line| {
        let mut piece = [0; 64];
        let read = line.read(&mut piece).await.ok()?;
        let piece = piece.get(..read).filter(|piece| !piece.is_empty())?;
        let frame = Frame::data(Bytes::copy_from_slice(piece));
        Some((Ok::<_, Infallible>(frame), line))
    });
    let mut res = Response::new(Body::new(StreamBody::new(Box::pin(frames))));
    res.headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    res
}

/// Never answers; the test sees when it is given up.
async fn late(req: &Request<Body>) -> Response<Body> {
    let line = control(req.headers()).await;
    std::future::pending::<()>().await;
    drop(line);
    Response::new(Body::empty())
}

/// Tells the test what comes, when it comes.
async fn upload(req: Request<Body>) -> Response<Body> {
    let Some(mut line) = control(req.headers()).await else {
        return with(StatusCode::BAD_REQUEST, CONTENT_TYPE, "text/plain");
    };
    let mut body = req.into_body();
    let mut whole = true;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            whole = false;
            break;
        };
        if let Some(data) = frame.data_ref() {
            line.write_all(data).await.ok();
        }
    }
    let end: &[u8] = if whole { b"whole" } else { b"broken" };
    line.write_all(end).await.ok();
    Response::new(Body::from(end.to_vec()))
}

/// A body that breaks off: short of its length, or of none, at once or when much of it has gone.
fn fails(how: &str) -> Response<Body> {
    let pieces = match how {
        "late" => vec![Bytes::from(vec![b'x'; 64 * 1024]); 64],
        _ => vec![Bytes::from_static(b"begun")],
    };
    let frames = pieces.into_iter().map(|piece| Ok(Frame::data(piece)));
    let broken = std::iter::once(Err(std::io::Error::other("broken on purpose")));
    let mut res = Response::new(Body::new(StreamBody::new(stream::iter(
        frames.chain(broken),
    ))));
    if how == "short" {
        let length = HeaderValue::from_static("100");
        res.headers_mut().insert(CONTENT_LENGTH, length);
    }
    res
}
