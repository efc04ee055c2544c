//! Heads that are too large: RFC 9112, section 3; RFC 9110, section 15.5.15; RFC 6585, section 5.

use gopuram::gateway::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::exchange::Outcome::{Refused, Served};
use crate::exchange::{Asked, cases, check, connect_to, get, post, rest};

cases! {
section_6585_5 {
    a_field_that_is_too_long: get(&format!("X: {}\r\n", "a".repeat(70_000))) => Refused(431);
    a_name_that_is_too_long: get(&format!("{}: a\r\n", "X".repeat(70_000))) => Refused(431);
    fields_that_are_too_long_together: get(&format!("X: {}\r\n", "a".repeat(1000)).repeat(70)) => Refused(431);
    fields_that_are_too_many: get(&"X: a\r\n".repeat(100)) => Refused(431);
    as_many_fields_as_may_be: get(&"X: a\r\n".repeat(99)) => Served("GET / a ");
    a_method_that_is_too_long: format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", "X".repeat(70_000)) => Refused(431);
}
}

/// Empty lines before a request are skipped, but not without end.
#[tokio::test]
async fn section_2_2_a_request_of_nothing_but_empty_lines() {
    check("\r\n".repeat(40_000).as_bytes(), Refused(431)).await;
}

/// 431 if it makes the head too long, else 414; the longest there can be has 65,534 bytes.
#[tokio::test]
async fn section_9110_15_5_15_a_target_that_is_too_long() {
    for (limit, target, status) in [
        (64 * 1024, 65_400, "200"),
        (64 * 1024, 65_534, "431"),
        (128 * 1024, 65_534, "200"),
        (128 * 1024, 65_535, "414"),
        (128 * 1024, 140_000, "431"),
    ] {
        let head = format!("GET /{} HTTP/1.0\r\n\r\n", "a".repeat(target - 1));
        let limits = Limits::default().head(limit);
        let serve = gopuram::serve(Asked::default().app()).limits(limits);
        let mut client = connect_to(serve).await;
        client.write_all(head.as_bytes()).await.ok();
        let answer = rest(&mut client).await;
        assert_eq!(answer.get(9..12), Some(status), "{limit} {target}");
    }
}

/// Also where it is read at once, into a buffer that a body has made large.
#[tokio::test]
async fn section_6585_5_a_head_that_is_too_long_behind_a_large_body() {
    let asked = Asked::default();
    let (mut client, server) = tokio::io::duplex(1024 * 1024);
    let serving = tokio::spawn(gopuram::serve(asked.app()).over(server));
    let upload = post("Content-Length: 300000\r\n", &"a".repeat(300_000));
    client.write_all(upload.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        client.read_buf(&mut answer).await.unwrap();
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 "));
    let long = get(&format!("X: {}\r\n", "a".repeat(70_000)));
    client.write_all(long.as_bytes()).await.unwrap();
    answer.clear();
    client.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 431 "));
    assert_eq!(asked.all().len(), 1);
    serving.await.unwrap();
}
