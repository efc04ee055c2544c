//! The PROXY protocol: who the client is, said before the first byte.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixStream as BlockingStream};
use std::time::Duration;

use gopuram::Body;
use gopuram::gateway::{Address, Deadlines, Handle, Limits};
use gopuram::middleware::attributes::Attributes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tower::util::service_fn;

use crate::support::{ask, http2, read_until, turns};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const LINE: &[u8] = b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n";
const V2: &[u8; 28] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\xdc\x04\x01\xbb";
const SAYS: &str = "<192.0.2.1:56324 192.0.2.2:443 http ->";

/// A server that says who it thinks the client is.
struct Behind {
    address: SocketAddr,
    handle: Handle,
}

async fn behind(address: Address, limits: Limits) -> Behind {
    let app = service_fn(async |req: Request<Body>| {
        let attributes = Attributes::of(&req).unwrap();
        let connection = attributes.connection().unwrap();
        let said = connection.proxied.as_ref();
        let authority = said.and_then(|said| said.authority.as_deref());
        let text = |address: Option<SocketAddr>| address.map_or("-".into(), |a| a.to_string());
        Ok::<_, Infallible>(Response::new(Body::from(format!(
            "<{} {} {} {}>",
            text(connection.peer),
            text(connection.local),
            attributes.scheme().as_str(),
            authority.unwrap_or("-"),
        ))))
    });
    let deadlines = Deadlines::default().proxy_header(Duration::from_secs(3));
    let server = gopuram::serve(app)
        .bind(address)
        .limits(limits)
        .deadlines(deadlines);
    let server = server.listen().await.unwrap();
    let address = server.socket().unwrap_or(([0; 4], 0).into());
    let handle = server.handle();
    tokio::spawn(server.run());
    Behind { address, handle }
}

async fn here() -> Behind {
    behind("127.0.0.1:0?proxy=127.0.0.0/8".into(), Limits::default()).await
}

impl Behind {
    /// All that is answered to these bytes, each piece sent when the last one was taken.
    async fn answer(&self, pieces: &[&[u8]]) -> String {
        let mut client = TcpStream::connect(self.address).await.unwrap();
        for piece in pieces {
            // It may have been refused already.
            client.write_all(piece).await.ok();
            turns().await;
        }
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.ok();
        String::from_utf8(answer).unwrap()
    }
}

#[tokio::test]
async fn both_versions_say_who_the_client_is() {
    let server = here().await;
    for header in [LINE, V2] {
        let answer = server.answer(&[&[header, GET].concat()]).await;
        assert!(answer.ends_with(SAYS), "{answer}");
        // In pieces, and apart from what follows.
        let (begin, end) = header.split_at(9);
        let answer = server.answer(&[begin, end, GET]).await;
        assert!(answer.ends_with(SAYS), "{answer}");
    }
    assert_eq!(server.handle.stats().requests, 4);
}

#[tokio::test]
async fn http2_comes_behind_it_too() {
    let server = here().await;
    let mut io = TcpStream::connect(server.address).await.unwrap();
    io.write_all(V2).await.unwrap();
    let mut client = http2(io).await;
    for _ in 0..2 {
        let res = client.send_request(ask("http://a/")).await.unwrap();
        let body = res.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, SAYS);
    }
}

#[tokio::test]
async fn what_the_proxy_says_besides_is_told() {
    let server = here().await;
    let values = b"\x02\0\x0bexample.org\x20\0\x05\x01\0\0\0\0";
    let mut header = V2.to_vec();
    header[15] += u8::try_from(values.len()).unwrap();
    header.extend(values);
    let answer = server.answer(&[&header, GET]).await;
    assert!(
        answer.ends_with("<192.0.2.1:56324 192.0.2.2:443 https example.org>"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_check_of_the_proxy_itself_keeps_its_address() {
    let server = here().await;
    for header in [
        b"PROXY UNKNOWN\r\n".as_slice(),
        b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
    ] {
        let answer = server.answer(&[header, GET]).await;
        let local = format!("{} http ->", server.address);
        assert!(
            answer.contains("<127.0.0.1:") && answer.ends_with(&local),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn without_a_whole_and_valid_header_nothing_is_dispatched() {
    let server = here().await;
    let wrong: [&[u8]; 6] = [
        GET,
        b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 99999\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\n",
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
        b"\x16\x03\x01",
    ];
    for header in wrong {
        assert_eq!(server.answer(&[&[header, GET].concat()]).await, "");
    }
    // And one that is cut short.
    let mut client = TcpStream::connect(server.address).await.unwrap();
    client.write_all(&V2[..20]).await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    let stats = server.handle.stats();
    assert_eq!((stats.refused_proxy_header, stats.requests), (7, 0));
}

#[tokio::test]
async fn a_header_comes_once() {
    let server = here().await;
    let answer = server.answer(&[LINE, LINE, GET]).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn who_may_not_send_one_is_refused() {
    let server = behind(
        "127.0.0.1:0?proxy=192.0.2.0/24,::1".into(),
        Limits::default(),
    )
    .await;
    assert_eq!(server.answer(&[&[LINE, GET].concat()]).await, "");
    assert_eq!(server.handle.stats().refused_proxy_peer, 1);
}

#[tokio::test]
async fn where_it_is_not_expected_it_is_no_request() {
    let server = behind("127.0.0.1:0".into(), Limits::default()).await;
    for header in [LINE, V2] {
        let answer = server.answer(&[&[header, GET].concat()]).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_has_to_come_in_time() {
    let server = here().await;
    let begun = tokio::time::Instant::now();
    assert_eq!(server.answer(&[&LINE[..20]]).await, "");
    assert_eq!(begun.elapsed().as_secs(), 3);
    assert_eq!(server.handle.stats().late_proxy_headers, 1);
}

#[tokio::test]
async fn on_a_unix_socket_the_permissions_say_who_may() {
    let name = format!("gopuram-{}-proxied", std::process::id());
    let address = Address::from(format!("unix:@{name}?proxy=192.0.2.1"));
    let server = behind(address, Limits::default()).await;
    let place = UnixAddr::from_abstract_name(&name).unwrap();
    let client = BlockingStream::connect_addr(&place).unwrap();
    client.set_nonblocking(true).unwrap();
    let mut client = UnixStream::from_std(client).unwrap();
    client.write_all(&[LINE, GET].concat()).await.unwrap();
    read_until(&mut client, SAYS).await;
    assert_eq!(server.handle.stats().accepted, 1);
}

#[tokio::test]
async fn a_client_is_counted_and_not_its_proxy() {
    let limits = Limits::default().per_client(1);
    let server = behind("127.0.0.1:0?proxy=127.0.0.1".into(), limits).await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    first.write_all(V2).await.unwrap();
    let get = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    first.write_all(get).await.unwrap();
    read_until(&mut first, ">").await;
    assert_eq!(server.answer(&[V2, GET]).await, "");
    let other = b"PROXY TCP4 192.0.2.9 192.0.2.2 56324 443\r\n";
    let answer = server.answer(&[other, GET]).await;
    assert!(answer.contains("<192.0.2.9:"), "{answer}");
    assert_eq!(server.handle.stats().refused_per_client, 1);
}
