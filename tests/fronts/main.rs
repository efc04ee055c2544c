//! The same application behind real fronts, over every protocol that they speak.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "what helps a test may panic as it may"
)]

mod app;
mod cases;
mod client;
mod front;
mod streams;

use std::fmt::Write as _;

use front::{Front, Kind, Wire};

use crate::client::Client;

/// Starts the application and a front before it; with CGI it is the front that starts the application.
async fn behind(kind: Kind, wire: Wire, by: By) -> Option<Front> {
    if !front::is_there(kind) {
        return None;
    }
    if wire == Wire::Cgi {
        return Some(Front::start(kind, wire, PROGRAM).await);
    }
    let place = match by {
        By::Tcp => "127.0.0.1:0".to_owned(),
        By::Unix => {
            let name = format!("gopuram-{}-{}.sock", wire.name(), std::process::id());
            format!("unix:{}", std::env::temp_dir().join(name).display())
        }
    };
    let address = match wire {
        Wire::Http => place.clone(),
        wire => format!("{}:{place}", wire.name()),
    };
    let server = gopuram::serve(app::app()).bind(address);
    let server = server.listen().await.unwrap();
    let place = server.socket().map_or(place, |tcp| tcp.to_string());
    tokio::spawn(server.run());
    Some(Front::start(kind, wire, &place).await)
}

/// What kind of socket the application has.
#[derive(Clone, Copy, Debug)]
enum By {
    Tcp,
    Unix,
}

/// The application as a program.
const PROGRAM: &str = env!("CARGO_BIN_EXE_gopuram-fronts-program");

/// Where the application is.
fn prefix(kind: Kind, wire: Wire) -> &'static str {
    match (kind, wire) {
        (Kind::Lighttpd, Wire::Cgi) => "/app",
        _ => "",
    }
}

/// Asks all there is to ask, and has bodies stream.
async fn serves(kind: Kind, wire: Wire, by: By) {
    let Some(front) = behind(kind, wire, by).await else {
        return;
    };
    let mut faults = String::new();
    for case in cases::cases(prefix(kind, wire)) {
        let mut client = Client::to(front.address).await;
        let method = case.request.split(|&byte| byte == b' ').next().unwrap();
        let method = std::str::from_utf8(method).unwrap().to_owned();
        client.send(&case.request).await;
        let answer = client.answer(&method).await;
        let wants = match cases::differs(kind, wire, case.name) {
            Some((_, wants)) => wants,
            None => &*case.wants,
        };
        for fault in wants.iter().filter_map(|want| want.fault(&answer)) {
            writeln!(faults, "{}: {fault} (status {})", case.name, answer.status).unwrap();
        }
    }
    assert!(
        faults.is_empty(),
        "{kind:?} over {wire:?} by {by:?}:\n{faults}{}",
        front.errors()
    );
    if kind == Kind::Nginx && wire != Wire::Http {
        let mut client = Client::to(front.address).await;
        client.send(b"GET /echo HTTP/1.0\r\nHost: a\r\n\r\n").await;
        let said = client.answer("GET").await.line("port");
        assert_eq!(said, Some(front.address.port().to_string()));
    }
    let at = streams::At {
        address: front.address,
        prefix: prefix(kind, wire),
    };
    streams::downloads(&at).await;
    streams::who_leaves_is_not_served(&at).await;
    if streams::looks_at_its_client(kind) {
        streams::who_leaves_is_not_waited_for(&at).await;
    }
    streams::uploads(&at, streams::collects(kind, wire)).await;
}

/// A test for each.
macro_rules! fronts {
    ($($name:ident: $kind:ident over $wire:ident by $by:ident,)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                serves(Kind::$kind, Wire::$wire, By::$by).await;
            }
        )*
    };
}

fronts! {
    nginx_over_http: Nginx over Http by Tcp,
    nginx_over_fastcgi: Nginx over FastCgi by Tcp,
    nginx_over_scgi: Nginx over Scgi by Tcp,
    nginx_over_uwsgi: Nginx over Uwsgi by Tcp,
    nginx_over_fastcgi_by_unix: Nginx over FastCgi by Unix,
    nginx_over_scgi_by_unix: Nginx over Scgi by Unix,
    nginx_over_uwsgi_by_unix: Nginx over Uwsgi by Unix,
    apache_over_http: Apache over Http by Tcp,
    apache_over_fastcgi: Apache over FastCgi by Tcp,
    apache_over_scgi: Apache over Scgi by Tcp,
    apache_over_uwsgi: Apache over Uwsgi by Tcp,
    apache_over_cgi: Apache over Cgi by Tcp,
    lighttpd_over_http: Lighttpd over Http by Tcp,
    lighttpd_over_fastcgi: Lighttpd over FastCgi by Tcp,
    lighttpd_over_scgi: Lighttpd over Scgi by Tcp,
    lighttpd_over_uwsgi: Lighttpd over Uwsgi by Tcp,
    lighttpd_over_cgi: Lighttpd over Cgi by Tcp,
    haproxy_over_http: Haproxy over Http by Tcp,
    haproxy_over_fastcgi: Haproxy over FastCgi by Tcp,
}
