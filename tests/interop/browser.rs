//! A real browser asks for the quickstart's site, through its stack.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gopuram::middleware::access_log::Log;
use gopuram::middleware::{AccessLog, Compress, Router, SecurityHeaders, StaticFiles};
use gopuram::testing::body::{Sender, channel};
use gopuram::{Application, Body, Stack};
use http::{Request, Response, StatusCode};
use tokio::process::Command;

use super::quickstart;
use super::support::{Server, Written, part};

const CHROMIUM: &str = "chromium";

/// A directory of its own, removed when it is dropped.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let name = format!("gopuram-browser-{}-{name}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// What came of looking at a page.
struct Seen {
    /// The document, after its scripts have run.
    dom: String,
    /// What was said on the console, of what the policy refused too.
    console: String,
    /// For each request `METHOD path status coding range length`.
    asked: Vec<String>,
}

impl Seen {
    /// The one request for a path.
    #[track_caller]
    fn of(&self, path: &str) -> &str {
        let start = format!("GET {path} ");
        let found = self.asked.iter().find(|line| line.starts_with(&start));
        found.unwrap_or_else(|| panic!("`{path}` in {:#?}", self.asked))
    }

    #[track_caller]
    fn assert_clean(&self) {
        let Self { console, asked, .. } = self;
        assert!(!console.contains("Content Security Policy"), "{console}");
        for line in asked {
            let status = line.split(' ').nth(2).unwrap();
            assert!(matches!(status, "200" | "206" | "304"), "{asked:#?}");
        }
    }
}

/// Looks at a page of a site, as the quickstart serves it.
async fn look(name: &str, site: &Path, page: &str) -> Seen {
    let quickstart = quickstart::app(site, Log::to(std::io::sink())).unwrap();
    look_at(name, quickstart, page).await
}

/// Looks at a page of an application.
async fn look_at(name: &str, app: impl Application, page: &str) -> Seen {
    let written = Written::default();
    let log = written.log();
    let format = "%m %U %>s %{content-encoding}o %{range}i %{content-length}o";
    let app = Stack::new()
        .with(AccessLog::format(format, log.clone()).unwrap())
        .app(app);
    let server = Server::of(app).await;
    let profile = Dir::new(name);
    let chromium = Command::new(CHROMIUM)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--enable-logging=stderr",
            // Of the page's own clock, which runs as fast as there is something to do.
            "--virtual-time-budget=10000",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", profile.0.display()))
        .arg(format!("http://{}{page}", server.address))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let chromium = tokio::time::timeout(Duration::from_mins(1), chromium);
    let output = chromium.await.unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    server.stop().await;
    Seen {
        dom: String::from_utf8(output.stdout).unwrap(),
        console: String::from_utf8_lossy(&output.stderr).into_owned(),
        asked: written.lines(&log),
    }
}

fn site() -> &'static Path {
    Path::new("../examples/site")
}

#[tokio::test]
async fn the_front_page_runs_its_script_and_comes_compressed() {
    if !part(CHROMIUM) {
        return;
    }
    let seen = look("front", site(), "/").await;
    seen.assert_clean();
    assert!(seen.of("/").starts_with("GET / 200 gzip - "));
    // Beside these stand coded files, and the browser prefers the first.
    for name in ["site.js", "style.css"] {
        let coded = std::fs::metadata(site().join(format!("{name}.br")));
        let line = format!("GET /{name} 200 br - {}", coded.unwrap().len());
        assert_eq!(seen.of(&format!("/{name}")), line);
    }
    assert!(
        seen.of("/gopuram.svg")
            .starts_with("GET /gopuram.svg 200 gzip - ")
    );
    // The script has asked for the style sheet and shown what it came with.
    for cell in [
        "<td>content-encoding</td><td>br</td>",
        "<td>content-type</td><td>text/css; charset=utf-8</td>",
        "<td>vary</td><td>accept-encoding</td>",
        "<td>x-request-id</td>",
        "<td>content-security-policy</td><td>default-src 'self';",
    ] {
        assert!(seen.dom.contains(cell), "{cell} in {}", seen.dom);
    }
}

#[tokio::test]
async fn a_film_is_asked_for_by_ranges() {
    if !part(CHROMIUM) {
        return;
    }
    let seen = look("film", site(), "/film.html").await;
    seen.assert_clean();
    let film = seen.of("/film.webm");
    assert!(film.starts_with("GET /film.webm 206 - bytes=0- "), "{film}");
}

