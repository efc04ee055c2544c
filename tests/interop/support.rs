//! A production stack, a server of it on a port of its own, and what asks it.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gopuram::gateway::Handle;
use gopuram::middleware::access_log::Log;
use gopuram::middleware::{
    AccessLog, BodyLimit, CatchPanic, Compress, Cors, NormalizePath, RequestId, SecurityHeaders,
    Timeout,
};
use gopuram::testing::Received;
use gopuram::{Application, Body, Stack};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// What a service on the open internet wears, around any application.
///
/// The log has a line `METHOD path status coding` for each request.
pub(crate) fn production<S>(log: Log, app: S) -> impl Application
where
    S: Application<ResponseBody: Default>,
{
    let format = "%m %U %>s %{content-encoding}o";
    Stack::new()
        .with(RequestId::default())
        .with(AccessLog::format(format, log).unwrap())
        .with(SecurityHeaders::default())
        .with(Cors::any_origin())
        .with(CatchPanic::default())
        .with(Timeout::head(Duration::from_secs(30)))
        .with(BodyLimit::new(1 << 20))
        .with(NormalizePath::merge())
        .with(Compress::default())
        .app(app)
}

/// A server of an application, on a port of its own.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    handle: Handle,
    running: JoinHandle<Result<(), gopuram::Error>>,
}

impl Server {
    pub(crate) async fn of(app: impl Application) -> Self {
        let server = gopuram::serve(app).bind("127.0.0.1:0");
        let server = server.listen().await.unwrap();
        Self {
            address: server.socket().unwrap(),
            handle: server.handle(),
            running: tokio::spawn(server.run()),
        }
    }

    pub(crate) async fn ask(&self, req: Request<Body>) -> Received {
        ask(self.address, req).await
    }

    /// Waits for what is being answered, and for the lines of the log.
    pub(crate) async fn stop(self) {
        self.handle.stop();
        self.running.await.unwrap().unwrap();
    }
}

/// A request of `target` with fields, written `name: value`.
pub(crate) fn get(target: &str, fields: &[&str]) -> Request<Body> {
    let mut req = Request::get(target).header("host", "localhost");
    for field in fields {
        let (name, value) = field.split_once(": ").unwrap();
        req = req.header(name, value);
    }
    req.body(Body::empty()).unwrap()
}

/// Asks over a connection of its own, by hyper.
pub(crate) async fn send(address: SocketAddr, req: Request<Body>) -> Response<Incoming> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut client, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    client.send_request(req).await.unwrap()
}

pub(crate) async fn ask(address: SocketAddr, req: Request<Body>) -> Received {
    Received::of(send(address, req).await).await
}

/// What was logged.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    pub(crate) fn log(&self) -> Log {
        Log::to(self.clone())
    }

    pub(crate) fn lines(&self, log: &Log) -> Vec<String> {
        log.flush().unwrap();
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

impl Write for Written {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a program that a test needs is there. Without it the test is skipped, loudly, but under
/// `CI=true` it fails: there nothing may be skipped. One that is there and does not run fails always.
pub(crate) fn part(program: &str) -> bool {
    part_by(program, "--version")
}

/// As [`part`], for a program that says its version another way.
pub(crate) fn part_by(program: &str, version: &str) -> bool {
    match Command::new(program).arg(version).output() {
        Ok(version) => {
            assert!(version.status.success(), "`{program}`: {version:?}");
            true
        }
        Err(error) => is_needed(&format!("`{program}` is missing ({error})")),
    }
}

/// The same for a file, which another program loads.
pub(crate) fn file_of_part(path: &str) -> bool {
    Path::new(path).exists() || is_needed(&format!("`{path}` is missing"))
}

#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
fn is_needed(missing: &str) -> bool {
    let missing = format!("{missing}: `cargo xtask test` gets it");
    let strict = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(!strict, "{missing}");
    eprintln!("SKIPPED: {missing}");
    false
}
