//! The same application behind real fronts, over every protocol that they speak.

#![expect(
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
async fn behind(kind: Kind, wire: Wire) -> Option<Front> {
    if !front::is_there(kind) {
        return None;
    }
    let address = match wire {
        Wire::Cgi => return Some(Front::start(kind, wire, PROGRAM).await),
        Wire::Http => "127.0.0.1:0".to_owned(),
        wire => format!("{}:127.0.0.1:0", wire.name()),
    };
    let server = gopuram::serve(app::app()).bind(address);
    let server = server.listen().await.unwrap();
    let port = server.socket().unwrap().port();
    tokio::spawn(server.run());
    Some(Front::start(kind, wire, &port.to_string()).await)
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
async fn serves(kind: Kind, wire: Wire) {
    let Some(front) = behind(kind, wire).await else {
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
        "{kind:?} over {wire:?}:\n{faults}{}",
        front.errors()
    );
    let at = streams::At {
        address: front.address,
        prefix: prefix(kind, wire),
    };
    streams::downloads(&at).await;
    streams::who_leaves_is_not_served(&at).await;
    streams::uploads(&at, streams::collects(kind, wire)).await;
}

/// A test for each.
macro_rules! fronts {
    ($($name:ident: $kind:ident over $wire:ident,)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                serves(Kind::$kind, Wire::$wire).await;
            }
        )*
    };
}

fronts! {
    nginx_over_http: Nginx over Http,
    nginx_over_fastcgi: Nginx over FastCgi,
    nginx_over_scgi: Nginx over Scgi,
    nginx_over_uwsgi: Nginx over Uwsgi,
    apache_over_http: Apache over Http,
    apache_over_fastcgi: Apache over FastCgi,
    apache_over_scgi: Apache over Scgi,
    apache_over_uwsgi: Apache over Uwsgi,
    apache_over_cgi: Apache over Cgi,
    lighttpd_over_http: Lighttpd over Http,
    lighttpd_over_fastcgi: Lighttpd over FastCgi,
    lighttpd_over_scgi: Lighttpd over Scgi,
    lighttpd_over_uwsgi: Lighttpd over Uwsgi,
    lighttpd_over_cgi: Lighttpd over Cgi,
    haproxy_over_http: Haproxy over Http,
    haproxy_over_fastcgi: Haproxy over FastCgi,
}
