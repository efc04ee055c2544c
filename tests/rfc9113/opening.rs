//! The preface and frames as such: sections 3.4, 4.1, 4.2 and 5.5.

use crate::exchange::Code::FrameSize;
use crate::exchange::Outcome::{Connection, Ignored, Served};
use crate::exchange::{Asked, Client, cases};
use crate::frames::{HEADERS, PING, PREFACE, SETTINGS, WHOLE, block, data, frame, get, ping, post};

cases! {
section_4_1 {
    flags_without_a_meaning: [frame(PING, 0xfe, 0, [0; 8])] => Ignored;
    the_reserved_bit: [frame(HEADERS, WHOLE, 0x8000_0001, block(&crate::frames::GET))] => Served;
    the_reserved_bit_of_a_ping: [frame(PING, 0, 0x8000_0000, [0; 8])] => Ignored;
}
section_4_2 {
    data_of_the_greatest_size: [post(1), data(1, 1, &[b'x'; 16_384])] => Served;
    data_that_are_too_large: [post(1), data(1, 1, &vec![b'x'; 16_385])] => Connection(FrameSize);
    headers_that_are_too_large: [frame(HEADERS, WHOLE, 1, vec![0; 16_385])] => Connection(FrameSize);
    a_frame_that_nobody_knows_and_is_too_large: [frame(0xee, 0, 0, vec![0; 16_385])] => Connection(FrameSize);
    settings_that_are_too_large: [frame(SETTINGS, 0, 0, vec![0; 16_386])] => Connection(FrameSize);
}
section_5_5 {
    a_frame_that_nobody_knows: [frame(0xee, 0xff, 0, [1, 2, 3])] => Ignored;
    a_frame_that_nobody_knows_on_a_stream: [post(1), frame(0xee, 0xff, 1, [1, 2, 3]), data(1, 1, b"x")] => Served;
    a_frame_that_nobody_knows_on_an_idle_stream: [frame(0xee, 0, 1, []), get(1)] => Served;
    many_that_nobody_knows: [frame(0xee, 0, 0, [0; 100]).repeat(50), ping([0; 8])] => Ignored;
}
}

/// Sends bytes in place of the opening.
async fn begins(bytes: &[&[u8]]) -> Client {
    let mut client = Client::to(gopuram::serve(Asked::default().app())).await;
    client.send(&bytes.concat()).await;
    client
}

/// h2 does not insist on it, in difference to the RFC; until they come, each setting is what it begins with.
#[tokio::test]
async fn section_3_4_frames_before_the_settings_are_taken() {
    for first in [ping([0; 8]), get(1), frame(0xee, 0, 0, [])] {
        let mut client = begins(&[PREFACE, &first]).await;
        client.goes_on().await;
    }
}

#[tokio::test]
async fn section_3_4_the_servers_settings_come_first_and_ours_are_acknowledged() {
    let mut client = begins(&[PREFACE, &frame(SETTINGS, 0, 0, [])]).await;
    let first = client.next().await.unwrap();
    assert_eq!((first.kind, first.flags, first.stream), (SETTINGS, 0, 0));
    let acknowledged = client.next_of(SETTINGS, 0).await;
    assert_eq!((acknowledged.flags, acknowledged.payload.len()), (1, 0));
}

#[tokio::test]
async fn section_3_4_requests_may_come_along_with_the_preface() {
    let mut client = begins(&[PREFACE, &frame(SETTINGS, 0, 0, []), &get(1)]).await;
    client.next_of(HEADERS, 1).await;
}

/// What is no preface is HTTP/1 and refused as such, or closed.
#[tokio::test]
async fn section_3_4_a_preface_that_is_none() {
    for preface in [
        "PRI * HTTP/2.0\r\n\r\nGM\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r",
        "PRI * HTTP/2.1\r\n\r\nSM\r\n\r\n",
        "pri * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut client = begins(&[preface.as_bytes(), &frame(SETTINGS, 0, 0, []), &get(1)]).await;
        let answer = client.all().await;
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 400 "),
            "{answer:?}"
        );
    }
}
