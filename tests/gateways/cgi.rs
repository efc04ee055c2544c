//! CGI: a program, its environment, its standard input and output.

use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};

use gopuram::gateway::Protocol;

use crate::front::{Answer, Said};

const PROGRAM: &str = env!("CARGO_BIN_EXE_gopuram-test-program");

fn start(said: &Said) -> Child {
    Command::new(PROGRAM)
        .env_clear()
        .env("GATEWAY_INTERFACE", "CGI/1.1")
        .env("PATH", "/evil")
        .envs(said.0.iter().cloned())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The answer to a request, whose input is left open.
fn ask(said: &Said, input: &[u8]) -> Answer {
    let mut child = start(said);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input).unwrap();
    let mut answer = Vec::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_end(&mut answer)
        .unwrap();
    assert!(child.wait().unwrap().success());
    drop(stdin);
    Answer::of(Protocol::Scgi, &answer, false)
}

#[test]
fn one_request_is_answered() {
    let said = Said::of("POST", "/cgi-bin/app/a%2Fb?q")
        .with("SCRIPT_NAME", "/cgi-bin/app")
        .with("PATH_INFO", "/a/b")
        .with("QUERY_STRING", "q")
        .with("CONTENT_LENGTH", "3")
        .with("HTTP_PROXY", "http://evil/")
        .with("REMOTE_ADDR", "192.0.2.1")
        .with("HTTPS", "on");
    // What is beyond the length is left alone.
    let answer = ask(&said, b"abcdef");
    assert_eq!(answer.status(), 200);
    let expected = "method POST\ntarget /a%2Fb?q\nmount /cgi-bin/app\nclient 192.0.2.1\nscheme https\n\
        host: a\ncontent-length: 3\nbody 3 294";
    assert_eq!(answer.body(), expected);
}

#[test]
fn an_input_that_is_not_there_is_not_waited_for() {
    let said = Said::get("/app/")
        .with("SCRIPT_NAME", "/app")
        .with("PATH_INFO", "/");
    assert!(ask(&said, b"").body().ends_with("body 0 0"));
}

#[test]
fn nothing_behind_the_script_is_redirected_to_its_slash() {
    let answer = ask(&Said::get("/app").with("SCRIPT_NAME", "/app"), b"");
    assert_eq!(answer.status(), 308);
    assert_eq!(answer.header("location"), Some("/app/"));
}

#[test]
fn a_large_answer_is_whole() {
    let answer = ask(&Said::get("/large"), b"");
    assert_eq!(answer.body().len(), 1_000_000);
}

#[test]
fn a_redirect_is_the_clients() {
    let answer = ask(&Said::get("/redirect"), b"");
    assert!(
        answer.text.starts_with("Status: 302 Found\r\n"),
        "{answer:?}"
    );
}

#[test]
fn what_is_malformed_is_refused() {
    assert_eq!(ask(&Said::get("/a#b"), b"").status(), 400);
    assert_eq!(ask(&Said(Vec::new()), b"").status(), 400);
    let wrong = Said::get("/").with("CONTENT_LENGTH", "x");
    assert_eq!(ask(&wrong, b"").status(), 400);
}

#[test]
fn a_body_that_is_cut_short_is_an_error() {
    let mut child = start(&Said::of("PUT", "/").with("CONTENT_LENGTH", "9"));
    child.stdin.take().unwrap().write_all(b"abc").unwrap();
    let mut answer = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut answer)
        .unwrap();
    child.wait().unwrap();
    assert!(answer.ends_with("body the body broke off"), "{answer}");
}

#[test]
fn a_body_whose_length_nobody_knows_ends_with_the_input() {
    for said in [
        Said::of("PUT", "/").with("CONTENT_LENGTH", "-1"),
        Said::of("PUT", "/").with("HTTP_TRANSFER_ENCODING", "chunked"),
    ] {
        let mut child = start(&said);
        child.stdin.take().unwrap().write_all(b"abc").unwrap();
        let output = child.wait_with_output().unwrap();
        let answer = Answer::of(Protocol::Scgi, &output.stdout, false);
        assert!(answer.body().ends_with("body 3 294"), "{answer:?}");
    }
}

#[test]
fn arguments_are_nothing() {
    let said = Said::get("/");
    let mut command = Command::new(PROGRAM);
    command
        .args(["-s", "--help"])
        .env_clear()
        .env("GATEWAY_INTERFACE", "CGI/1.1")
        .envs(said.0)
        .stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(output.stdout.starts_with(b"Status: 200 OK\r\n"));
}

#[test]
fn fastcgi_is_spoken_on_an_input_that_listens() {
    let path = std::env::temp_dir().join(format!("gopuram-fd0-{}.sock", std::process::id()));
    std::fs::remove_file(&path).ok();
    let listener = UnixListener::bind(&path).unwrap();
    let mut child = Command::new(PROGRAM)
        .env_clear()
        .stdin(OwnedFd::from(listener))
        .spawn()
        .unwrap();
    let process = child.id().to_string();
    for _ in 0..2 {
        let mut front = UnixStream::connect(&path).unwrap();
        front
            .write_all(&Said::get("/x").send(Protocol::FastCgi, b""))
            .unwrap();
        let mut answer = Vec::new();
        front.read_to_end(&mut answer).unwrap();
        let answer = Answer::of(Protocol::FastCgi, &answer, false);
        assert!(answer.body().starts_with("method GET\ntarget /x\n"));
        assert!(answer.whole);
        // It is heard: who does not ask for it is ended by it.
        let reopen = Command::new("kill").args(["-s", "USR1", &process]).status();
        assert!(reopen.unwrap().success());
    }
    let term = Command::new("kill").arg(&process).status();
    assert!(term.unwrap().success());
    assert!(child.wait().unwrap().success());
    // It is the front server's, and so is its file.
    assert!(path.exists());
    std::fs::remove_file(path).unwrap();
}

#[test]
fn without_an_address_there_is_nothing_to_serve() {
    let output = Command::new(PROGRAM)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("nothing to listen on"), "{said}");
}
