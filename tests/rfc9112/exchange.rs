//! One exchange over a socket: bytes out, answers in, and what the application saw.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gopuram::{Application, Body};
use http::header::HOST;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What has to come of a case.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    /// The application sees this, and what is behind it is served.
    Served(&'static str),
    /// The application sees this, and nothing behind it is served.
    Last(&'static str),
    /// The application sees the head, then its body breaks off, and nothing behind it is served.
    Broken(&'static str),
    /// It is answered so, and the application sees nothing.
    Refused(u16),
    /// The connection is closed, and the application sees nothing.
    Cut,
}

/// Defines a test for each case, in a module named by the section that its rule is in.
macro_rules! cases {
    ($($section:ident { $($(#[$note:meta])* $name:ident: $sent:expr => $outcome:expr;)* })*) => {
        $(mod $section {
            use super::*;
            $($(#[$note])* #[tokio::test]
            async fn $name() {
                crate::exchange::check($sent.as_ref(), $outcome).await;
            })*
        })*
    };
}
pub(crate) use cases;

/// A request whose field lines are these, and `Host`.
pub(crate) fn get(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
}

/// The same with a body.
pub(crate) fn post(fields: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}")
}

/// A request whose body is in these chunks.
pub(crate) fn chunked(body: &str) -> String {
    post("Transfer-Encoding: chunked\r\n", body)
}

/// What is sent behind every case.
const BEHIND: &str = "GET /behind HTTP/1.1\r\nHost: behind\r\nConnection: close\r\n\r\n";

/// How long a connection that must end may take to do so; none comes near it.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the application was asked: method, target, `Host` and body of each request.
#[derive(Clone, Default)]
pub(crate) struct Asked(Arc<Mutex<Vec<String>>>);

impl Asked {
    /// An application that remembers and answers 200, or 400 if the body breaks off.
    pub(crate) fn app(&self) -> impl Application {
        let asked = self.clone();
        tower::service_fn(move |req: Request<Body>| {
            let asked = asked.clone();
            async move {
                let (head, body) = req.into_parts();
                let host = head.headers.get(HOST).map_or("-", |h| h.to_str().unwrap());
                let said = format!("{} {} {host}", head.method, head.uri);
                let place = asked.push(said);
                let mut res = Response::new(Body::empty());
                if let Ok(body) = body.collect().await {
                    asked.add(place, &String::from_utf8_lossy(&body.to_bytes()));
                } else {
                    asked.add(place, BROKEN);
                    *res.status_mut() = StatusCode::BAD_REQUEST;
                }
                Ok::<_, Infallible>(res)
            }
        })
    }

    /// All that it was.
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn push(&self, said: String) -> usize {
        let mut all = self.0.lock().unwrap();
        all.push(said);
        all.len() - 1
    }

    fn add(&self, place: usize, body: &str) {
        if let Some(said) = self.0.lock().unwrap().get_mut(place) {
            write!(said, " {body}").unwrap();
        }
    }
}

const BROKEN: &str = "(broken)";

/// Sends a case and one more request, and compares what comes of both.
pub(crate) async fn check(sent: &[u8], outcome: Outcome) {
    let asked = Asked::default();
    let answer = exchange(asked.app(), &[sent, BEHIND.as_bytes()].concat()).await;
    let shown = String::from_utf8_lossy(sent);
    let mut expected = Vec::new();
    let statuses: &[u16] = match outcome {
        Outcome::Served(saw) => {
            expected.extend([saw.to_owned(), "GET /behind behind ".to_owned()]);
            &[200, 200]
        }
        Outcome::Last(saw) => {
            expected.push(saw.to_owned());
            &[200]
        }
        Outcome::Broken(saw) => {
            expected.push(format!("{saw} {BROKEN}"));
            &[400]
        }
        Outcome::Refused(status) => &[status],
        Outcome::Cut => &[],
    };
    assert_eq!(
        asked.all(),
        expected,
        "asked by {shown:?}, answered {answer:?}"
    );
    assert_eq!(finals(&answer), statuses, "{answer:?} to {shown:?}");
    if let Outcome::Refused(_) = outcome {
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer:?}");
    }
}

/// All that is answered until the connection is closed by the server.
pub(crate) async fn exchange(app: impl Application, sent: &[u8]) -> String {
    let mut client = connect(app).await;
    // Who refuses may close before all was taken.
    client.write_all(sent).await.ok();
    rest(&mut client).await
}

/// A connection to a server of its own, which ends with the test.
pub(crate) async fn connect(app: impl Application) -> TcpStream {
    connect_to(gopuram::serve(app)).await
}

/// The same with more than the defaults.
pub(crate) async fn connect_to(serve: gopuram::gateway::Serve<impl Application>) -> TcpStream {
    let server = serve.bind("127.0.0.1:0").listen().await.unwrap();
    let address = server.socket().unwrap();
    tokio::spawn(server.run());
    TcpStream::connect(address).await.unwrap()
}

/// What comes until the server closes.
pub(crate) async fn rest(client: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let all = client.read_to_end(&mut answer);
    let read = tokio::time::timeout(PATIENCE, all).await;
    let read = read.unwrap_or_else(|_| panic!("the connection stays open"));
    read.unwrap();
    String::from_utf8(answer).unwrap()
}

/// The statuses of all final answers; none of them has content.
fn finals(answer: &str) -> Vec<u16> {
    let status = |line: &str| line.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok();
    let all = answer.lines().filter_map(status);
    all.filter(|status| *status >= 200).collect()
}
