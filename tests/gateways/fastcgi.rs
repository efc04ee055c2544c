//! FastCGI: records, several requests at once, and what front servers ask besides.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use gopuram::Body;
use gopuram::gateway::{Limits, Protocol};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use tower::util::{BoxCloneService, service_fn};

use crate::front::{
    ABORT, DATA, END, GET_VALUES, GET_VALUES_RESULT, PARAMS, STDIN, STDOUT, Said, UNKNOWN_TYPE,
    begin, pairs, params, record, stdin,
};
use crate::support::{App, Count, Records, answers, connect, echo, over, rest, turns};

fn front(app: App) -> Records {
    Records::of(connect(app, Protocol::FastCgi))
}

fn get(id: u16, target: &str, flags: u8) -> Vec<u8> {
    [
        begin(id, 1, flags),
        params(id, &Said::get(target)),
        stdin(id, b""),
    ]
    .concat()
}

#[tokio::test]
async fn the_answer_is_output_its_end_and_that_of_the_request() {
    let mut front = front(echo());
    front.send(get(7, "/x", 0)).await;
    let (kind, id, content) = front.next().await.unwrap();
    assert_eq!((kind, id), (STDOUT, 7));
    assert_eq!(content, b"Status: 200 OK\r\ncontent-length: 7\r\n\r\n");
    assert_eq!(front.next().await, Some((STDOUT, 7, b"GET /x ".to_vec())));
    assert_eq!(front.next().await, Some((STDOUT, 7, Vec::new())));
    assert_eq!(front.next().await, Some((END, 7, vec![0; 8])));
    assert_eq!(front.next().await, None);
}

#[tokio::test]
async fn bytes_may_come_one_by_one() {
    let mut front = front(echo());
    let said = Said::of("PUT", "/x").with("HTTP_LONG", &"y".repeat(200));
    let bytes = [begin(1, 1, 1), params(1, &said), stdin(1, b"abc")].concat();
    for byte in bytes {
        front.send([byte]).await;
        tokio::task::yield_now().await;
    }
    assert!(front.answer(1).await.0.ends_with("PUT /x abc"));
}

#[tokio::test]
async fn variables_may_straddle_records() {
    let said = Said::get("/x").with("HTTP_LONG", &"y".repeat(300));
    let bytes = pairs(&said);
    for cut in 1..bytes.len() {
        let mut front = front(echo());
        front.send(begin(1, 1, 0)).await;
        front.send(record(PARAMS, 1, &bytes[..cut])).await;
        front.send(record(PARAMS, 1, &bytes[cut..])).await;
        front
            .send([record(PARAMS, 1, b""), stdin(1, b"")].concat())
            .await;
        assert!(front.answer(1).await.0.ends_with("GET /x "), "{cut}");
    }
}

#[tokio::test]
async fn a_connection_is_kept_if_that_is_asked_for() {
    let mut front = front(echo());
    for (id, flags) in [(1, 1), (3, 1), (1, 0)] {
        front.send(get(id, "/x", flags)).await;
        assert!(front.answer(id).await.0.ends_with("GET /x "));
    }
    assert_eq!(front.next().await, None);
}

#[tokio::test]
async fn requests_are_answered_as_they_are_done_and_not_as_they_came() {
    let gates: std::sync::Arc<tokio::sync::Notify> = std::sync::Arc::default();
    let app = BoxCloneService::new(service_fn({
        let gates = std::sync::Arc::clone(&gates);
        move |req: Request<Body>| {
            let gates = std::sync::Arc::clone(&gates);
            async move {
                if req.uri().path() == "/slow" {
                    gates.notified().await;
                }
                Ok::<_, Infallible>(Response::new(Body::from(req.uri().to_string())))
            }
        }
    }));
    let mut front = front(app);
    front.send(get(1, "/slow", 1)).await;
    front.send(get(3, "/fast", 1)).await;
    front.send(get(5, "/faster", 1)).await;
    let mut ended = Vec::new();
    while ended.len() < 2 {
        if let Some((END, id, _)) = front.next().await {
            ended.push(id);
        }
    }
    ended.sort_unstable();
    assert_eq!(ended, [3, 5]);
    gates.notify_one();
    assert!(front.answer(1).await.0.ends_with("/slow"));
}

#[tokio::test]
async fn bodies_may_come_mixed() {
    let mut front = front(echo());
    for id in [1, 2] {
        front
            .send([begin(id, 1, 1), params(id, &Said::of("PUT", "/"))].concat())
            .await;
    }
    for (id, piece) in [(1, "a"), (2, "x"), (1, "b"), (2, "y"), (2, ""), (1, "c")] {
        front.send(record(STDIN, id, piece.as_bytes())).await;
    }
    assert!(front.answer(2).await.0.ends_with("PUT / xy"));
    front.send(record(STDIN, 1, b"")).await;
    assert!(front.answer(1).await.0.ends_with("PUT / abc"));
}

