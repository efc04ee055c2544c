//! Field blocks in their frames: sections 4.3, 6.2 and 6.10.

use crate::exchange::Code::Protocol;
use crate::exchange::Outcome::{Connection, Served};
use crate::exchange::{UNDECODED, cases};
use crate::frames::{
    CONTINUATION, END_HEADERS, END_STREAM, GET, HEADERS, PADDED, PRIORITIZED, PRIORITY, WHOLE,
    block, data, frame, get, ping, post, window,
};

/// The first half of a request's block in `HEADERS`, and the second to go on with.
fn halves() -> (Vec<u8>, Vec<u8>) {
    let (first, second) = (block(&GET[..2]), block(&GET[2..]));
    (frame(HEADERS, END_STREAM, 1, first), second)
}

fn first() -> Vec<u8> {
    halves().0
}

fn second(flags: u8, stream: u32) -> Vec<u8> {
    frame(CONTINUATION, flags, stream, halves().1)
}

/// A request with padding of this many bytes said, and so many there.
fn padded(said: u8, there: usize) -> Vec<u8> {
    let payload = [vec![said], block(&GET), vec![0; there]].concat();
    frame(HEADERS, WHOLE | PADDED, 1, payload)
}

cases! {
section_4_3 {
    a_block_that_cannot_be_decoded: [frame(HEADERS, WHOLE, 1, [0xff; 8])] => UNDECODED;
    a_block_that_ends_within_a_field: [frame(HEADERS, WHOLE, 1, [0, 5, b'a'])] => UNDECODED;
    trailers_that_cannot_be_decoded: [post(1), frame(HEADERS, WHOLE, 1, [0x80])] => UNDECODED;
    another_stream_within_a_block: [first(), get(3)] => Connection(Protocol);
    a_ping_within_a_block: [first(), ping([0; 8])] => Connection(Protocol);
    a_window_within_a_block: [first(), window(0, 1)] => Connection(Protocol);
    a_priority_within_a_block: [first(), frame(PRIORITY, 0, 1, [0, 0, 0, 0, 1])] => Connection(Protocol);
    data_within_a_block: [first(), data(0, 1, b"x")] => Connection(Protocol);
    headers_of_the_same_stream_within_a_block: [first(), get(1)] => Connection(Protocol);
    a_frame_that_nobody_knows_within_a_block: [first(), frame(0xee, 0, 1, []), second(END_HEADERS, 1)] => Connection(Protocol);
}
section_6_2 {
    padding: [padded(5, 5)] => Served;
    padding_of_nothing: [padded(0, 0)] => Served;
    /// Padding that is not zero may be refused, and is not looked at.
    padding_that_is_not_zero: [frame(HEADERS, WHOLE | PADDED, 1, [vec![1], block(&GET), vec![9]].concat())] => Served;
    padding_as_long_as_the_frame: [padded(200, 0)] => Connection(Protocol);
    padding_that_is_not_there: [frame(HEADERS, WHOLE | PADDED, 1, [1])] => Connection(Protocol);
    a_priority_along: [frame(HEADERS, WHOLE | PRIORITIZED, 1, [vec![0, 0, 0, 0, 9], block(&GET)].concat())] => Served;
    headers_on_no_stream: [get(0)] => Connection(Protocol);
}
section_6_10 {
    a_block_in_two_frames: [first(), second(END_HEADERS, 1)] => Served;
    a_block_in_many_frames: [
        first(), frame(CONTINUATION, 0, 1, []).repeat(3), second(0, 1), frame(CONTINUATION, END_HEADERS, 1, [])
    ] => Served;
    a_field_in_two_frames: [
        frame(HEADERS, END_STREAM, 1, block(&GET).split_at(20).0),
        frame(CONTINUATION, END_HEADERS, 1, block(&GET).split_at(20).1),
    ] => Served;
    of_no_stream: [first(), second(END_HEADERS, 0)] => Connection(Protocol);
    of_another_stream: [first(), second(END_HEADERS, 3)] => Connection(Protocol);
    of_an_idle_stream: [second(END_HEADERS, 1)] => Connection(Protocol);
    behind_the_end_of_a_block: [get(1), second(END_HEADERS, 1)] => Connection(Protocol);
    behind_data: [post(1), data(0, 1, b"x"), second(END_HEADERS, 1)] => Connection(Protocol);
    behind_a_block_that_continued: [first(), second(END_HEADERS, 1), second(END_HEADERS, 1)] => Connection(Protocol);
}
}
