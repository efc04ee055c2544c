//! Clients that take their time.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::sleep;

/// How often they do anything.
const PAUSE: Duration = Duration::from_secs(5);

/// A head that never ends, a field line at a time.
pub(super) async fn head(mut stream: TcpStream) {
    let mut line = "GET /hello HTTP/1.1\r\nHost: localhost\r\n".to_owned();
    while stream.write_all(line.as_bytes()).await.is_ok() {
        "X-A: b\r\n".clone_into(&mut line);
        sleep(PAUSE).await;
    }
}

/// The same with as much of it in front as a head may have.
pub(super) async fn large_head(mut stream: TcpStream) {
    let fields = format!("X-A: {}\r\n", "b".repeat(990)).repeat(60);
    let mut line = format!("GET /hello HTTP/1.1\r\nHost: localhost\r\n{fields}");
    while stream.write_all(line.as_bytes()).await.is_ok() {
        "X-A: b\r\n".clone_into(&mut line);
        sleep(PAUSE).await;
    }
}

/// A body that comes byte by byte, behind as much of it as is read at once.
pub(super) async fn body(mut stream: TcpStream) {
    let head = b"POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n";
    let begun = [&head[..], &[b'x'; 8192]].concat();
    let mut next: &[u8] = &begun;
    while stream.write_all(next).await.is_ok() {
        next = b"x";
        sleep(PAUSE).await;
    }
}

/// A large answer that is read byte by byte.
pub(super) async fn read(mut stream: TcpStream) {
    let asked = stream.write_all(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n");
    if asked.await.is_err() {
        return;
    }
    while stream.read_u8().await.is_ok() {
        sleep(PAUSE).await;
    }
}
