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

use std::fmt::Write as _;

use front::{Front, Kind, Wire};

use crate::client::Client;

/// Starts the application and a front before it.
async fn behind(kind: Kind, wire: Wire) -> Front {
    let server = gopuram::serve(app::app()).bind("127.0.0.1:0");
    let server = server.listen().await.unwrap();
    let port = server.socket().unwrap().port();
    tokio::spawn(server.run());
    Front::start(kind, wire, &port.to_string()).await
}

/// Asks all there is to ask.
async fn conforms(kind: Kind, wire: Wire) {
    let front = behind(kind, wire).await;
    let mut faults = String::new();
    for case in cases::cases("") {
        let mut client = Client::to(front.address).await;
        let method = case.request.split(|&byte| byte == b' ').next().unwrap();
        let method = std::str::from_utf8(method).unwrap().to_owned();
        client.send(&case.request).await;
        let answer = client.answer(&method).await;
        let wants = match cases::differs(kind, wire, case.name) {
            Some((_, wants)) => wants,
            None => case.wants,
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
}

#[tokio::test]
async fn nginx_over_http() {
    conforms(Kind::Nginx, Wire::Http).await;
}

#[tokio::test]
async fn apache_over_http() {
    conforms(Kind::Apache, Wire::Http).await;
}

#[tokio::test]
async fn lighttpd_over_http() {
    conforms(Kind::Lighttpd, Wire::Http).await;
}

#[tokio::test]
async fn haproxy_over_http() {
    conforms(Kind::Haproxy, Wire::Http).await;
}
