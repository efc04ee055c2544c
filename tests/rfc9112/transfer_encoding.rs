//! `Transfer-Encoding` of requests: section 6.1, and 6.3 where it is the last.

use crate::exchange::Outcome::{Refused, Served};
use crate::exchange::{cases, post};

fn coded(value: &str) -> String {
    post(&format!("Transfer-Encoding: {value}\r\n"), "0\r\n\r\n")
}

cases! {
section_6_1 {
    chunked: coded("chunked") => Served("POST / a ");
    names_are_of_any_case: coded("cHuNkEd") => Served("POST / a ");
    /// RFC 9110, section 5.6.1.
    an_empty_element_of_a_list_is_none: coded(", \t, chunked") => Served("POST / a ");
    /// The same holds behind it, but hyper wants `chunked` to be the last of anything.
    an_empty_element_behind_chunked: coded("chunked,") => Refused(400);
    chunked_twice: coded("chunked, chunked") => Refused(400);
    chunked_on_two_lines:
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n") => Refused(400);
    a_coding_before_chunked: coded("gzip, chunked") => Refused(501);
    a_coding_before_chunked_on_another_line:
        post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n") => Refused(501);
    a_coding_whose_name_only_ends_alike_before_chunked:
        post("Transfer-Encoding: xchunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n") => Refused(501);
    /// It was a name for nothing once (RFC 2616, section 3.6).
    identity_before_chunked: coded("identity, chunked") => Refused(501);
    on_http_1_0:
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" => Refused(400);
}

section_6_3 {
    a_coding_that_is_not_chunked: coded("gzip") => Refused(400);
    chunked_before_another: coded("chunked, gzip") => Refused(400);
    chunked_before_another_on_another_line:
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n") => Refused(400);
    identity: coded("identity") => Refused(400);
    none_at_all: coded("") => Refused(400);
    chunked_with_a_parameter: coded("chunked;a=b") => Refused(400);
    chunked_in_quotes: coded("\"chunked\"") => Refused(400);
    chunked_with_more_in_front: coded("xchunked") => Refused(400);
    chunked_with_more_behind: coded("chunkedx") => Refused(400);
    chunked_behind_a_space_that_divides_nothing: coded("x chunked") => Refused(400);
    chunked_behind_a_vertical_tab: coded("\x0bchunked") => Refused(400);
    chunked_behind_a_nul: coded("\0chunked") => Refused(400);
    chunked_before_bytes_beyond_ascii: coded("chunked\u{e4}") => Refused(400);
    chunked_behind_a_semicolon: coded("x;chunked") => Refused(400);
}
}
