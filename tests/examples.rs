//! The examples, each asked without a socket what it promises.

#![expect(clippy::unwrap_used, reason = "these are tests")]

#[path = "../examples/access_log.rs"]
#[expect(dead_code, reason = "an example has a main of its own")]
mod access_log;
#[path = "../examples/behind_apache_scgi.rs"]
#[expect(dead_code, reason = "an example has a main of its own")]
mod behind_apache_scgi;
#[path = "../examples/behind_nginx_fastcgi.rs"]
#[expect(dead_code, reason = "an example has a main of its own")]
mod behind_nginx_fastcgi;
#[path = "../examples/cached_api.rs"]
#[expect(dead_code, reason = "an example has a main of its own")]
mod cached_api;
#[path = "../examples/cgi_script.rs"]
#[expect(dead_code, reason = "an example has a main of its own")]
mod cgi_script;
#[path = "../examples/downloads.rs"]
#[expect(dead_code, reason = "an example has a main of its own")]
mod downloads;
#[path = "../examples/many_gateways.rs"]
#[expect(dead_code, reason = "an example has a main of its own")]
mod many_gateways;
#[path = "../examples/own_layer.rs"]
#[expect(dead_code, reason = "an example has a main of its own")]
mod own_layer;
#[path = "../examples/quickstart.rs"]
#[expect(dead_code, reason = "an example has a main of its own")]
mod quickstart;
#[path = "../examples/routing.rs"]
#[expect(dead_code, reason = "an example has a main of its own")]
mod routing;
#[path = "../examples/spa.rs"]
#[expect(dead_code, reason = "an example has a main of its own")]
mod spa;
#[path = "../examples/static_site.rs"]
#[expect(dead_code, reason = "an example has a main of its own")]
mod static_site;
#[cfg(feature = "tls")]
#[path = "../examples/tls.rs"]
#[expect(dead_code, reason = "an example has a main of its own")]
mod tls;

