//! HPACK: RFC 7541.

use crate::exchange::Code::Protocol;
use crate::exchange::Outcome::Served;
use crate::exchange::{Asked, Client, UNDECODED, cases};
use crate::frames::{GET, HEADERS, NEWEST, WHOLE, block, frame, get, integer};

/// A request of which more is in the block.
fn request(more: &[u8]) -> Vec<u8> {
    frame(HEADERS, WHOLE, 1, [&block(&GET), more].concat())
}

/// A block with something in front.
fn before(what: &[u8]) -> Vec<u8> {
    frame(HEADERS, WHOLE, 1, [what, &block(&GET)].concat())
}

/// A field remembered with the name of the newest one (section 6.2.1).
const NAMED_BY_NEWEST: u8 = 0x7e;

/// A change of the table's size (section 6.3).
fn resized(size: usize) -> Vec<u8> {
    let mut change = Vec::new();
    integer(&mut change, 0x20, 5, size);
    change
}

cases! {
section_2_3_3 {
    /// `:method: GET` and `:scheme: http`, `:path: /`, and `:authority` by its name.
    fields_of_the_static_table: [frame(HEADERS, WHOLE, 1, [0x82, 0x86, 0x84, 0x01, 1, b'a'])] => Served;
    an_index_beyond_both_tables: [request(&[NEWEST])] => UNDECODED;
    a_name_by_an_index_beyond_both_tables: [request(&[NAMED_BY_NEWEST, 1, b'a'])] => UNDECODED;
}
section_4_2 {
    a_smaller_table: [before(&resized(0))] => Served;
    a_table_as_large_as_may_be: [before(&resized(4096))] => Served;
    two_changes: [before(&[resized(0), resized(4096)].concat())] => Served;
    a_change_behind_a_field: [request(&resized(0))] => UNDECODED;
}
section_5_1 {
    a_number_in_more_bytes_than_needed: [request(&[0, 0x7f, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01])] => UNDECODED;
    a_number_that_never_ends: [request(&[&[0x80 | 127][..], &[0xff; 30]].concat())] => UNDECODED;
    a_number_that_is_cut: [request(&[0x80 | 127])] => UNDECODED;
}
section_5_2 {
    /// `x: a` with its value in Huffman's code: five bits and three of padding.
    a_value_in_huffmans_code: [request(&[0, 1, b'x', 0x81, 0b0001_1111])] => Served;
    padding_of_more_than_seven_bits: [request(&[0, 1, b'x', 0x82, 0b0001_1111, 0xff])] => UNDECODED;
    padding_that_is_not_of_ones: [request(&[0, 1, b'x', 0x81, 0b0001_1000])] => UNDECODED;
    the_end_in_a_string: [request(&[0, 1, b'x', 0x84, 0xff, 0xff, 0xff, 0xff])] => UNDECODED;
    a_name_that_is_longer_than_the_block: [request(&[0, 100, b'x'])] => UNDECODED;
    a_value_that_is_longer_than_the_block: [request(&[0, 1, b'x', 100, b'y'])] => UNDECODED;
    a_name_without_a_value: [request(&[0, 1, b'x'])] => UNDECODED;
}
section_6_1 {
    the_index_of_nothing: [request(&[0x80])] => UNDECODED;
}
section_6_2 {
    a_field_to_be_remembered: [request(&[0x40, 1, b'x', 1, b'y'])] => Served;
    a_field_remembered_by_its_index: [request(&[0x40, 1, b'x', 1, b'y', NEWEST])] => Served;
    a_field_never_to_be_remembered: [request(&[0x10, 1, b'x', 1, b'y'])] => Served;
}
section_6_3 {
    a_table_larger_than_may_be: [before(&resized(4097))] => UNDECODED;
    a_table_of_all_there_is: [before(&resized(1 << 40))] => UNDECODED;
    a_change_at_the_end_of_a_request: [request(&resized(100)), get(3)] => UNDECODED;
}
}

/// What one request says the next one may refer to, and no more once the table was emptied; of the code see
/// `UNDECODED`.
#[tokio::test]
async fn section_2_3_2_a_table_lasts_as_long_as_its_connection() {
    let mut client = Client::open(gopuram::serve(Asked::default().app())).await;
    client.send(&request(&[0x40, 1, b'x', 1, b'y'])).await;
    client.next_of(HEADERS, 1).await;
    let again = [&block(&GET), &[NEWEST][..]].concat();
    client.send(&frame(HEADERS, WHOLE, 3, &again)).await;
    client.next_of(HEADERS, 3).await;
    let emptied = [&resized(0), &again[..]].concat();
    client.send(&frame(HEADERS, WHOLE, 5, emptied)).await;
    client.ends_with(Protocol).await;
}
