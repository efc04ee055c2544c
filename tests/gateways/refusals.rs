//! What is refused, and how.

use gopuram::gateway::Protocol;
use http::Response;

use crate::front::{ALL, Said, netstring, packet};
use crate::support::{App, Count, answers, ask, exchange};

fn counting() -> (App, Count) {
    let count = Count::default();
    let app = answers({
        let count = count.clone();
        move |_| {
            count.add();
            Response::new("hello")
        }
    });
    (app, count)
}

#[tokio::test]
async fn r2_what_is_malformed_is_refused_before_the_application_sees_it() {
    let (app, count) = counting();
    let get = || Said::get("/");
    let http10 = |name: &str| {
        let mut said = Said::get("/");
        said.0.retain(|(known, _)| known != name);
        said
    };
    for (said, status) in [
        (Said::get("/a#b"), 400),
        (Said::get("a"), 400),
        (Said::get("*"), 400),
        (Said::of("", "/"), 400),
        (Said::of("A B", "/"), 400),
        (Said::of("CONNECT", "a:443"), 501),
        (get().with("HTTP_HOST", "b"), 400),
        (http10("HTTP_HOST"), 400),
        (http10("HTTP_HOST").with("HTTP_HOST", "a b"), 400),
        (get().with("HTTP_X", "a\nb"), 400),
        (get().with("HTTP_A B", "x"), 400),
        (get().with("SERVER_PROTOCOL", "HTTP/4"), 400),
        (get().with("SCRIPT_NAME", "a"), 400),
        (get().with("HTTP_LARGE", &"x".repeat(70_000)), 431),
    ] {
        for protocol in ALL {
            if protocol == Protocol::Uwsgi && status == 431 {
                continue;
            }
            let answer = ask(app.clone(), protocol, &said).await;
            assert_eq!(answer.status(), status, "{protocol:?} {:?}", said.0);
        }
    }
    assert_eq!(count.get(), 0);
}

#[tokio::test]
async fn lengths_that_are_none_are_refused() {
    let (app, count) = counting();
    for length in ["x", "+1", "1,1", "99999999999999999999"] {
        let said = Said::get("/").with("CONTENT_LENGTH", length);
        let answer = exchange(app.clone(), Protocol::Uwsgi, &packet(&said, b"")).await;
        assert_eq!(answer.status(), 400, "{length}");
        let mut scgi = Said(vec![("CONTENT_LENGTH".to_owned(), length.to_owned())]);
        scgi = scgi.with("SCGI", "1");
        scgi.0.extend(Said::get("/").0);
        let answer = exchange(app.clone(), Protocol::Scgi, &netstring(&scgi, b"")).await;
        assert_eq!(answer.status(), 400, "{length}");
    }
    assert_eq!(count.get(), 0);
}

#[tokio::test]
async fn too_many_variables_are_refused() {
    let (app, count) = counting();
    let mut said = Said::get("/");
    for number in 0..300 {
        said = said.with(&format!("HTTP_X{number}"), "");
    }
    for protocol in ALL {
        assert_eq!(ask(app.clone(), protocol, &said).await.status(), 431);
    }
    assert_eq!(count.get(), 0);
}

#[tokio::test]
async fn what_is_not_understood_closes_the_connection() {
    let (app, count) = counting();
    for (protocol, bytes) in [
        (Protocol::FastCgi, b"\x02\x01\0\x01\0\x08\0\0".as_slice()),
        (Protocol::FastCgi, b"GET / HTTP/1.1\r\n\r\n"),
        (Protocol::Scgi, b"GET / HTTP/1.1\r\n\r\n"),
        (Protocol::Scgi, b"01:"),
        (Protocol::Uwsgi, b"GET / HTTP/1.1\r\n\r\n"),
        (Protocol::Uwsgi, b"\x16\x03\0\0abc"),
    ] {
        assert_eq!(exchange(app.clone(), protocol, bytes).await.text, "");
    }
    assert_eq!(count.get(), 0);
}

#[tokio::test]
async fn variables_that_load_code_are_nothing() {
    let app = answers(|req| {
        assert_eq!(req.headers().len(), 2);
        Response::new("hello")
    });
    let said = Said::get("/")
        .with("UWSGI_FILE", "/tmp/evil.py")
        .with("UWSGI_SCHEME", "https")
        .with("PHP_VALUE", "auto_prepend_file=/etc/passwd")
        .with("HTTP_PROXY", "http://evil/");
    for protocol in ALL {
        assert_eq!(ask(app.clone(), protocol, &said).await.body(), "hello");
    }
}
