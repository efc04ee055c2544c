//! Frames of the connection: sections 5.4.1, 6.5 to 6.8.

use crate::exchange::Code::{FlowControl, Protocol};
use crate::exchange::Outcome::{Connection, Differs, Ignored, Served};
use crate::exchange::{Asked, Client, MISSIZED, ONE_CODE, cases};
use crate::frames::{
    ACK, GOAWAY, HEADERS, PING, PUSH_PROMISE, SETTINGS, block, frame, get, ping, post, setting,
};

/// `GOAWAY` with a code, behind no stream.
fn goaway(code: u32) -> Vec<u8> {
    let payload = [[0; 4], code.to_be_bytes()].concat();
    frame(GOAWAY, 0, 0, payload)
}

cases! {
section_6_5 {
    settings_again: [setting(1, 100)] => Ignored;
    settings_on_a_stream: [frame(SETTINGS, 0, 1, [])] => Connection(Protocol);
    settings_of_five_bytes: [frame(SETTINGS, 0, 0, [0; 5])] => MISSIZED;
    an_acknowledgement_with_settings: [frame(SETTINGS, ACK, 0, [0; 6])] => MISSIZED;
    an_acknowledgement_on_a_stream: [frame(SETTINGS, ACK, 1, [])] => Connection(Protocol);
}
section_6_5_2 {
    a_setting_that_nobody_knows: [setting(0xeeee, 7)] => Ignored;
    no_push: [setting(2, 0)] => Ignored;
    push_that_is_neither: [setting(2, 2)] => Connection(Protocol);
    the_largest_window: [setting(4, 0x7fff_ffff)] => Ignored;
    a_window_beyond: [setting(4, 0x8000_0000)]
        => Differs(&Connection(FlowControl), &Connection(Protocol), ONE_CODE);
    the_smallest_frames: [setting(5, 16_384)] => Ignored;
    frames_that_are_too_small: [setting(5, 16_383)] => Connection(Protocol);
    the_largest_frames: [setting(5, 16_777_215)] => Ignored;
    frames_that_are_too_large: [setting(5, 16_777_216)] => Connection(Protocol);
    no_table: [setting(1, 0)] => Ignored;
    the_largest_table: [setting(1, u32::MAX)] => Ignored;
    /// RFC 8441, section 3.
    extended_connect_that_is_neither: [setting(8, 2)] => Connection(Protocol);
}
section_6_6 {
    a_client_promises_nothing: [post(1), frame(PUSH_PROMISE, 4, 1, [vec![0, 0, 0, 2], block(&crate::frames::GET)].concat())]
        => Connection(Protocol);
}
section_6_7 {
    a_ping_on_a_stream: [frame(PING, 0, 1, [0; 8])] => Connection(Protocol);
    a_ping_of_seven_bytes: [frame(PING, 0, 0, [0; 7])] => MISSIZED;
    a_ping_of_nine_bytes: [frame(PING, 0, 0, [0; 9])] => MISSIZED;
    an_answer_that_nobody_asked_for: [frame(PING, ACK, 0, [7; 8])] => Ignored;
}
section_6_8 {
    goaway_on_a_stream: [frame(GOAWAY, 0, 1, [0; 8])] => Connection(Protocol);
    goaway_of_seven_bytes: [frame(GOAWAY, 0, 0, [0; 7])] => MISSIZED;
    /// What the client has asked for before is answered.
    goaway_behind_a_request: [get(1), goaway(0)] => Served;
    goaway_with_more: [get(1), frame(GOAWAY, 0, 0, [0; 100])] => Served;
    goaway_with_a_code_that_nobody_knows: [get(1), goaway(0xffff_ffff)] => Served;
}
}

#[tokio::test]
async fn section_6_5_3_settings_are_acknowledged_each() {
    let mut client = Client::open(gopuram::serve(Asked::default().app())).await;
    client.send(&[setting(3, 1), setting(3, 2)].concat()).await;
    for _ in 0..3 {
        while client.next_of(SETTINGS, 0).await.flags != ACK {}
    }
}

#[tokio::test]
async fn section_6_7_a_ping_is_answered_with_what_it_says() {
    let mut client = Client::open(gopuram::serve(Asked::default().app())).await;
    client.send(&ping(*b"gopuram!")).await;
    let answer = client.next_of(PING, 0).await;
    assert_eq!(
        (answer.flags, answer.payload.as_slice()),
        (ACK, b"gopuram!".as_slice())
    );
}

/// The last stream that was looked at is told.
#[tokio::test]
async fn section_5_4_1_goaway_tells_what_was_looked_at() {
    let mut client = Client::open(gopuram::serve(Asked::default().app())).await;
    client.send(&get(7)).await;
    client.next_of(HEADERS, 7).await;
    client.send(&frame(PING, 0, 7, [0; 8])).await;
    let mut last = None;
    while let Some(frame) = client.next().await {
        if frame.kind == GOAWAY {
            last = Some((frame.number(0), frame.number(4)));
        }
    }
    assert_eq!(last, Some((7, Protocol as u32)));
}
