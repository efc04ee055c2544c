//! Bodies that take their time, and clients that do not.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::app::CONTROL;
use crate::client::Client;
use crate::front::{Kind, Wire};

/// Where the application is found.
pub(crate) struct At {
    pub(crate) address: SocketAddr,
    pub(crate) prefix: &'static str,
}

const PATIENCE: Duration = Duration::from_secs(20);

/// Whether a front collects the body of a request, or as much of it as fits its buffer, before it passes the request on.
///
/// SCGI and uwsgi have no bodies of unknown length, so that these must be collected, and nginx and lighttpd know no middle
/// way. lighttpd does not stream into CGI, Apache fills a buffer before it begins over HTTP, and HAProxy over FastCGI.
pub(crate) const fn collects(kind: Kind, wire: Wire) -> bool {
    matches!(
        (kind, wire),
        (Kind::Nginx, Wire::Scgi | Wire::Uwsgi)
            | (Kind::Lighttpd, Wire::Scgi | Wire::Uwsgi | Wire::Cgi)
            | (Kind::Apache, Wire::Http)
            | (Kind::Haproxy, Wire::FastCgi)
    )
}

/// A client that has asked, and the application's line to the test.
struct Met {
    client: Client,
    listener: TcpListener,
}

impl Met {
    async fn new(at: &At, method: &str, path: &str, fields: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = Client::to(at.address).await;
        let request = format!(
            "{method} {}{path} HTTP/1.1\r\nHost: localhost\r\n{CONTROL}: {}\r\n{fields}\r\n",
            at.prefix,
            listener.local_addr().unwrap()
        );
        client.send(request.as_bytes()).await;
        Self { client, listener }
    }

    async fn line(&self) -> TcpStream {
        let met = timeout(PATIENCE, self.listener.accept()).await;
        met.expect("the application has the request").unwrap().0
    }
}

/// What is sent arrives when it is sent, and the end when it ends.
pub(crate) async fn downloads(at: &At) {
    let mut met = Met::new(at, "GET", "/streams", "Connection: close\r\n").await;
    let mut line = met.line().await;
    for word in ["first;", "second;", "third;"] {
        line.write_all(word.as_bytes()).await.unwrap();
        met.client.hears(word).await;
    }
    drop(line);
    met.client.ends().await;
}

/// The application hears of it, at the latest when it has something to say.
pub(crate) async fn who_leaves_is_not_served(at: &At) {
    let mut met = Met::new(at, "GET", "/streams", "").await;
    let mut line = met.line().await;
    line.write_all(b"first;").await.unwrap();
    met.client.hears("first;").await;
    drop(met);
    let dropped = async {
        // More than all buffers on the way hold.
        while line.write_all(&[b'x'; 64]).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, dropped)
        .await
        .expect("the application is dropped");
}

/// The application hears of it though it has nothing to say, where the front looks at its client meanwhile.
pub(crate) async fn who_leaves_is_not_waited_for(at: &At) {
    let met = Met::new(at, "GET", "/late", "").await;
    let mut line = met.line().await;
    drop(met);
    let end = timeout(PATIENCE, line.read(&mut [0])).await;
    assert_eq!(end.expect("the application is dropped").unwrap_or(0), 0);
}

/// Whether a front does: Apache and lighttpd do not, and a CGI program hears of nothing while it is silent.
pub(crate) const fn looks_at_its_client(kind: Kind) -> bool {
    matches!(kind, Kind::Nginx | Kind::Haproxy)
}

/// What is sent arrives when it is sent, unless the front collects it; what is cut short does not look whole.
pub(crate) async fn uploads(at: &At, collected: bool) {
    let fields = "Content-Length: 10\r\n";
    let mut met = Met::new(at, "POST", "/upload", fields).await;
    met.client.send(b"hello").await;
    if collected {
        met.client.send(b"there").await;
    }
    let mut line = met.line().await;
    assert_eq!(said(&mut line, 5).await, "hello");
    if !collected {
        met.client.send(b"there").await;
    }
    assert_eq!(said(&mut line, 10).await, "therewhole");
    assert_eq!(met.client.answer("POST").await.body, b"whole");
    if collected {
        return;
    }

    let mut met = Met::new(at, "POST", "/upload", fields).await;
    met.client.send(b"hello").await;
    let mut line = met.line().await;
    assert_eq!(said(&mut line, 5).await, "hello");
    drop(met);
    let mut rest = String::new();
    let end = timeout(PATIENCE, line.read_to_string(&mut rest)).await;
    end.expect("the application hears of it").ok();
    assert!(!rest.contains("whole"), "{rest}");
}

async fn said(line: &mut TcpStream, length: usize) -> String {
    let mut bytes = vec![0; length];
    let read = timeout(PATIENCE, line.read_exact(&mut bytes)).await;
    read.expect("it arrives").unwrap();
    String::from_utf8(bytes).unwrap()
}
