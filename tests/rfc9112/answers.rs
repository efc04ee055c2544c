//! Answers: sections 4, 6.1 and 6.3, and RFC 9110, sections 6.4.1 and 15.

use gopuram::Body;
use http::{Request, Response};

use crate::exchange::exchange;

/// How an application answers: status, fields, content of a length that is known, or not.
struct Answer {
    status: u16,
    fields: &'static [(&'static str, &'static str)],
    content: Content,
}

#[derive(Clone, Copy)]
enum Content {
    Sized(&'static str),
    Streamed(&'static str),
}
use Content::{Sized, Streamed};

/// What goes out to such an answer, without the date.
async fn answered(request: &str, answer: &'static Answer) -> String {
    let app = tower::service_fn(move |_: Request<Body>| {
        let mut res = Response::builder().status(answer.status);
        for (name, value) in answer.fields {
            res = res.header(*name, *value);
        }
        let body = match answer.content {
            Sized(text) => Body::from(text),
            Streamed(text) => Body::new(http_body_util::StreamBody::new(
                futures_util::stream::iter([Ok::<_, std::convert::Infallible>(
                    http_body::Frame::data(text.into()),
                )]),
            )),
        };
        std::future::ready(Ok::<_, std::convert::Infallible>(res.body(body).unwrap()))
    });
    let answer = exchange(app, request.as_bytes()).await;
    let lines = answer.split_inclusive("\r\n");
    lines.filter(|line| !line.starts_with("date: ")).collect()
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const HEAD: &str = "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const GET_1_0: &str = "GET / HTTP/1.0\r\nHost: a\r\n\r\n";

macro_rules! answers {
    ($($section:ident { $($(#[$note:meta])* $name:ident: $request:ident, $status:literal $fields:expr, $content:expr
        => $out:expr;)* })*) => {
        $(mod $section {
            use super::*;
            $($(#[$note])* #[tokio::test]
            async fn $name() {
                const ANSWER: Answer = Answer { status: $status, fields: &$fields, content: $content };
                assert_eq!(answered($request, &ANSWER).await, $out);
            })*
        })*
    };
}

const FAILED: &str =
    "HTTP/1.1 500 Internal Server Error\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

answers! {
section_6_1 {
    content_of_unknown_length_is_chunked: GET, 200 [], Streamed("hi")
        => "HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    http_1_0_is_never_sent_chunks: GET_1_0, 200 [], Streamed("hi")
        => "HTTP/1.0 200 OK\r\n\r\nhi";
    /// The gateway frames, whatever an application wants.
    a_coding_that_an_application_sets_is_not_sent: GET, 200 [("transfer-encoding", "chunked")], Sized("hi")
        => "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi";
    a_coding_that_an_application_sets_is_not_sent_twice: GET, 200 [("transfer-encoding", "chunked")], Streamed("hi")
        => "HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    a_length_and_a_coding_never_go_out_together:
        GET, 200 [("content-length", "2"), ("transfer-encoding", "chunked")], Streamed("hi")
        => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";
    a_204_has_no_coding: GET, 204 [], Streamed("hi")
        => "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
}
section_6_2 {
    content_of_known_length_has_it: GET, 200 [], Sized("hi")
        => "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi";
    no_content_has_a_length_too: GET, 200 [], Sized("")
        => "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    a_length_that_contradicts_the_content: GET, 200 [("content-length", "3")], Sized("hi") => FAILED;
    a_length_that_is_no_number: GET, 200 [("content-length", "two")], Sized("hi") => FAILED;
    two_lengths: GET, 200 [("content-length", "2"), ("content-length", "2")], Sized("hi") => FAILED;
}
section_6_3 {
    an_answer_to_head_has_no_content: HEAD, 200 [], Sized("hi")
        => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n";
    an_answer_to_head_of_unknown_length: HEAD, 200 [], Streamed("hi")
        => "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
    a_204_has_no_content: GET, 204 [], Sized("hi")
        => "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
    a_205_has_no_content: GET, 205 [], Sized("hi")
        => "HTTP/1.1 205 Reset Content\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    a_304_has_no_content: GET, 304 [], Sized("hi")
        => "HTTP/1.1 304 Not Modified\r\nconnection: close\r\n\r\n";
    a_304_tells_no_length: GET, 304 [("content-length", "2")], Sized("")
        => "HTTP/1.1 304 Not Modified\r\nconnection: close\r\n\r\n";
}
section_9110_15_2 {
    an_interim_status_is_no_answer: GET, 100 [], Sized("") => FAILED;
    an_early_hint_is_no_answer: GET, 103 [], Sized("") => FAILED;
}
section_9_6 {
    an_answer_that_closes_says_so: GET, 200 [("connection", "close")], Sized("hi")
        => "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi";
}
}

/// RFC 9110, section 6.6.1.
#[tokio::test]
async fn section_9110_6_6_1_an_answer_has_a_date() {
    let app = tower::service_fn(async |_: Request<Body>| {
        Ok::<_, std::convert::Infallible>(Response::new(Body::empty()))
    });
    let answer = exchange(app, GET.as_bytes()).await;
    assert_eq!(answer.matches("\r\ndate: ").count(), 1, "{answer}");
}
