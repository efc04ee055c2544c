//! Real proxies in front, which say by the PROXY protocol who the client is.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gopuram::Body;
use gopuram::gateway::Handle;
use gopuram::middleware::attributes::Attributes;
use http::{Request, Response};
use tokio::net::TcpStream;
use tower::util::service_fn;

use crate::support::{file_of_part, get, part_by};

/// The part of nginx that passes connections on.
const STREAM: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

/// A proxy on a port of its own, ended with the test.
struct Proxy {
    address: SocketAddr,
    process: Child,
    directory: PathBuf,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
        std::fs::remove_dir_all(&self.directory).ok();
    }
}

/// A port that was free a moment ago.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

impl Proxy {
    /// Starts it with a configuration, of which the last argument is the path, and waits until it listens.
    async fn start(
        program: &str,
        args: &[&str],
        configure: impl Fn(SocketAddr, &Path) -> String,
    ) -> Self {
        let address = free();
        let name = format!("gopuram-{program}-{}", address.port());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).unwrap();
        let file = directory.join("configuration");
        std::fs::write(&file, configure(address, &directory)).unwrap();
        let process = Command::new(program)
            .args(args)
            .arg(&file)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let proxy = Self {
            address,
            process,
            directory,
        };
        let until = tokio::time::Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(address).await.is_err() {
            assert!(
                tokio::time::Instant::now() < until,
                "`{program}` does not listen"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        proxy
    }
}

/// A server behind a proxy, which says who its client is.
async fn behind() -> (SocketAddr, Handle) {
    let app = service_fn(async |req: Request<Body>| {
        let connection = Attributes::of(&req).unwrap().connection().unwrap();
        let proxied = connection.proxied.as_ref().map(|said| said.proxy.is_some());
        let body = format!("{} {proxied:?}", connection.peer.unwrap());
        Ok::<_, std::convert::Infallible>(Response::new(Body::from(body)))
    });
    let server = gopuram::serve(app).bind("127.0.0.1:0?proxy=127.0.0.1");
    let server = server.listen().await.unwrap();
    let (address, handle) = (server.socket().unwrap(), server.handle());
    tokio::spawn(server.run());
    (address, handle)
}

/// Asks from another address of this machine than the proxy's, which must be what arrives.
async fn from_elsewhere(proxy: SocketAddr) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.7:0".parse().unwrap()).unwrap();
    let stream = socket.connect(proxy).await.unwrap();
    let us = stream.local_addr().unwrap();
    let res = ask_over(stream).await;
    assert_eq!(res, format!("{us} Some(true)"));
}

async fn ask_over(stream: TcpStream) -> String {
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut client, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let res = client.send_request(get("/", &[])).await.unwrap();
    let body = http_body_util::BodyExt::collect(res.into_body()).await;
    String::from_utf8(body.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn haproxy_says_who_the_client_is() {
    if !part_by("haproxy", "-v") {
        return;
    }
    for (option, mode) in [
        ("send-proxy", "tcp"),
        ("send-proxy-v2", "tcp"),
        ("send-proxy-v2 proxy-v2-options crc32c,unique-id", "http"),
    ] {
        let (server, handle) = behind().await;
        let proxy = Proxy::start("haproxy", &["-db", "-f"], |address, _| {
            let id = if mode == "http" { "  unique-id-format %[uuid()]\n" } else { "" };
            format!(
                "defaults\n  mode {mode}\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n\
                 listen test\n  bind {address}\n{id}  server test {server} {option} check inter 20ms\n"
            )
        })
        .await;
        from_elsewhere(proxy.address).await;
        // Its checks of our health are of its own, and no requests.
        while handle.stats().accepted < 5 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let stats = handle.stats();
        assert_eq!(
            (stats.requests, stats.refused_proxy_header),
            (1, 0),
            "{option}"
        );
    }
}

#[tokio::test]
async fn nginx_says_who_the_client_is() {
    if !part_by("nginx", "-v") || !file_of_part(STREAM) {
        return;
    }
    let (server, handle) = behind().await;
    let proxy = Proxy::start("nginx", &["-e", "stderr", "-c"], |address, directory| {
        format!(
            "load_module {STREAM};\ndaemon off; master_process off; pid {}/pid; events {{}}\n\
             stream {{ server {{ listen {address}; proxy_pass {server}; proxy_protocol on; }} }}\n",
            directory.display(),
        )
    })
    .await;
    from_elsewhere(proxy.address).await;
    assert_eq!(handle.stats().requests, 1);
}
