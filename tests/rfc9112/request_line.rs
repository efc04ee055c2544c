//! Lines, versions and methods: sections 2.2, 2.3, 3 and 3.1.

use crate::exchange::Outcome::{Refused, Served};
use crate::exchange::{cases, get};

cases! {
section_2_2 {
    empty_lines_before_a_request_are_skipped:
        format!("\r\n\r\n{}", get("")) => Served("GET / a ");
    /// MAY in the RFC; nobody disagrees about where such a head ends.
    a_newline_alone_ends_a_line:
        "GET / HTTP/1.1\nHost: a\n\n" => Served("GET / a ");
    a_carriage_return_alone_ends_no_request_line:
        "GET / HTTP/1.1\rHost: a\r\n\r\n" => Refused(400);
    a_carriage_return_alone_in_the_target:
        "GET /\ra HTTP/1.1\r\nHost: a\r\n\r\n" => Refused(400);
    a_carriage_return_alone_in_a_value:
        get("X: a\rb\r\n") => Refused(400);
    a_carriage_return_alone_in_a_name:
        get("X\r: a\r\n") => Refused(400);
    two_carriage_returns_at_the_end_of_a_line:
        get("X: a\r\r\n") => Refused(400);
    two_carriage_returns_at_the_end_of_the_head:
        get("\r") => Refused(400);
    a_space_before_the_first_field:
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n" => Refused(400);
    a_tab_before_the_first_field:
        "GET / HTTP/1.1\r\n\tHost: a\r\n\r\n" => Refused(400);
    a_folded_line_of_nothing_before_the_first_field:
        "GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n" => Refused(400);
    a_space_before_the_request_line:
        format!(" {}", get("")) => Refused(400);
    a_nul_before_the_request_line:
        format!("\0{}", get("")) => Refused(400);
    a_mark_of_the_byte_order:
        format!("\u{feff}{}", get("")) => Refused(400);
    a_handshake_of_tls:
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n" => Refused(400);
}
section_2_3 {
    /// The name of the protocol is case-sensitive.
    a_protocol_in_lower_case:
        "GET / http/1.1\r\nHost: a\r\n\r\n" => Refused(400);
    another_protocol:
        "GET / ICAP/1.0\r\nHost: a\r\n\r\n" => Refused(400);
    a_version_of_two_digits:
        "GET / HTTP/1.10\r\nHost: a\r\n\r\n" => Refused(400);
    a_version_with_a_zero_in_front:
        "GET / HTTP/01.1\r\nHost: a\r\n\r\n" => Refused(400);
    a_version_without_its_second_number:
        "GET / HTTP/1\r\nHost: a\r\n\r\n" => Refused(400);
    a_version_with_a_space_within:
        "GET / HTTP/1. 1\r\nHost: a\r\n\r\n" => Refused(400);
    /// RFC 9110, section 15.6.6 has 505 for it; hyper's parser does not tell it from what is malformed.
    a_higher_version:
        "GET / HTTP/2.0\r\nHost: a\r\n\r\n" => Refused(400);
    a_version_that_is_not_yet:
        "GET / HTTP/3.0\r\nHost: a\r\n\r\n" => Refused(400);
    /// RFC 9110, section 2.5 would have it served as 1.1. Nobody has ever sent one.
    a_higher_minor_version:
        "GET / HTTP/1.2\r\nHost: a\r\n\r\n" => Refused(400);
    the_version_before_1_0:
        "GET / HTTP/0.9\r\nHost: a\r\n\r\n" => Refused(400);
}
section_3 {
    two_spaces_before_the_target:
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n" => Refused(400);
    two_spaces_before_the_version:
        "GET /  HTTP/1.1\r\nHost: a\r\n\r\n" => Refused(400);
    a_space_behind_the_version:
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n" => Refused(400);
    tabs_between_the_parts:
        "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n" => Refused(400);
    a_vertical_tab_between_the_parts:
        "GET\x0b/ HTTP/1.1\r\nHost: a\r\n\r\n" => Refused(400);
    no_version:
        "GET /\r\n\r\n" => Refused(400);
    no_version_but_its_space:
        "GET / \r\nHost: a\r\n\r\n" => Refused(400);
    no_target:
        "GET HTTP/1.1\r\nHost: a\r\n\r\n" => Refused(400);
    nothing_but_a_method:
        "GET\r\nHost: a\r\n\r\n" => Refused(400);
    nothing_but_spaces:
        "   \r\nHost: a\r\n\r\n" => Refused(400);
    an_answer:
        "HTTP/1.1 200 OK\r\nHost: a\r\n\r\n" => Refused(400);
}
section_3_1 {
    any_token_is_a_method:
        "M-SEARCH!$%&'*+.^_`|~ / HTTP/1.1\r\nHost: a\r\n\r\n" => Served("M-SEARCH!$%&'*+.^_`|~ / a ");
    /// Which no method has; the gateway refuses it in all of the line, where it would begin a fragment.
    a_number_sign_in_the_method:
        "G#T / HTTP/1.1\r\nHost: a\r\n\r\n" => Refused(400);
    methods_are_case_sensitive:
        "get / HTTP/1.1\r\nHost: a\r\n\r\n" => Served("get / a ");
    a_parenthesis_in_the_method:
        "G(T / HTTP/1.1\r\nHost: a\r\n\r\n" => Refused(400);
    a_quote_in_the_method:
        "\"GET\" / HTTP/1.1\r\nHost: a\r\n\r\n" => Refused(400);
    a_nul_in_the_method:
        "G\0T / HTTP/1.1\r\nHost: a\r\n\r\n" => Refused(400);
    a_byte_beyond_ascii_in_the_method:
        "GÉT / HTTP/1.1\r\nHost: a\r\n\r\n" => Refused(400);
    no_method:
        " / HTTP/1.1\r\nHost: a\r\n\r\n" => Refused(400);
}
}