#[tokio::test]
async fn the_page_of_a_404_is_shown_with_its_style() {
    if !part(CHROMIUM) {
        return;
    }
    let seen = look("missing", site(), "/not/there").await;
    assert!(seen.dom.contains("Not behind this gate"), "{}", seen.dom);
    assert!(seen.of("/not/there").starts_with("GET /not/there 404 "));
    assert!(seen.of("/style.css").starts_with("GET /style.css 200 br "));
    let failed = seen.asked.iter().filter(|line| !line.contains(" 200 "));
    assert_eq!(failed.count(), 1, "{:#?}", seen.asked);
}

#[tokio::test]
async fn what_is_not_the_site_s_own_the_browser_refuses() {
    if !part(CHROMIUM) {
        return;
    }
    let injected = Dir::new("injected-site");
    let page = "<!doctype html><title>a</title><p id=said>quiet</p>\
        <script>document.getElementById('said').textContent = 'injected'</script>";
    std::fs::write(injected.0.join("index.html"), page).unwrap();
    let seen = look("injected", &injected.0, "/").await;
    assert!(seen.dom.contains("quiet</p>"), "{}", seen.dom);
    assert!(
        seen.console.contains("Content Security Policy"),
        "{}",
        seen.console
    );
}

#[tokio::test]
async fn a_listing_shows_its_own_style_and_every_name_as_it_is() {
    if !part(CHROMIUM) {
        return;
    }
    let site = Dir::new("listing-site");
    std::fs::create_dir(site.0.join("sub")).unwrap();
    let odd = "sub/<b onmouseover=x>&amp;\"'%41.txt";
    for name in ["sub/n10", "sub/n9", odd] {
        std::fs::write(site.0.join(name), "x").unwrap();
    }
    let files = StaticFiles::new(&site.0).unwrap().listing();
    let app = Stack::new()
        .with(SecurityHeaders::default())
        .app(Router::new().mount("/files", files));
    let seen = look_at("listing", app, "/files/sub/").await;
    assert!(
        !seen.console.contains("Content Security Policy"),
        "{}",
        seen.console
    );
    // What a browser makes of the page: no element of a name, and links in their order.
    let links = seen.dom.match_indices("<td><a href=\"").map(|(at, start)| {
        let link = seen.dom.split_at(at + start.len()).1;
        link.split("</a>").next().unwrap()
    });
    assert_eq!(
        links.collect::<Vec<_>>(),
        [
            "../\">../",
            "./%3Cb%20onmouseover%3Dx%3E%26amp%3B%22%27%2541.txt\">&lt;b onmouseover=x&gt;&amp;amp;\"'%41.txt",
            "./n9\">n9",
            "./n10\">n10",
        ]
    );
    assert!(
        seen.dom
            .contains("<h1>Index of <a href=\"../\">/</a>sub/</h1>")
    );
}

/// A page that says of each event that it has it, and shows them when it has the last.
const WATCHES: &str = "<!doctype html><title>events</title><p id=seen>none</p><script>
    const seen = [], events = new EventSource('/events');
    events.onmessage = (event) => {
        seen.push(event.data);
        if (event.data === 'third') {
            events.close();
            document.getElementById('seen').textContent = seen.join(', ');
        } else {
            fetch('/has?' + event.data);
        }
    };
</script>";

#[tokio::test]
async fn events_come_one_by_one_compressed() {
    if !part(CHROMIUM) {
        return;
    }
    let stream: Arc<Mutex<Option<Sender>>> = Arc::default();
    let feed = Arc::clone(&stream);
    let routes = Router::new()
        .get("/", async |_| {
            let html = Response::builder().header("content-type", "text/html");
            html.body(Body::from(WATCHES)).unwrap()
        })
        .get("/events", move |_| {
            let (sender, body) = channel();
            sender.data("data: first\n\n");
            *stream.lock().unwrap() = Some(sender);
            let events = Response::builder().header("content-type", "text/event-stream");
            std::future::ready(events.body(Body::new(body)).unwrap())
        })
        // The next is sent when the one before has been seen: nothing may hold one back.
        .get("/has", move |req: Request<Body>| {
            let next = match req.uri().query() {
                Some("first") => "data: second\n\n",
                _ => "data: third\n\n",
            };
            if let Some(sender) = &*feed.lock().unwrap() {
                sender.data(next);
            }
            std::future::ready(StatusCode::NO_CONTENT)
        });
    let app = Stack::new().with(Compress::default()).app(routes);
    let seen = look_at("events", app, "/").await;
    let shown = "<p id=\"seen\">first, second, third</p>";
    assert!(seen.dom.contains(shown), "{} {:#?}", seen.dom, seen.asked);
    let events = seen.of("/events");
    assert!(events.starts_with("GET /events 200 gzip "), "{events}");
}
