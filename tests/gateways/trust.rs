//! Who is believed, and in what.

use gopuram::gateway::{Address, Protocol};
use gopuram::middleware::attributes::Attributes;
use http::Response;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use crate::front::{ALL, Answer, Said};
use crate::support::{App, answers};

/// Says client, user, mount and target.
fn says() -> App {
    answers(|req| {
        let attributes = Attributes::of(&req).unwrap();
        let client = attributes.client().map(|client| client.ip.to_string());
        Response::new(format!(
            "{} {} {}|{}",
            client.unwrap_or_default(),
            attributes.user().as_deref().unwrap_or("-"),
            attributes.mount().prefix(),
            req.uri()
        ))
    })
}

fn said() -> Said {
    Said::get("/app/x")
        .with("REMOTE_ADDR", "192.0.2.1")
        .with("REMOTE_USER", "ann")
}

/// The answer at an address, and how many were refused.
async fn at(address: Address, protocol: Protocol) -> (String, u64) {
    let bytes = said().send(protocol, b"");
    let (answer, refused) = answer_at(address, protocol, &bytes).await;
    (answer.text, refused)
}

async fn answer_at(address: Address, protocol: Protocol, bytes: &[u8]) -> (Answer, u64) {
    let server = gopuram::serve(says()).bind(address).listen().await.unwrap();
    let address = server.addresses()[0].clone();
    let handle = server.handle();
    tokio::spawn(server.run());
    let mut answer = Vec::new();
    // Who is refused may notice it while it still writes.
    if let Some(path) = address.path() {
        let mut front = UnixStream::connect(path).await.unwrap();
        front.write_all(bytes).await.unwrap();
        front.read_to_end(&mut answer).await.unwrap();
    } else {
        let mut front = TcpStream::connect(address.socket().unwrap()).await.unwrap();
        front.write_all(bytes).await.ok();
        front.read_to_end(&mut answer).await.ok();
    }
    let refused = handle.stats().refused_fronts;
    handle.stop();
    (Answer::of(protocol, &answer, false), refused)
}

#[tokio::test]
async fn this_machine_is_believed_but_not_in_who_the_user_is() {
    for protocol in ALL {
        let address = Address::from("127.0.0.1:0").protocol(protocol);
        let (text, refused) = at(address, protocol).await;
        assert!(text.ends_with("\r\n\r\n192.0.2.1 - |/app/x"), "{text}");
        assert_eq!(refused, 0);
    }
}

#[tokio::test]
async fn others_are_refused_and_counted() {
    for protocol in ALL {
        let elsewhere = format!("{protocol}127.0.0.1:0?fronts=192.0.2.0/24");
        assert_eq!(at(elsewhere.into(), protocol).await, (String::new(), 1));
        let here = format!("{protocol}127.0.0.1:0?fronts=127.0.0.0/8");
        assert_eq!(at(here.into(), protocol).await.1, 0);
    }
}

#[tokio::test]
async fn a_unix_socket_is_believed() {
    for protocol in ALL {
        let name = format!("gopuram-front-{protocol:?}-{}.sock", std::process::id());
        let address = Address::unix(std::env::temp_dir().join(name)).protocol(protocol);
        let (text, refused) = at(address.fronts("192.0.2.0/24"), protocol).await;
        assert!(text.ends_with("192.0.2.1 - |/app/x"), "{text}");
        assert_eq!(refused, 0);
    }
}

#[tokio::test]
async fn the_user_and_the_mount_are_what_the_address_says() {
    for protocol in ALL {
        let address = format!("{protocol}127.0.0.1:0?remote_user&script_name=/app");
        let (text, _) = at(address.into(), protocol).await;
        assert!(text.ends_with("\r\n\r\n192.0.2.1 ann /app|/x"), "{text}");
        let elsewhere = format!("{protocol}127.0.0.1:0?script_name=/other");
        let (text, _) = at(elsewhere.into(), protocol).await;
        assert!(text.contains(" 404 "), "{text}");
    }
}

#[tokio::test]
async fn paths_that_evade_rules_in_front_are_refused_if_the_address_says_so() {
    // nginx goes by `/public` here.
    let said = Said::get("/admin/..%2fpublic").with("DOCUMENT_URI", "/public");
    for protocol in ALL {
        let bytes = said.send(protocol, b"");
        for (option, status) in [("", 200), ("?plain_paths", 400)] {
            let address = format!("{protocol}127.0.0.1:0{option}");
            let (answer, _) = answer_at(address.into(), protocol, &bytes).await;
            assert_eq!(answer.status(), status);
        }
    }
}
