//! Addresses, sockets and their limits.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener as BlockingListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use gopuram::Body;
use gopuram::gateway::{Address, Handle, Limits};
use http::{Request, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use crate::support::{Counter, echo, read_until};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// A path for a socket that no other test has.
fn path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("gopuram-{}-{name}", std::process::id()));
    fs::remove_file(&path).ok();
    path
}

#[tokio::test]
async fn several_addresses_are_served_at_once() {
    let path = path("several");
    let server = gopuram::serve(Counter::default().app())
        .bind("127.0.0.1:0")
        .bind("tcp:localhost:0")
        .bind(format!("unix:{}", path.display()))
        .listen()
        .await
        .unwrap();
    assert_eq!(server.addresses().len(), 3);
    assert_eq!(server.addresses()[2].path(), Some(path.as_path()));
    let sockets: Vec<_> = server
        .addresses()
        .iter()
        .filter_map(Address::socket)
        .collect();
    let handle = server.handle();
    let running = tokio::spawn(server.run());
    for socket in sockets {
        let mut client = TcpStream::connect(socket).await.unwrap();
        client.write_all(GET).await.unwrap();
        read_until(&mut client, "hello").await;
    }
    let mut client = UnixStream::connect(&path).await.unwrap();
    client.write_all(GET).await.unwrap();
    read_until(&mut client, "hello").await;
    handle.stop();
    running.await.unwrap().unwrap();
    assert!(!path.exists(), "the socket file is left over");
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
    let path = path("stale");
    drop(BlockingListener::bind(&path).unwrap());
    assert!(path.exists());
    let address = Address::unix(&path).mode(0o600);
    let server = gopuram::serve(echo()).bind(address).listen().await.unwrap();
    let file = fs::symlink_metadata(&path).unwrap();
    assert!(file.file_type().is_socket());
    assert_eq!(file.permissions().mode() & 0o777, 0o600);

    let second = gopuram::serve(echo()).bind(Address::unix(&path));
    let error = second.listen().await.unwrap_err();
    assert!(error.is_bind());
    assert!(error.to_string().contains("in use"), "{error}");
    assert!(path.exists());
    drop(server);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_socket_that_was_replaced_is_left_alone() {
    let path = path("replaced");
    let server = gopuram::serve(echo())
        .bind(Address::unix(&path))
        .listen()
        .await
        .unwrap();
    fs::remove_file(&path).unwrap();
    let _other = BlockingListener::bind(&path).unwrap();
    drop(server);
    assert!(path.exists());
    fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_left_alone() {
    let path = path("file");
    fs::write(&path, "precious").unwrap();
    let error = gopuram::serve(echo())
        .bind(Address::unix(&path))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("not a socket"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn an_address_in_use_is_told_by_name() {
    let first = gopuram::serve(echo())
        .bind("127.0.0.1:0")
        .listen()
        .await
        .unwrap();
    let address = first.socket().unwrap();
    let error = gopuram::serve(echo()).bind(address).await.unwrap_err();
    assert!(error.is_bind());
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    assert!(error.to_string().contains("in use"), "{error}");
    let us = format!("(process {})", std::process::id());
    assert!(error.to_string().contains(&us), "{error}");
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn mistakes_in_addresses_are_told() {
    for address in [
        "8000",
        "localhost",
        "127.0.0.1",
        "unix:/no/such/directory/s",
        "192.0.2.1:0",
    ] {
        let error = gopuram::serve(echo()).bind(address).await.unwrap_err();
        assert!(error.is_bind(), "{address}");
        assert!(error.to_string().contains(address), "{error}");
    }
    let error = gopuram::serve(echo()).await.unwrap_err();
    assert!(error.to_string().contains("nothing to listen on"));
}

#[tokio::test]
async fn more_connections_than_allowed_have_to_wait() {
    let server = gopuram::serve(Counter::default().app())
        .bind("127.0.0.1:0")
        .limits(Limits::default().connections(2))
        .listen()
        .await
        .unwrap();
    let address = server.socket().unwrap();
    tokio::spawn(server.run());
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(GET).await.unwrap();
        read_until(&mut client, "hello").await;
        open.push(client);
    }
    let mut third = TcpStream::connect(address).await.unwrap();
    third.write_all(GET).await.unwrap();
    let mut byte = [0];
    let early = tokio::time::timeout(Duration::from_millis(20), third.read(&mut byte)).await;
    assert!(early.is_err(), "answered beyond the limit");
    open.pop();
    read_until(&mut third, "hello").await;
}

/// One that is waited for at the first address takes none from the second.
#[tokio::test]
async fn the_only_place_is_for_whichever_address_a_client_comes_to() {
    let server = gopuram::serve(Counter::default().app())
        .bind("127.0.0.1:0")
        .bind("127.0.0.1:0")
        .limits(Limits::default().connections(1))
        .listen()
        .await
        .unwrap();
    let addresses: Vec<_> = server.addresses().iter().map(Address::socket).collect();
    tokio::spawn(server.run());
    for address in addresses.iter().cycle().take(6) {
        let mut client = TcpStream::connect(address.unwrap()).await.unwrap();
        client.write_all(GET).await.unwrap();
        read_until(&mut client, "hello").await;
    }
}

/// Set for the process that serves with few descriptors.
const FEW: &str = "GOPURAM_TEST_FEW_DESCRIPTORS";

/// The test starts itself once more under `ulimit -n`, and is then the server.
#[tokio::test]
async fn it_accepts_again_after_it_ran_out_of_descriptors() {
    let path = path("descriptors");
    if let Some(path) = std::env::var_os(FEW) {
        let handle = Arc::new(OnceLock::<Handle>::new());
        let known = Arc::clone(&handle);
        let app = tower::util::service_fn(move |_: Request<Body>| {
            let errors = known.get().unwrap().stats().accept_errors;
            let body = Body::from(format!("{errors} errors"));
            std::future::ready(Ok::<_, Infallible>(Response::new(body)))
        });
        let serve = gopuram::serve(app).bind(Address::unix(path));
        let server = serve.listen().await.unwrap();
        handle.set(server.handle()).unwrap();
        server.run().await.unwrap();
        return;
    }
    let mut server = Command::new("sh")
        .args(["-c", "ulimit -n 30; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "listen::it_accepts_again_after_it_ran_out_of_descriptors",
        ])
        .env(FEW, &path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let client = async || loop {
        match UnixStream::connect(&path).await {
            Ok(client) => return client,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    // More than it can have; those beyond are in the kernel's queue.
    let begun = Instant::now();
    let mut open = Vec::new();
    for _ in 0..40 {
        open.push(client().await);
    }
    let last = open.last_mut().unwrap();
    last.write_all(GET).await.unwrap();
    let mut byte = [0];
    let early = tokio::time::timeout(Duration::from_millis(50), last.read(&mut byte)).await;
    assert!(early.is_err(), "descriptors were not out");
    open.drain(..35);
    let answer = read_until(open.last_mut().unwrap(), " errors").await;
    // It tried again now and then, and did not spin: ten times a second.
    let tries = answer
        .rsplit("\r\n")
        .next()
        .unwrap()
        .split(' ')
        .next()
        .unwrap();
    let most = begun.elapsed().as_millis() / 100 + 1;
    assert!(
        (1..=most).contains(&tries.parse().unwrap()),
        "{tries} of {most}"
    );

    // A signal ends it, and the file is gone.
    let kill = Command::new("kill").arg(server.id().to_string()).status();
    assert!(kill.unwrap().success());
    drop(open);
    assert!(server.wait().unwrap().success());
    assert!(!path.exists());
}
