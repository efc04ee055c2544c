//! Field lines: section 5.

use crate::exchange::Outcome::{Refused, Served};
use crate::exchange::{cases, check, get, post};

cases! {
section_5 {
    white_space_around_a_value_is_none_of_it:
        "GET / HTTP/1.1\r\nHost: \t a \t\r\n\r\n" => Served("GET / a ");
    no_white_space_is_needed:
        "GET / HTTP/1.1\r\nHost:a\r\n\r\n" => Served("GET / a ");
    names_are_of_any_case:
        "GET / HTTP/1.1\r\nhOsT: a\r\n\r\n" => Served("GET / a ");
    a_line_without_a_colon: get("nothing\r\n") => Refused(400);
    a_line_without_a_name: get(": b\r\n") => Refused(400);
    a_line_of_a_colon_alone: get(":\r\n") => Refused(400);
}
section_5_1 {
    a_space_before_the_colon:
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n" => Refused(400);
    a_tab_before_the_colon:
        "GET / HTTP/1.1\r\nHost\t: a\r\n\r\n" => Refused(400);
    a_space_before_the_colon_of_a_length:
        post("Content-Length : 3\r\n", "abc") => Refused(400);
    a_space_before_the_colon_of_a_coding:
        post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n") => Refused(400);
    a_space_within_a_name: get("X Y: a\r\n") => Refused(400);
}
section_5_2 {
    a_folded_line: get("X: a\r\n b\r\n") => Refused(400);
    a_line_folded_by_a_tab: get("X: a\r\n\tb\r\n") => Refused(400);
    a_line_folded_at_its_beginning: get("X:\r\n a\r\n") => Refused(400);
    a_line_folded_to_nothing: get("X: a\r\n \r\n") => Refused(400);
    a_line_folded_behind_a_newline_alone: get("X: a\n b\r\n") => Refused(400);
    a_folded_host:
        "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n" => Refused(400);
    a_folded_length:
        post("Content-Length: 1\r\n 0\r\n", "0123456789") => Refused(400);
    a_folded_coding:
        post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n") => Refused(400);
    a_length_that_looks_folded:
        post("X: a\r\n Content-Length: 3\r\n", "abc") => Refused(400);
}
section_5_5 {
    a_value_of_nothing: get("X:\r\n") => Served("GET / a ");
    a_tab_within_a_value: get("X: a\tb\r\n") => Served("GET / a ");
    /// `obs-text`, to be taken for bytes.
    bytes_beyond_ascii_in_a_value: get("X: \u{e4}\r\n") => Served("GET / a ");
    a_nul_in_a_value: get("X: a\0b\r\n") => Refused(400);
    an_escape_in_a_value: get("X: a\x1bb\r\n") => Refused(400);
    a_vertical_tab_in_a_value: get("X: a\x0bb\r\n") => Refused(400);
    a_form_feed_in_a_value: get("X: a\x0cb\r\n") => Refused(400);
    a_delete_in_a_value: get("X: a\x7fb\r\n") => Refused(400);
}
}

/// RFC 9110, section 5.6.2: no delimiter, no control and nothing beyond ASCII is in a token.
#[tokio::test]
async fn section_5_1_names_are_tokens() {
    let delimiters = b"\"(),/;<=>?@[\\]{}".iter().copied();
    let controls = (0..b' ').chain([0x7f]).filter(|byte| *byte != b'\n');
    for byte in delimiters.chain(controls).chain([0x80, 0xff]) {
        let sent = [
            b"GET / HTTP/1.1\r\nHost: a\r\nX",
            &[byte][..],
            b"Y: a\r\n\r\n",
        ]
        .concat();
        check(&sent, Refused(400)).await;
    }
    check(
        get("!#$%&'*+-.^_`|~09azAZ: a\r\n").as_bytes(),
        Served("GET / a "),
    )
    .await;
}
