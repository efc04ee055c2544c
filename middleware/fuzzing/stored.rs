//! What is kept: lines of a log, and answers in a store that others may write to.

use std::io::{self, Write};
use std::pin::pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Waker};

use http::header::{COOKIE, REFERER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use tower_layer::Layer as _;
use tower_service::Service as _;

use crate::access_log::{AccessLog, Log};
use crate::body::Body;
use crate::cache::Entry;
use crate::router::Router;

/// What is decoded is encoded as it was, and whoever writes to the store cannot do more than that.
pub fn cache_wire(bytes: &[u8]) {
    let _ = Entry::is_selected(bytes, &HeaderMap::new());
    if let Some(entry) = Entry::decode(bytes.to_vec()) {
        let written = entry.encode();
        let again = Entry::decode(written.clone()).unwrap();
        assert_eq!(again.encode(), written);
        assert!(again.replaces(&entry) && entry.replaces(&again));
    }
}

/// Where a log is written to.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One writer for all runs: it has a thread.
static SINK: LazyLock<(Sink, Log)> = LazyLock::new(|| {
    let sink = Sink::default();
    (sink.clone(), Log::to(sink))
});

/// What nobody but the fuzzer's own field has in it.
const SECRET: &str = "sEcReT42";

/// A request is one line without a control in it, of ASCII unless it is JSON, whatever the request says; and it has
/// no cookie in it that is secret.
pub fn access_log(bytes: &[u8]) {
    let mut parts = bytes.splitn(3, |byte| *byte == b'\n');
    let [target, cookie, other] = [(); 3].map(|()| parts.next().unwrap_or_default());
    let (sink, log) = &*SINK;
    let mut formats = vec![
        AccessLog::combined(log.clone()),
        AccessLog::json(log.clone()),
    ];
    let cookies = r#"%{Cookie}i "%{s}C" %{x}C"#;
    formats.extend(AccessLog::format(cookies, log.clone()));
    for format in formats {
        let mut req = Request::new(Body::empty());
        if let Ok(uri) = Uri::try_from(target) {
            *req.uri_mut() = uri;
        }
        *req.method_mut() = Method::from_bytes(other).unwrap_or_default();
        let cookie = [cookie, b"; s=", SECRET.as_bytes()].concat();
        for (name, value) in [(COOKIE, &*cookie), (REFERER, other), (USER_AGENT, other)] {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                req.headers_mut().insert(name, value);
            }
        }
        let mut app = format.redact_cookies(["s"]).layer(Router::new());
        // A router answers at once, and what becomes of the answer is said when it is dropped.
        let answer = pin!(app.call(req));
        drop(answer.poll(&mut Context::from_waker(Waker::noop())));
        log.flush().unwrap();
        let line = std::mem::take(&mut *sink.0.lock().unwrap());
        let (end, visible) = line.split_last().unwrap();
        assert_eq!(*end, b'\n');
        let text = str::from_utf8(visible).unwrap();
        assert!(!text.contains(|c: char| c.is_ascii_control()), "{text}");
        assert!(text.is_ascii() || text.starts_with('{'), "{text}");
        assert!(
            bytes
                .windows(6)
                .any(|six| six.eq_ignore_ascii_case(b"secret"))
                || !text.contains(SECRET),
            "{text}"
        );
    }
}
