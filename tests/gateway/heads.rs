//! Heads that must not pass: bytes in, bytes out.

use gopuram::gateway::Limits;
use tokio::io::AsyncWriteExt as _;

use crate::support::{Counter, connect, exchange, rest};

/// Asserts that a head is refused, that what is behind it is not looked at, and that the
/// application is not asked.
async fn refused(head: &str, answer: &str) {
    let counter = Counter::default();
    let bytes = format!("{head}GET /behind HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(exchange(counter.app(), bytes).await, answer, "{head:?}");
    assert_eq!(counter.count(), 0, "{head:?}");
}

/// As the gateway refuses.
const FRONT_400: &str =
    "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
const FRONT_501: &str =
    "HTTP/1.1 501 Not Implemented\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
/// As hyper refuses what it cannot parse.
const PARSER_400: &str =
    "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

macro_rules! refused {
    ($($name:ident: $head:expr => $answer:expr;)*) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                refused($head, $answer).await;
            }
        )*
    };
}

refused! {
    no_host:
        "GET / HTTP/1.1\r\n\r\n" => FRONT_400;
    two_hosts:
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" => FRONT_400;
    two_equal_hosts:
        "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n" => FRONT_400;
    a_host_with_a_space:
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n" => FRONT_400;
    a_host_with_a_path:
        "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n" => FRONT_400;
    a_host_with_a_name:
        "GET / HTTP/1.1\r\nHost: me@a\r\n\r\n" => FRONT_400;
    a_host_with_a_port_beyond:
        "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n" => FRONT_400;
    a_list_of_hosts:
        "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n" => FRONT_400;
    a_target_with_a_name:
        "GET http://me@a/ HTTP/1.1\r\nHost: a\r\n\r\n" => FRONT_400;
    a_target_with_a_fragment:
        "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n" => FRONT_400;
    an_asterisk_for_get:
        "GET * HTTP/1.1\r\nHost: a\r\n\r\n" => FRONT_400;
    an_authority_for_get:
        "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n" => FRONT_400;
    a_path_for_connect:
        "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n" => FRONT_400;
    no_port_for_connect:
        "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n" => FRONT_400;

    a_length_before_a_coding:
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" => FRONT_400;
    a_length_after_a_coding:
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" => FRONT_400;
    a_length_twice:
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n" => FRONT_400;
    two_lengths:
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n" => PARSER_400;
    a_list_of_lengths:
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n" => PARSER_400;
    a_length_with_a_sign:
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n" => PARSER_400;
    a_length_of_nothing:
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n" => PARSER_400;
    a_length_too_long:
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n" => PARSER_400;

    chunked_twice:
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" => FRONT_400;
    chunked_on_two_lines:
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" => FRONT_400;
    a_coding_around_chunked:
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" => FRONT_501;
    a_coding_on_another_line:
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" => FRONT_501;
    a_coding_that_is_not_chunked:
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n" => PARSER_400;
    chunked_before_another:
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n" => PARSER_400;
    a_coding_on_http_1_0:
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" => PARSER_400;

    a_space_before_the_colon:
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n" => PARSER_400;
    a_folded_line:
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n" => PARSER_400;
    a_space_before_the_first_field:
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n" => PARSER_400;
    a_line_without_a_colon:
        "GET / HTTP/1.1\r\nHost: a\r\nnothing\r\n\r\n" => PARSER_400;
    a_line_without_a_name:
        "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n" => PARSER_400;
    a_nul_in_a_value:
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n" => PARSER_400;
    a_bare_carriage_return:
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n" => PARSER_400;
    two_spaces_in_the_request_line:
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n" => PARSER_400;
    a_space_in_the_target:
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n" => PARSER_400;
    a_control_in_the_target:
        "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n" => PARSER_400;
    a_method_that_is_no_token:
        "G(T / HTTP/1.1\r\nHost: a\r\n\r\n" => PARSER_400;
    no_version:
        "GET /\r\n\r\n" => PARSER_400;
    another_version:
        "GET / HTTP/3.0\r\nHost: a\r\n\r\n" => PARSER_400;
    another_protocol:
        "GET / ICAP/1.0\r\nHost: a\r\n\r\n" => PARSER_400;
    tls:
        "\x16\x03\x01\x02\0\x01\0\x01" => PARSER_400;
}

#[tokio::test(start_paused = true)]
async fn a_bad_head_behind_a_good_one_is_refused() {
    let counter = Counter::default();
    let bytes = "GET / HTTP/1.1\r\nHost: a\r\n\r\n\
                 POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n\
                 GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let answers = exchange(counter.app(), bytes).await;
    let expected = format!("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello{FRONT_400}");
    assert_eq!(answers, expected);
    assert_eq!(counter.count(), 1);
}

/// 431 if it makes the head too long, else 414; the longest there can be has 65,534 bytes.
#[tokio::test(start_paused = true)]
async fn a_target_that_is_too_long() {
    for (limit, target, status) in [
        (64 * 1024, 65_400, "200"),
        (64 * 1024, 65_534, "431"),
        (128 * 1024, 65_534, "200"),
        (128 * 1024, 65_535, "414"),
        (128 * 1024, 140_000, "431"),
    ] {
        let head = format!("GET /{} HTTP/1.0\r\n\r\n", "a".repeat(target - 1));
        let limits = Limits::default().head(limit);
        let mut client = connect(gopuram::serve(Counter::default().app()).limits(limits));
        client.write_all(head.as_bytes()).await.unwrap();
        let answer = rest(&mut client).await;
        assert_eq!(answer.get(9..12), Some(status), "{limit} {target}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_too_long() {
    let field = format!("X: {}\r\n", "a".repeat(1000));
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", field.repeat(70));
    let answer = exchange(Counter::default().app(), head).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_head_with_too_many_fields() {
    let head = format!(
        "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
        "X: a\r\n".repeat(100)
    );
    let answer = exchange(Counter::default().app(), head).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn heads_that_look_odd_and_are_right_pass() {
    for head in [
        "GET / HTTP/1.1\r\nHost:\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "FOO //a//b HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: , Chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \t 00  \r\n\r\n",
    ] {
        let counter = Counter::default();
        let answer = exchange(counter.app(), head).await;
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n"),
            "{head:?} {answer}"
        );
    }
}

/// What parties disagree about the end of is not read on, so that a request behind it,
/// refused alone, is not served either.
#[tokio::test(start_paused = true)]
async fn a_trailer_that_a_newline_alone_ends_ends_the_connection() {
    let smuggled = "POST /in HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\
                    Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    for trailers in ["A: b\n\r\n\r\n", "\n", "\nA: b\r\n\r\n"] {
        let counter = Counter::default();
        let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
        let bytes = format!("{chunked}{trailers}{smuggled}");
        assert_eq!(exchange(counter.app(), bytes).await, "", "{trailers:?}");
        assert_eq!(counter.count(), 0, "{trailers:?}");
    }
}