#[tokio::test]
async fn a_large_answer_does_not_hold_up_a_small_one() {
    let app = answers(|req| {
        let large = req.uri().path() == "/large";
        Response::new("x".repeat(if large { 5_000_000 } else { 5 }))
    });
    let mut front = front(app);
    front
        .send([get(1, "/large", 1), get(2, "/small", 1)].concat())
        .await;
    let mut before = 0;
    while let Some((kind, id, content)) = front.next().await {
        if id == 2 && kind == END {
            break;
        }
        before += content.len();
    }
    assert!(before < 5_000_000, "{before}");
}

#[tokio::test]
async fn a_request_that_is_given_up_is_dropped_and_ended() {
    let dropped = Count::default();
    let app = BoxCloneService::new(service_fn({
        let dropped = dropped.clone();
        move |req: Request<Body>| {
            let end = dropped.at_the_end();
            async move {
                if req.uri().path() == "/slow" {
                    std::future::pending::<()>().await;
                }
                drop(end);
                Ok::<_, Infallible>(Response::new(Body::from("hello")))
            }
        }
    }));
    let mut front = front(app);
    front.send(get(1, "/slow", 1)).await;
    turns().await;
    assert_eq!(dropped.get(), 0);
    front.send(record(ABORT, 1, b"")).await;
    assert_eq!(
        front.next().await,
        Some((END, 1, vec![0, 0, 0, 1, 0, 0, 0, 0]))
    );
    assert_eq!(dropped.get(), 1);
    // Before its variables have ended as well, and what comes late is nothing.
    front
        .send([begin(3, 1, 1), record(ABORT, 3, b"")].concat())
        .await;
    assert_eq!(
        front.next().await,
        Some((END, 3, vec![0, 0, 0, 1, 0, 0, 0, 0]))
    );
    front
        .send(
            [
                params(3, &Said::get("/")),
                stdin(3, b"x"),
                record(ABORT, 9, b""),
            ]
            .concat(),
        )
        .await;
    front.send(get(5, "/", 1)).await;
    assert!(front.answer(5).await.0.ends_with("hello"));
}

#[tokio::test]
async fn what_comes_of_a_body_after_the_answer_is_ignored() {
    let app = answers(|_| Response::new("hello"));
    let mut front = front(app);
    let said = Said::of("PUT", "/").with("CONTENT_LENGTH", "9");
    front
        .send([begin(1, 1, 1), params(1, &said), record(STDIN, 1, b"abc")].concat())
        .await;
    assert!(front.answer(1).await.0.ends_with("hello"));
    front.send(stdin(1, &get(1, "/inner", 1))).await;
    front.send(get(1, "/next", 1)).await;
    assert!(front.answer(1).await.0.ends_with("hello"));
    turns().await;
    front.send(get(1, "/last", 0)).await;
    front.answer(1).await;
    assert_eq!(front.next().await, None);
}

#[tokio::test]
async fn values_are_told_of_what_is_known() {
    let limits = Limits::default().streams(7).connections(20);
    let serve = gopuram::serve(echo()).limits(limits);
    let mut front = Records::of(over(serve, Protocol::FastCgi));
    let asked = Said(Vec::new())
        .with("FCGI_MPXS_CONNS", "")
        .with("FCGI_OTHER", "")
        .with("FCGI_MAX_REQS", "")
        .with("FCGI_MAX_CONNS", "");
    front.send(record(GET_VALUES, 0, &pairs(&asked))).await;
    let told = Said(Vec::new())
        .with("FCGI_MAX_CONNS", "20")
        .with("FCGI_MAX_REQS", "7")
        .with("FCGI_MPXS_CONNS", "1");
    assert_eq!(
        front.next().await,
        Some((GET_VALUES_RESULT, 0, pairs(&told)))
    );
    front.send(record(GET_VALUES, 0, b"")).await;
    assert_eq!(front.next().await, Some((GET_VALUES_RESULT, 0, Vec::new())));
    front.send(get(1, "/x", 0)).await;
    front.answer(1).await;
}

#[tokio::test]
async fn management_that_is_not_known_is_told_so() {
    let mut front = front(echo());
    front.send(record(77, 0, b"abc")).await;
    let unknown = Some((UNKNOWN_TYPE, 0, vec![77, 0, 0, 0, 0, 0, 0, 0]));
    assert_eq!(front.next().await, unknown);
    front.send(get(1, "/x", 0)).await;
    front.answer(1).await;
}

#[tokio::test(start_paused = true)]
async fn answers_of_the_protocol_that_nobody_reads_do_not_pile_up() {
    let mut front = connect(echo(), Protocol::FastCgi);
    let bytes = record(77, 0, b"").repeat(500_000);
    let mut sent = 0;
    // As much as is taken.
    let patience = Duration::from_millis(50);
    while let Ok(written) = timeout(patience, front.write(&bytes[sent..])).await {
        sent += written.unwrap();
        assert!(sent < 1_000_000, "{sent}");
    }
    // When they are read, it goes on.
    let (mut read, mut write) = tokio::io::split(front);
    let rest = bytes[sent..].to_vec();
    tokio::spawn(async move { write.write_all(&rest).await.unwrap() });
    let mut answers = vec![0; 500_000 * 16];
    read.read_exact(&mut answers).await.unwrap();
    assert!(answers.chunks(16).all(|one| one[1] == UNKNOWN_TYPE));
}