use std::io::{self, Read as _, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use gopuram::Application;
use gopuram::middleware::access_log::Log;
use gopuram::testing::{Client, Received};
use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const SITE: &str = "../examples/site";

/// What was logged.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn log(&self) -> Log {
        Log::to(self.clone())
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Written {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Write::write(&mut *self.0.lock().unwrap(), buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn site(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(SITE).join(name)).unwrap()
}

fn quickstart() -> Client<impl Application> {
    Client::new(quickstart::app(Path::new(SITE), Log::to(io::sink())).unwrap())
}

/// What every answer of the quickstart carries.
fn assert_dressed(res: &Received) {
    res.assert_header("access-control-allow-origin", "*")
        .assert_header("x-content-type-options", "nosniff")
        .assert_header("x-frame-options", "DENY");
    assert_eq!(res.header("x-request-id").unwrap().len(), 36);
    let policy = res.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'self'"), "{policy}");
}

#[test]
fn the_quickstart_prints_a_tower() {
    let app = quickstart::app(Path::new(SITE), Log::to(io::sink())).unwrap();
    let tower = " identify │ request_id        x-request-id
  observe │ access_log        combined
    dress │ security_headers  8 fields
          │ cors              any origin
  contain │ catch_panic
          │ timeout           30s
          │ body_limit        1 MiB
   direct │ normalize_path    merge, redirect
represent │ compress          gzip
      app │ Router";
    assert_eq!(app.to_string(), tower);
}

#[tokio::test]
async fn the_quickstart_has_routes() {
    let client = quickstart();
    let res = client.get("/hello/Muttu%20Swami").await;
    res.assert_status(200).assert_body("Hello, Muttu Swami!\n");
    assert_dressed(&res);
    let res = client.get("/status").header("x-request-id", "mine").await;
    let id = res.header("x-request-id").unwrap();
    assert_ne!(id, "mine", "a client does not choose");
    res.assert_status(200)
        .assert_header("content-type", "application/json")
        .assert_body(format!("{{\"serving\":true,\"request\":\"{id}\"}}\n"));
    let res = client.request(Method::DELETE, "/status").await;
    res.assert_status(405)
        .assert_header("allow", "GET, HEAD, OPTIONS");
    assert_dressed(&res);
    let res = client.get("//hello//you").await;
    res.assert_status(308)
        .assert_header("location", "/hello/you");
}

#[tokio::test]
async fn the_quickstart_echoes_up_to_its_limit() {
    let client = quickstart();
    let res = client.post("/echo").body("vanakkam").await;
    res.assert_status(200).assert_body("vanakkam");
    let limit = vec![b'a'; 1 << 20];
    let res = client.post("/echo").body(limit.clone()).await;
    res.assert_status(200).assert_body(&limit);
    let res = client.post("/echo").body([&limit[..], b"a"].concat()).await;
    res.assert_status(413);
    assert_dressed(&res);
}

#[tokio::test]
async fn the_quickstart_serves_its_site() {
    let client = quickstart();
    let page = site("index.html");
    let res = client.get("/").await;
    res.assert_status(200)
        .assert_header("content-type", "text/html; charset=utf-8")
        .assert_header("vary", "accept-encoding")
        .assert_body(&page);
    assert_dressed(&res);
    let res = client.head("/").await;
    res.assert_status(200)
        .assert_header("content-length", &page.len().to_string())
        .assert_body("");
    let tag = res.header("etag").unwrap();
    let res = client.get("/").header("if-none-match", tag).await;
    res.assert_status(304).assert_body("");
    assert_dressed(&res);
    for missing in ["/missing", "/.git/config", "/../../Cargo.toml"] {
        let res = client.get(missing).await;
        // `/..` is taken away first, by a redirect.
        let res = match res.header("location") {
            Some(location) => client.get(&location).await,
            None => res,
        };
        res.assert_status(404).assert_body(site("404.html"));
        assert_dressed(&res);
    }
}

#[tokio::test]
async fn the_quickstart_compresses_what_is_not_compressed_yet() {
    let client = quickstart();
    let res = client.get("/").header("accept-encoding", "gzip").await;
    res.assert_header("content-encoding", "gzip");
    assert!(gunzip(&bytes(&res)) == site("index.html"));
    for (accepted, coding, name) in [
        ("gzip", "gzip", "style.css.gz"),
        ("br, gzip", "br", "style.css.br"),
        ("zstd", "zstd", "style.css.zst"),
    ] {
        let res = client.get("/style.css").header("accept-encoding", accepted);
        let res = res.await;
        res.assert_status(200)
            .assert_header("content-encoding", coding)
            .assert_header("content-type", "text/css; charset=utf-8")
            .assert_body(site(name));
    }
    let res = client.get("/film.webm").header("accept-encoding", "gzip");
    res.await.assert_no_header("content-encoding");
}

#[tokio::test]
async fn the_quickstart_cuts_ranges() {
    let client = quickstart();
    let film = site("film.webm");
    let res = client.get("/film.webm").header("range", "bytes=100-199");
    let res = res.await;
    let range = format!("bytes 100-199/{}", film.len());
    res.assert_status(206)
        .assert_header("content-range", &range)
        .assert_body(&film[100..200]);
    let res = client.get("/film.webm").header("range", "bytes=9999999-");
    res.await.assert_status(416);
}

#[test]
fn the_coded_files_are_what_they_stand_beside() {
    for name in ["site.js", "style.css", "visitors.txt"] {
        let plain = gunzip(&site(&format!("{name}.gz")));
        assert!(plain == site(name), "{name}.gz is of another {name}");
    }
}

fn gunzip(coded: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(coded);
    decoder.read_to_end(&mut plain).unwrap();
    plain
}

fn bytes(res: &Received) -> Vec<u8> {
    res.frames().concat()
}

#[tokio::test]
async fn own_layers_refuse_replace_and_sign() {
    let client = Client::new(own_layer::app());
    let res = client.get("/?key=open").await;
    res.assert_status(200).assert_body("you are in\n");
    assert!(res.header("x-took-us").unwrap().parse::<u32>().is_ok());
    let res = client.get("/").await;
    res.assert_status(403).assert_body("");
    assert!(res.header("x-took-us").is_some(), "the outermost sees all");
    client.get("/x?key=open").await.assert_status(418);
}

#[tokio::test]
async fn routing_finds_routes_groups_mounts_and_hosts() {
    let client = Client::new(routing::app(Path::new(SITE)).unwrap());
    client.get("/").await.assert_body("for people\n");
    let res = client.get("http://api.example.com/").await;
    res.assert_body("for programs\n");
    client.get("/users/7").await.assert_body("the seventh\n");
    client.get("/users/8").await.assert_status(404);
    client.delete("/users/7").await.assert_status(403);
    let res = client.delete("/users/7").header("authorization", "x").await;
    res.assert_status(202).assert_body("7 will be gone\n");
    let res = client.get("/none").await;
    res.assert_status(404).assert_body("no such page\n");
    let res = client.get("/files/").await;
    res.assert_status(200);
    assert!(res.text().contains("href=\"./tiers.html\""));
    let res = client.get("/files/tiers.html").await;
    res.assert_status(200).assert_body(site("tiers.html"));
}

#[tokio::test]
async fn a_cached_api_answers_from_memory_until_something_changes() {
    let (app, handle) = cached_api::app();
    let client = Client::new(app);
    let stored = "gopuram; fwd=miss; stored";
    let hit = |res: &Received| res.header("cache-status").unwrap().contains("; hit;");
    let res = client.get("/films/7").await;
    res.assert_body("not yet named\n")
        .assert_header("cache-status", stored);
    assert!(hit(&client.get("/films/7").await));
    let res = client.request(Method::PUT, "/films/7").body("Sholay").await;
    res.assert_status(204);
    let res = client.get("/films/7").await;
    res.assert_body("Sholay\n")
        .assert_header("cache-status", stored);
    assert!(hit(&client.get("/films/7").await));
    assert_eq!(handle.purge_tag("film-7").await.unwrap(), 1);
    let res = client.get("/films/7").await;
    res.assert_header("cache-status", stored);
    let res = client.get("/films/7").header("accept-language", "ta").await;
    res.assert_header("cache-status", stored);
}

#[tokio::test]
async fn both_access_logs_are_written_and_keep_secrets() {
    let (people, programs) = (Written::default(), Written::default());
    let logs = (people.log(), programs.log());
    let client = Client::new(access_log::app(logs.0.clone(), logs.1.clone()).unwrap());
    client.get("/hello/you?token=secret").await;
    client.get("/healthz").await;
    client.get("/broken").await.assert_status(500);
    logs.0.flush().unwrap();
    logs.1.flush().unwrap();
    let (people, programs) = (people.text(), programs.text());
    let lines: Vec<_> = people.lines().collect();
    assert_eq!(lines.len(), 2, "{people}");
    let asked = r#""GET /hello/you?token=[redacted] HTTP/1.1" 200 6 "#;
    assert!(lines[0].contains(asked), "{people}");
    assert!(lines[0].ends_with(" ms /hello/{name}"), "{people}");
    assert!(lines[1].contains(r#""GET /broken HTTP/1.1" 500 "#));
    assert_eq!(programs.lines().count(), 3, "{programs}");
    assert!(programs.contains(r#""route":"/hello/{name}""#));
    assert!(!programs.contains("secret"), "{programs}");
}

#[tokio::test]
async fn the_static_site_is_cached_by_name_and_comes_coded() {
    let client = Client::new(static_site::app(Path::new(SITE)).unwrap());
    let res = client.get("/").header("accept-encoding", "br").await;
    res.assert_status(200)
        .assert_header("cache-control", "no-cache")
        .assert_header("x-content-type-options", "nosniff");
    let tag = client.get("/").await.header("etag").unwrap();
    let res = client.get("/").header("if-none-match", tag).await;
    res.assert_status(304)
        .assert_header("cache-control", "no-cache");
    let res = client.get("/tower.png").await;
    res.assert_header("cache-control", "public, max-age=86400");
    let res = client.get("/style.css").header("accept-encoding", "br");
    res.await
        .assert_header("content-encoding", "br")
        .assert_body(site("style.css.br"));
    let res = client.get("/tiers.html").header("accept-encoding", "gzip");
    res.await.assert_header("content-encoding", "gzip");
    let res = client.get("/none").await;
    res.assert_status(404)
        .assert_no_header("cache-control")
        .assert_body(site("404.html"));
}

#[tokio::test]
async fn the_single_page_is_every_view_and_nothing_else() {
    let client = Client::new(spa::app().unwrap());
    for view in ["/", "/towers/7", "/a/b/c"] {
        let res = client.get(view).header("accept", "text/html").await;
        res.assert_status(200)
            .assert_header("content-type", "text/html; charset=utf-8")
            .assert_header("cache-control", "no-cache");
        assert!(res.text().contains("<title>Towers</title>"), "{view}");
    }
    let script = client.get("/assets/app.js").await;
    script.assert_header("content-type", "text/javascript; charset=utf-8");
    let missing = client.get("/assets/none.js").header("accept", "text/html");
    missing.await.assert_status(404);
    client.get("/towers/7").await.assert_status(404);
    let res = client.get("/api/towers/7").header("accept", "text/html");
    res.await.assert_body("Tower 7\n");
    let res = client.get("/api/none").header("accept", "text/html");
    res.await.assert_status(404).assert_body("");
}

#[tokio::test]
async fn downloads_are_resumed_where_they_broke_off() {
    let client = Client::new(downloads::app(Path::new(SITE)).unwrap());
    for (target, name) in [
        ("/report.csv", "attachment; filename=\"report.csv\""),
        ("/files/film.webm", "attachment; filename=\"film.webm\""),
    ] {
        let whole = client.get(target).await;
        whole
            .assert_status(200)
            .assert_header("accept-ranges", "bytes");
        let disposition = whole.header("content-disposition").unwrap();
        assert!(disposition.starts_with(name), "{disposition}");
        let bytes = bytes(&whole);
        let range = format!("bytes 1000-{}/{}", bytes.len() - 1, bytes.len());
        let rest = client.get(target).header("range", "bytes=1000-");
        let res = rest.await;
        res.assert_status(206)
            .assert_header("content-range", &range)
            .assert_body(&bytes[1000..]);
        // Another version than the one that was begun is sent from its beginning.
        let rest = client.get(target).header("range", "bytes=1000-");
        let res = rest.header("if-range", "\"another\"").await;
        res.assert_status(200).assert_body(&bytes);
        let res = client.head(target).await;
        res.assert_header("content-length", &bytes.len().to_string());
    }
    let res = client.get("/report.csv").header("range", "bytes=1000-1009");
    let res = res.header("if-range", "\"report-1\"").await;
    res.assert_status(206);
    let res = client.get("/report.csv").header("range", "bytes=9999999-");
    res.await.assert_status(416);
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn over_tls_it_is_told_how() {
    let client = Client::new(tls::app());
    let res = client.get("/").await;
    res.assert_status(200).assert_body("in the clear\n");
}

/// An answer by SCGI to what a front server says, at an address like that of an example.
async fn by_scgi(app: impl Application, options: &str, said: &[(&str, &str)]) -> String {
    let server = gopuram::serve(app).bind(format!("scgi:127.0.0.1:0{options}"));
    let server = server.listen().await.unwrap();
    let address = server.socket().unwrap();
    tokio::spawn(server.run());
    let mut text = "CONTENT_LENGTH\x000\0SCGI\x001\0REQUEST_METHOD\0GET\0".to_owned();
    for (name, value) in said {
        text.extend([name, "\0", value, "\0"]);
    }
    let mut front = TcpStream::connect(address).await.unwrap();
    let bytes = format!("{}:{text},", text.len());
    front.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = String::new();
    front.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn behind_nginx_the_client_is_whom_it_names() {
    let said = [
        ("REQUEST_URI", "/"),
        ("REMOTE_ADDR", "192.0.2.1"),
        ("HTTPS", "on"),
    ];
    let answer = by_scgi(behind_nginx_fastcgi::app(), "", &said).await;
    assert!(answer.ends_with("\r\n\r\n192.0.2.1 by https\n"), "{answer}");
    assert!(answer.contains("x-request-id: "), "{answer}");
}

#[tokio::test]
async fn behind_apache_routes_are_those_under_the_prefix() {
    let app = behind_apache_scgi::app;
    let said = [
        ("REQUEST_URI", "/api/notes/7"),
        ("SCRIPT_NAME", "/api/notes/7"),
    ];
    let answer = by_scgi(app(), "?script_name=/api", &said).await;
    assert!(answer.ends_with("this is /api/notes/7\n"), "{answer}");
    let elsewhere = [("REQUEST_URI", "/notes/7")];
    let answer = by_scgi(app(), "?script_name=/api", &elsewhere).await;
    assert!(answer.starts_with("Status: 404 Not Found\r\n"), "{answer}");
}

#[tokio::test]
async fn the_script_greets() {
    let client = Client::new(cgi_script::app());
    client.get("/").await.assert_body("Hello!\n");
    let res = client.post("/").body("Ann").await;
    res.assert_body("Hello, Ann!\n")
        .assert_header("x-content-type-options", "nosniff");
    let res = client.post("/").body("x".repeat(101)).await;
    res.assert_status(413);
}

#[tokio::test]
async fn all_gateways_share_the_count() {
    let written = Written::default();
    let log = written.log();
    let app = many_gateways::app(log.clone());
    let client = Client::new(app.clone());
    client.get("/").await.assert_body("1 visits\n");
    let said = [("REQUEST_URI", "/"), ("REMOTE_ADDR", "192.0.2.1")];
    let answer = by_scgi(app, "", &said).await;
    assert!(answer.ends_with("\r\n\r\n2 visits\n"), "{answer}");
    log.flush().unwrap();
    assert!(
        written.text().contains("192.0.2.1 - - ["),
        "{}",
        written.text()
    );
}
