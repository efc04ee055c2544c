//! Streams: sections 5.1, 5.3, 6.1, 6.3 and 6.4.

use std::convert::Infallible;
use std::future::pending;

use gopuram::Body;
use gopuram::gateway::Limits;
use http::{Request, Response};

use crate::exchange::Code::{Protocol, Refused, StreamClosed};
use crate::exchange::Outcome::{Connection, Differs, Ignored, Served, Stream};
use crate::exchange::{Asked, Client, MISSIZED, Outcome, cases};
use crate::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, PADDED, PRIORITY, RST_STREAM, WHOLE, data, frame,
    get, headers, post, reset, window,
};

/// What comes to a stream that has ended.
const CLOSED: Outcome = Differs(
    &Connection(StreamClosed),
    &Connection(Protocol),
    "h2 does not remember how a stream has ended; the connection ends with the first frame all the same",
);

cases! {
section_5_1 {
    data_on_an_idle_stream: [data(1, 1, b"x")] => Connection(Protocol);
    a_reset_of_an_idle_stream: [reset(1, 8)] => Connection(Protocol);
    a_window_of_an_idle_stream: [window(1, 1)] => Connection(Protocol);
    a_priority_of_an_idle_stream: [frame(PRIORITY, 0, 1, [0, 0, 0, 0, 1])] => Ignored;
    /// May be an error of the stream.
    data_behind_the_end: [get(1), data(1, 1, b"x")] => CLOSED;
    headers_behind_the_end: [get(1), get(1)] => CLOSED;
    a_continuation_behind_the_end: [get(1), frame(CONTINUATION, END_HEADERS, 1, [])] => Connection(Protocol);
    data_behind_a_reset: [post(1), reset(1, 8), data(1, 1, b"x")] => Stream(1, StreamClosed);
    headers_behind_a_reset: [post(1), reset(1, 8), get(1)] => CLOSED;
    a_window_behind_the_end: [get(1), window(1, 1)] => Served;
    a_priority_behind_the_end: [get(1), frame(PRIORITY, 0, 1, [0, 0, 0, 0, 1])] => Served;
    a_window_behind_a_reset: [post(1), reset(1, 8), window(1, 1)] => Ignored;
    a_reset_behind_a_reset: [post(1), reset(1, 8), reset(1, 8)] => Ignored;
}
section_5_1_1 {
    an_even_number: [get(2)] => Connection(Protocol);
    a_number_that_was_skipped: [get(5), get(3)] => Connection(Protocol);
    a_number_that_is_lower: [get(3), get(1)] => Connection(Protocol);
    the_highest_number: [headers(WHOLE, 0x7fff_ffff, &crate::frames::GET), get(1)] => Connection(Protocol);
}

section_5_3 {
    a_priority: [post(1), frame(PRIORITY, 0, 1, [0x80, 0, 0, 3, 255]), data(1, 1, b"")] => Served;
    /// It was an error in RFC 7540, section 5.3.1, and h2 still has it.
    a_priority_that_depends_on_itself: [post(1), frame(PRIORITY, 0, 1, [0, 0, 0, 1, 1])] => Stream(1, Protocol);
}
section_6_1 {
    data_: [post(1), data(0, 1, b"x"), data(1, 1, b"y")] => Served;
    data_of_nothing: [post(1), data(1, 1, b"")] => Served;
    data_on_no_stream: [data(1, 0, b"x")] => Connection(Protocol);
    padding: [post(1), frame(DATA, END_STREAM | PADDED, 1, [2, b'x', 0, 0])] => Served;
    padding_alone: [post(1), frame(DATA, END_STREAM | PADDED, 1, [2, 0, 0])] => Served;
    padding_as_long_as_the_frame: [post(1), frame(DATA, END_STREAM | PADDED, 1, [3, b'x', 0])] => Connection(Protocol);
    padding_that_is_not_there: [post(1), frame(DATA, END_STREAM | PADDED, 1, [])] => Connection(Protocol);
}
section_6_3 {
    a_priority_of_no_stream: [frame(PRIORITY, 0, 0, [0, 0, 0, 0, 1])] => Connection(Protocol);
    /// Of the stream, which may be taken for one of the connection (section 5.4.1).
    a_priority_of_four_bytes: [post(1), frame(PRIORITY, 0, 1, [0; 4])] => MISSIZED;
    a_priority_of_six_bytes: [post(1), frame(PRIORITY, 0, 1, [0; 6])] => MISSIZED;
}
section_6_4 {
    a_reset_of_no_stream: [reset(0, 8)] => Connection(Protocol);
    a_reset_of_three_bytes: [post(1), frame(RST_STREAM, 0, 1, [0; 3])] => MISSIZED;
    a_reset_of_five_bytes: [post(1), frame(RST_STREAM, 0, 1, [0; 5])] => MISSIZED;
    a_reset: [post(1), reset(1, 8)] => Ignored;
    a_reset_behind_the_end: [get(1), reset(1, 0)] => Ignored;
}
section_7 {
    a_code_that_nobody_knows: [post(1), reset(1, 0xffff_ffff)] => Ignored;
}
}

/// More streams than may be open are refused, and those within go on.
#[tokio::test]
async fn section_5_1_2_too_many_streams() {
    let app = tower::service_fn(async |req: Request<Body>| {
        if req.uri().path() == "/wait" {
            pending::<()>().await;
        }
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    let limits = Limits::default().streams(2);
    let mut client = Client::open(gopuram::serve(app).limits(limits)).await;
    let wait = |stream| {
        let mut fields = crate::frames::GET;
        fields[2].1 = "/wait";
        headers(WHOLE, stream, &fields)
    };
    // Once the limit is known to it: until then a client is not bound to it.
    client.send(&frame(crate::frames::SETTINGS, 1, 0, [])).await;
    client.send(&[wait(1), wait(3), wait(5)].concat()).await;
    client.is_reset(5, Refused).await;
    client.send(&reset(1, 8)).await;
    client.goes_on().await;
}

/// Each answer ends its stream, and the next may have any higher number.
#[tokio::test]
async fn section_5_1_1_numbers_may_be_skipped() {
    let asked = Asked::default();
    let mut client = Client::open(gopuram::serve(asked.app())).await;
    client.send(&[get(1), get(7), get(0x1001)].concat()).await;
    client.goes_on().await;
    assert_eq!(asked.count(), 4);
}
