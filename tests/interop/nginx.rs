//! nginx before an application, sending the files that it names.

use std::path::{Path, PathBuf};
use std::process::Command;

use gopuram::middleware::access_log::Log;
use gopuram::middleware::static_files::HotCache;
use gopuram::middleware::{AccessLog, Head, SendFile, StaticFiles};
use gopuram::testing::Received;
use gopuram::{Application, Body, Stack};
use http::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::support::{Server, Written, get, part_by};

pub(crate) const NGINX: &str = "nginx";

/// An nginx on a socket of its own, ended when it is dropped.
pub(crate) struct Front {
    dir: PathBuf,
}

impl Front {
    /// Starts it before `server`; what it sends stands in `dir`, where its own files are too.
    fn new(dir: PathBuf, server: &Server) -> Self {
        let locations = format!(
            "location / {{
                proxy_pass http://{server};
                proxy_set_header Range \"\";
                proxy_set_header If-Range \"\";
            }}
            location /sent/ {{ internal; alias {dir}/files/; }}",
            dir = dir.display(),
            server = server.address,
        );
        Self::of(dir, &locations)
    }

    /// Starts it with these locations; its files are in `dir`, which is gone with it.
    pub(crate) fn of(dir: PathBuf, locations: &str) -> Self {
        let conf = format!(
            "daemon on; master_process off; pid pid; error_log error.log;
            events {{ }}
            http {{
                access_log off;
                client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp;
                uwsgi_temp_path temp; scgi_temp_path temp;
                server {{
                    listen unix:{dir}/front.sock;
                    {locations}
                }}
            }}",
            dir = dir.display(),
        );
        std::fs::write(dir.join("nginx.conf"), conf).unwrap();
        let front = Self { dir };
        // It listens by the time it has put itself in the background.
        let started = front.command(&[]).output().unwrap();
        assert!(started.status.success(), "{started:?}");
        front
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(NGINX);
        command.arg("-p").arg(&self.dir);
        command
            .args(["-e", "error.log", "-c", "nginx.conf"])
            .args(args);
        command
    }

    pub(crate) async fn ask(&self, req: Request<Body>) -> Received {
        let stream = UnixStream::connect(self.dir.join("front.sock")).await;
        let io = TokioIo::new(stream.unwrap());
        let (mut client, connection) = http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        Received::of(client.send_request(req).await.unwrap()).await
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        drop(self.command(&["-s", "stop"]).output());
        drop(std::fs::remove_dir_all(&self.dir));
    }
}

/// Files, none of them from memory, that nginx is to send; the log has the bytes sent from here.
fn app(files: &Path, log: Log) -> impl Application {
    Stack::new()
        .with(AccessLog::format("%m %U %>s %B", log).unwrap())
        .with(Head::default())
        .with(SendFile::x_accel_redirect(files, "/sent").unwrap())
        .app(StaticFiles::new(files).unwrap().hot_cache(HotCache::off()))
}

#[tokio::test]
async fn nginx_sends_the_files_that_the_application_names() {
    if !part_by(NGINX, "-v") {
        return;
    }
    let dir = std::env::temp_dir().join(format!("gopuram-nginx-{}", std::process::id()));
    let files = dir.join("files");
    std::fs::create_dir_all(&files).unwrap();
    let film = "0123456789".repeat(20_000);
    std::fs::write(files.join("film.webm"), &film).unwrap();
    let odd = "50% é?+&#;~.txt";
    std::fs::write(files.join(odd), "odd").unwrap();
    let written = Written::default();
    let log = written.log();
    let server = Server::of(app(&files, log.clone())).await;
    let front = Front::new(dir, &server);

    let res = front.ask(get("/film.webm", &[])).await;
    res.assert_status(200)
        .assert_header("content-type", "video/webm")
        .assert_header("content-length", "200000")
        .assert_no_header("x-accel-redirect")
        .assert_body(&film);
    // Conditions and ranges are its own to see to.
    let tag = format!("if-none-match: {}", res.header("etag").unwrap());
    front
        .ask(get("/film.webm", &[&tag]))
        .await
        .assert_status(304);
    let res = front.ask(get("/film.webm", &["range: bytes=5-7"])).await;
    res.assert_status(206)
        .assert_header("content-range", "bytes 5-7/200000")
        .assert_body("567");
    let mut head = get("/film.webm", &[]);
    *head.method_mut() = http::Method::HEAD;
    let res = front.ask(head).await;
    res.assert_header("content-length", "200000")
        .assert_body("");
    // Any name comes back as it was.
    let res = front.ask(get("/50%25%20%C3%A9%3F+&%23;~.txt", &[])).await;
    res.assert_status(200).assert_body("odd");
    // Nobody gets there but by the application.
    front
        .ask(get("/sent/film.webm", &[]))
        .await
        .assert_status(404);
    let mapping = ["x-accel-mapping: /=/etc/", "x-sendfile-type: X-Sendfile"];
    let res = front.ask(get("/film.webm", &mapping)).await;
    res.assert_body(&film);

    drop(front);
    server.stop().await;
    let lines = written.lines(&log);
    let film = "GET /film.webm 200 0";
    assert_eq!(lines[..3], [film; 3]);
    assert_eq!(lines[3], "HEAD /film.webm 200 0");
    assert!(lines.iter().all(|line| line.ends_with(" 0")), "{lines:?}");
}
