//! What becomes of a connection: section 9, and what of RFC 9110 and RFC 9113 decides it.

use crate::exchange::Outcome::{Cut, Last, Refused, Served};
use crate::exchange::{Asked, cases, connect, exchange, get, post, rest};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

cases! {
section_9_3 {
    http_1_1_goes_on: get("") => Served("GET / a ");
    http_1_1_goes_on_whatever_else_is_wanted: get("Connection: x, y\r\n") => Served("GET / a ");
    http_1_0_ends: "GET / HTTP/1.0\r\nHost: a\r\n\r\n" => Last("GET / a ");
    http_1_0_goes_on_if_it_says_so:
        "GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n" => Served("GET / a ");
    http_1_0_has_bodies:
        "POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc" => Served("POST / a abc");
}
section_9_6 {
    close_ends: get("Connection: close\r\n") => Last("GET / a ");
    close_is_of_any_case: get("Connection: CLOSE\r\n") => Last("GET / a ");
    close_is_one_of_a_list: get("Connection: x,\tclose , y\r\n") => Last("GET / a ");
    close_is_on_another_line: get("Connection: x\r\nConnection: close\r\n") => Last("GET / a ");
    close_wins_over_keep_alive: get("Connection: keep-alive, close\r\n") => Last("GET / a ");
    close_ends_behind_the_body:
        post("Connection: close\r\nContent-Length: 3\r\n", "abc") => Last("POST / a abc");
    a_name_that_only_begins_alike_does_not: get("Connection: closed\r\n") => Served("GET / a ");
}

section_9110_7_8 {
    an_upgrade_that_nobody_takes_up: get("Connection: upgrade\r\nUpgrade: x/1\r\n") => Served("GET / a ");
    /// RFC 9113, section 3.1 has put it out of use.
    an_upgrade_to_http_2:
        get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n") => Served("GET / a ");
    an_upgrade_with_a_body:
        post("Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 3\r\n", "abc") => Served("POST / a abc");
}
section_9110_10_1_1 {
    /// 417 is a MAY; the body comes anyway.
    an_expectation_that_nobody_knows: get("Expect: the-best\r\n") => Served("GET / a ");
    an_expectation_of_who_does_not_wait:
        post("Expect: 100-continue\r\nContent-Length: 3\r\n", "abc") => Served("POST / a abc");
    an_expectation_without_a_body: get("Expect: 100-continue\r\n") => Served("GET / a ");
    an_expectation_on_1_0:
        "POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc"
            => Served("POST / a abc");
}
section_9113_3_4 {
    /// The gateway knows the preface by its first bytes; hyper's HTTP/2 then hears something else.
    what_only_begins_like_the_preface: "PRI * HTTP/1.1\r\nHost: a\r\n\r\n" => Refused(400);
    a_method_that_only_begins_like_the_preface:
        "PRINT / HTTP/1.1\r\nHost: a\r\n\r\n" => Served("PRINT / a ");
    the_preface_behind_a_request:
        format!("{}PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", get("")) => Last("GET / a ");
    the_preface_behind_an_empty_line: "\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" => Cut;
}
}

mod section_9_3_2 {
    use super::*;

    /// What comes of requests one behind the other: what was asked, and the answers.
    async fn pipelined(requests: &[&str]) -> (Vec<String>, String) {
        let asked = Asked::default();
        let answers = exchange(asked.app(), requests.concat().as_bytes()).await;
        (asked.all(), answers)
    }

    const CLOSE: &str = "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

    #[tokio::test]
    async fn requests_are_answered_in_order() {
        let first = "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none";
        let second = "POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n";
        let (asked, answers) = pipelined(&[first, second, CLOSE]).await;
        assert_eq!(asked, ["POST /1 a one", "POST /2 a two", "GET /last a "]);
        assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 3);
    }

    /// Whatever makes a request bad, those before it are answered and those behind it are not asked.
    #[tokio::test]
    async fn nothing_behind_a_bad_request_is_asked() {
        for (bad, status) in [
            ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
                400,
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
                400,
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                400,
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
                501,
            ),
        ] {
            let good = "GET /good HTTP/1.1\r\nHost: a\r\n\r\n";
            let (asked, answers) = pipelined(&[good, bad, good, CLOSE]).await;
            assert_eq!(asked, ["GET /good a "], "{bad:?}");
            assert_eq!(
                answers.matches("HTTP/1.1 ").count(),
                2,
                "{bad:?} {answers:?}"
            );
            assert!(
                answers.contains(&format!("HTTP/1.1 {status} ")),
                "{bad:?} {answers:?}"
            );
        }
    }

    /// Each byte in a segment of its own is the same request.
    #[tokio::test]
    async fn how_bytes_are_cut_into_segments_does_not_matter() {
        let asked = Asked::default();
        let mut client = connect(asked.app()).await;
        client.set_nodelay(true).unwrap();
        let first = "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nX: y\r\n\r\n";
        for byte in [first, CLOSE].concat().bytes() {
            client.write_all(&[byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        rest(&mut client).await;
        assert_eq!(asked.all(), ["POST /1 a abc", "GET /last a "]);
    }
}

#[tokio::test]
async fn section_9110_10_1_1_who_waits_to_send_is_told_to_continue() {
    let asked = Asked::default();
    let mut client = connect(asked.app()).await;
    let head = post(
        "Expect: 100-Continue\r\nConnection: close\r\nContent-Length: 2\r\n",
        "",
    );
    client.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    client.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"hi").await.unwrap();
    assert!(rest(&mut client).await.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(asked.all(), ["POST / a hi"]);
}
