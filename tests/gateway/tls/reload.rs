//! Certificates that change while they are used.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use gopuram::gateway::{Authorities, Tls};
use rustls::ClientConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::support::{Ca, Dir, ask, client, client_with, dial, get, secure, teller};
use crate::support::{Counter, read_until};

/// Whether a new handshake shows a certificate that this authority has signed.
async fn shows(tls: &Tls, ca: &Ca) -> bool {
    let client = dial(teller(), tls, client(ca, &[]), "a.example").await;
    client.is_ok()
}

#[tokio::test]
async fn a_bad_reload_leaves_all_as_it_was() {
    let (before, after) = (Ca::new("before"), Ca::new("after"));
    let dir = Dir::new();
    before.server(&["a.example"]).write(&dir);
    let tls = dir.tls();
    assert!(shows(&tls, &before).await);
    // The certificate of one and the key of another, as when it is read between two writes.
    let next = after.server(&["a.example"]);
    fs::write(dir.path("cert.pem"), &next.chain).unwrap();
    let error = tls.reload().unwrap_err();
    assert!(error.is_tls() && error.to_string().contains("does not belong"));
    assert!(shows(&tls, &before).await);
    fs::remove_file(dir.path("key.pem")).unwrap();
    assert!(tls.reload().unwrap_err().to_string().contains("key.pem"));
    assert!(shows(&tls, &before).await);
    next.write(&dir);
    assert!(shows(&tls, &before).await, "nobody asked for a reload");
    tls.clone().reload().unwrap();
    assert!(shows(&tls, &after).await);
    assert!(!shows(&tls, &before).await);
}

#[tokio::test]
async fn what_came_without_files_stays() {
    let ca = Ca::new("ca");
    let tls = ca.server(&["a.example"]).tls();
    tls.reload().unwrap();
    assert!(shows(&tls, &ca).await);
}

/// A session that goes on is not verified again, so none does.
#[tokio::test]
async fn authorities_that_are_gone_vouch_for_nobody() {
    let (ca, before, after) = (Ca::new("ca"), Ca::new("before"), Ca::new("after"));
    let dir = Dir::new();
    fs::write(dir.path("ca.pem"), before.pem()).unwrap();
    let authorities = Authorities::pem_file(dir.path("ca.pem")).unwrap();
    let tls = ca.server(&["a.example"]).tls().client_required(authorities);
    let config = client_with(&ca, &before.client("friend"));
    let ask_once = async || {
        let mut io = dial(teller(), &tls, config.clone(), "a.example").await?;
        ask(&mut io, &get("a.example")).await
    };
    for _ in 0..2 {
        assert!(ask_once().await.unwrap().ends_with(" 1"));
    }
    assert_eq!(tls.stats().resumed, 1);
    fs::write(dir.path("ca.pem"), after.pem()).unwrap();
    tls.reload().unwrap();
    assert!(ask_once().await.is_err());
    assert_eq!(tls.stats().client_certificate, 1);
}

/// Asks over one new connection after another, counting, until it is done.
async fn load(address: SocketAddr, config: ClientConfig, done: Arc<AtomicBool>, count: Counted) {
    let config = Arc::new(config);
    while !done.load(Ordering::Relaxed) {
        let io = TcpStream::connect(address).await.unwrap();
        let mut io = secure(io, Arc::clone(&config), "a.example").await.unwrap();
        let answer = ask(&mut io, &get("a.example")).await.unwrap();
        assert!(answer.ends_with("hello"), "{answer}");
        count.fetch_add(1, Ordering::Relaxed);
    }
}

type Counted = Arc<AtomicUsize>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_reloads_under_load_lose_nothing() {
    let (ca, dir) = (Ca::new("ca"), Dir::new());
    ca.server(&["a.example"]).write(&dir);
    let (tls, app) = (dir.tls(), Counter::default());
    let server = gopuram::serve(app.app())
        .tls("127.0.0.1:0", tls.clone())
        .listen()
        .await
        .unwrap();
    let address = server.socket().unwrap();
    let (handle, certificates) = (server.handle(), server.certificates());
    let running = tokio::spawn(server.run());

    let old = TcpStream::connect(address).await.unwrap();
    let mut old = secure(old, client(&ca, &[]), "a.example").await.unwrap();
    let (done, count) = (Arc::new(AtomicBool::new(false)), Counted::default());
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let (done, count) = (Arc::clone(&done), Arc::clone(&count));
            tokio::spawn(load(address, client(&ca, &[]), done, count))
        })
        .collect();
    for round in 0..20 {
        let next = ca.server(&["a.example"]);
        next.write(&dir);
        certificates.reload().unwrap();
        // New handshakes show the new one, and the old connection is as good as ever.
        let fresh = TcpStream::connect(address).await.unwrap();
        let fresh = secure(fresh, client(&ca, &[]), "a.example").await.unwrap();
        let shown = fresh.get_ref().1.peer_certificates().unwrap();
        assert!(shown[0] == next.der(), "round {round}");
        old.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
            .await
            .unwrap();
        read_until(&mut old, "hello").await;
        let before = count.load(Ordering::Relaxed);
        while count.load(Ordering::Relaxed) < before + 3 {
            assert!(!clients.iter().any(JoinHandle::is_finished), "one failed");
            tokio::task::yield_now().await;
        }
    }
    done.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(app.count(), count.load(Ordering::Relaxed) + 20);
    handle.stop();
    old.read_to_end(&mut Vec::new()).await.unwrap();
    running.await.unwrap().unwrap();
    assert!(tls.stats().completed > 80);
    assert_eq!(tls.stats().broken + tls.stats().refused, 0);
}
