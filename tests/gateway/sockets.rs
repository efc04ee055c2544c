//! Sockets apart from a server, that several accept from.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gopuram::Body;
use gopuram::gateway::{Handle, Sockets};
use http::{Request, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tower::util::service_fn;

/// A server on these sockets, which answers with its name.
async fn serve_on(
    sockets: &Sockets,
    name: &'static str,
) -> (Handle, JoinHandle<Result<(), gopuram::Error>>) {
    let app = service_fn(move |_: Request<Body>| async move {
        Ok::<_, std::convert::Infallible>(Response::new(Body::from(name)))
    });
    let serve = gopuram::serve(app).on(sockets.clone());
    let server = serve.listen().await.unwrap();
    let handle = server.handle();
    (handle, tokio::spawn(server.run()))
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

async fn answer(mut client: impl tokio::io::AsyncRead + Unpin) -> String {
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    let (head, name) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    name.to_owned()
}

#[tokio::test]
async fn who_leaves_leaves_those_that_wait_to_others() {
    let sockets = Sockets::bind(["127.0.0.1:0"]).await.unwrap();
    let address = sockets.addresses().next().unwrap().socket().unwrap();
    let (first, ended) = serve_on(&sockets, "first").await;
    let ask = async || {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(REQUEST).await.unwrap();
        client
    };
    assert_eq!(answer(ask().await).await, "first");
    first.leave();
    ended.await.unwrap().unwrap();
    // The socket listens on, and nobody accepts for a while.
    let waiting = ask().await;
    let (second, ended) = serve_on(&sockets, "second").await;
    assert_eq!(answer(waiting).await, "second");
    second.stop();
    ended.await.unwrap().unwrap();
    drop(sockets);
    TcpStream::connect(address).await.unwrap_err();
}

#[tokio::test]
async fn who_leaves_waits_for_requests_that_are_on_their_way() {
    let sockets = Sockets::bind(["127.0.0.1:0"]).await.unwrap();
    let address = sockets.addresses().next().unwrap().socket().unwrap();
    let (handle, ended) = serve_on(&sockets, "only").await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let mut begun = [0; 12];
    client.read_exact(&mut begun).await.unwrap();
    handle.leave();
    client.write_all(REQUEST).await.unwrap();
    let mut rest = String::new();
    client.read_to_string(&mut rest).await.unwrap();
    assert!(rest.ends_with("only"), "{rest}");
    assert_eq!(rest.matches("only").count(), 2, "{rest}");
    ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn who_gives_way_takes_what_others_do_not() {
    let sockets = Sockets::bind(["127.0.0.1:0"]).await.unwrap();
    let address = sockets.addresses().next().unwrap().socket().unwrap();
    let app = service_fn(async |_: Request<Body>| {
        Ok::<_, std::convert::Infallible>(Response::new(Body::from("polite")))
    });
    let asked = Arc::new(Mutex::new(Vec::new()));
    let polite = Arc::clone(&asked);
    let serve = gopuram::serve(app)
        .on(sockets.clone())
        .give_way(move |open| {
            polite.lock().unwrap().push(open);
            true
        });
    let server = serve.listen().await.unwrap();
    let polite = server.handle();
    let ended = tokio::spawn(server.run());
    let ask = async || {
        let mut client = TcpStream::connect(address).await.unwrap();
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        let mut answer = vec![0; 1024];
        let len = client.read(&mut answer).await.unwrap();
        answer.truncate(len);
        (client, String::from_utf8(answer).unwrap())
    };
    let (first, answer) = ask().await;
    assert!(answer.ends_with("polite"), "{answer}");
    let (second, answer) = ask().await;
    assert!(answer.ends_with("polite"), "{answer}");
    assert!(asked.lock().unwrap().ends_with(&[2]), "{asked:?}");
    drop((first, second));
    let (quick, quickly) = serve_on(&sockets, "quick").await;
    let (_, answer) = ask().await;
    assert!(answer.ends_with("quick"), "{answer}");
    polite.leave();
    quick.stop();
    ended.await.unwrap().unwrap();
    quickly.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_file_is_there_for_as_long_as_its_socket() {
    let path = std::env::temp_dir().join(format!("gopuram-sockets-{}", std::process::id()));
    let address = format!("unix:{}", path.display());
    let sockets = Sockets::bind([address.as_str()]).await.unwrap();
    let (handle, ended) = serve_on(&sockets, "only").await;
    handle.leave();
    ended.await.unwrap().unwrap();
    assert!(path.exists());
    drop(sockets);
    assert!(!path.exists());
}

#[tokio::test]
async fn what_is_passed_is_named_and_the_manager_is_none_of_its_business() {
    let sockets = Sockets::bind(["127.0.0.1:0", "unix:@gopuram-passed"]).await;
    let sockets = sockets.unwrap();
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "echo $LISTEN_FDS $LISTEN_FDNAMES $NOTIFY_SOCKET; test -S /dev/fd/3 && test -S /dev/fd/4 && echo sockets",
        ])
        .env("NOTIFY_SOCKET", "/nowhere");
    sockets.pass(&mut command).unwrap();
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let (names, fds) = said.split_once('\n').unwrap();
    assert_eq!(
        names,
        "2 gopuram-shared/127.0.0.1%3a0+0:gopuram-shared/unix%3a@gopuram-passed+1"
    );
    assert_eq!(fds, "sockets\n");
}

#[tokio::test]
async fn nothing_bound_is_told() {
    let error = Sockets::bind::<&str>([]).await.unwrap_err();
    assert!(error.to_string().contains("address"), "{error}");
}

#[tokio::test]
async fn a_program_that_ends_does_not_take_over() {
    let path = std::env::temp_dir().join(format!("gopuram-kept-{}", std::process::id()));
    let sockets = Sockets::bind([format!("unix:{}", path.display()).as_str()]).await;
    let sockets = sockets.unwrap();
    let deadline = Duration::from_secs(30);
    assert!(!sockets.hand_over(Command::new("true"), deadline).await);
    // Whoever has waited is still there to be accepted.
    UnixStream::connect(&path).unwrap().write_all(b"x").unwrap();
    let mut ready = Command::new("sh");
    ready.args(["-c", "printf 1 >&3"]);
    assert!(sockets.hand_over(ready, deadline).await);
    drop(sockets);
    assert!(path.exists(), "the file is the successor's");
    std::fs::remove_file(path).unwrap();
}