#[tokio::test]
async fn other_roles_and_too_many_requests_are_refused() {
    let app = BoxCloneService::new(service_fn(async |_: Request<Body>| {
        std::future::pending::<()>().await;
        Ok::<_, Infallible>(Response::new(Body::empty()))
    }));
    let serve = gopuram::serve(app).limits(Limits::default().streams(2));
    let mut front = Records::of(over(serve, Protocol::FastCgi));
    for (role, id) in [(2, 1), (3, 3), (0, 5)] {
        front
            .send(
                [
                    begin(id, role, 1),
                    params(id, &Said::get("/")),
                    record(DATA, id, b"x"),
                ]
                .concat(),
            )
            .await;
        assert_eq!(
            front.next().await,
            Some((END, id, vec![0, 0, 0, 0, 3, 0, 0, 0]))
        );
    }
    front
        .send([get(1, "/", 1), get(3, "/", 1), get(5, "/", 1)].concat())
        .await;
    assert_eq!(
        front.next().await,
        Some((END, 5, vec![0, 0, 0, 0, 2, 0, 0, 0]))
    );
}

#[tokio::test]
async fn a_role_that_is_refused_ends_a_connection_that_is_not_kept() {
    let mut front = front(echo());
    front.send(begin(1, 2, 0)).await;
    assert_eq!(
        front.next().await,
        Some((END, 1, vec![0, 0, 0, 0, 3, 0, 0, 0]))
    );
    assert_eq!(front.next().await, None);
}

#[tokio::test]
async fn what_makes_no_sense_ends_the_connection() {
    for bytes in [
        [begin(1, 1, 1), begin(1, 1, 1)].concat(),
        [begin(1, 1, 1), record(STDIN, 1, b"x")].concat(),
        record(1, 1, b"short"),
        b"\x02\x01\0\x01\0\0\0\0".to_vec(),
    ] {
        let mut front = connect(echo(), Protocol::FastCgi);
        front.write_all(&bytes).await.unwrap();
        let answer = rest(&mut front, Protocol::FastCgi).await;
        assert_eq!(answer.text, "");
    }
}

#[tokio::test]
async fn variables_that_are_not_whole_end_only_their_request() {
    let mut front = front(echo());
    front
        .send(
            [
                begin(1, 1, 1),
                record(PARAMS, 1, b"\x05\x05ab"),
                record(PARAMS, 1, b""),
            ]
            .concat(),
        )
        .await;
    let (text, _) = front.answer(1).await;
    assert!(text.starts_with("Status: 400 Bad Request\r\n"), "{text}");
    front.send(get(1, "/x", 0)).await;
    assert!(front.answer(1).await.0.ends_with("GET /x "));
}

#[tokio::test]
async fn a_panic_ends_only_its_request_if_nothing_was_sent() {
    let app = answers(|req| {
        assert!(req.uri() != "/panic", "as the test wants it");
        Response::new("hello")
    });
    let mut front = front(app);
    front.send(get(1, "/panic", 1)).await;
    assert_eq!(front.next().await, Some((STDOUT, 1, Vec::new())));
    assert_eq!(
        front.next().await,
        Some((END, 1, vec![0, 0, 0, 1, 0, 0, 0, 0]))
    );
    front.send(get(1, "/", 1)).await;
    assert!(front.answer(1).await.0.ends_with("hello"));
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_take_others_along() {
    let gate: std::sync::Arc<tokio::sync::Notify> = std::sync::Arc::default();
    let app = BoxCloneService::new(service_fn({
        let gate = std::sync::Arc::clone(&gate);
        move |req: Request<Body>| {
            let gate = std::sync::Arc::clone(&gate);
            async move {
                let body = if req.uri().path() == "/broken" {
                    let pieces = [
                        Ok(Frame::data(Bytes::from("some"))),
                        Err(std::io::Error::other("cut")),
                    ];
                    Body::new(StreamBody::new(futures_util::stream::iter(pieces)))
                } else {
                    gate.notified().await;
                    Body::from("x".repeat(500_000))
                };
                Ok::<_, Infallible>(Response::new(body))
            }
        }
    }));
    let mut front = front(app);
    front.send(get(1, "/whole", 1)).await;
    front.send(get(3, "/broken", 1)).await;
    // What was given is passed on, and no end.
    let mut some = Vec::new();
    while !some.ends_with(b"some") {
        let (kind, id, content) = front.next().await.unwrap();
        assert_eq!((kind, id), (STDOUT, 3));
        some.extend(content);
    }
    turns().await;
    front.send(get(5, "/late", 1)).await;
    assert_eq!(front.next().await, Some((STDOUT, 5, Vec::new())));
    let failed = vec![0, 0, 0, 1, 0, 0, 0, 0];
    assert_eq!(front.next().await, Some((END, 5, failed)));
    gate.notify_one();
    let (text, end) = front.answer(1).await;
    assert!(text.len() > 500_000);
    assert_eq!(end, [0; 8]);
    assert_eq!(front.next().await, None);
}
