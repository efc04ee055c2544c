//! `Content-Length`: sections 6, 6.2 and 6.3, and RFC 9110, section 8.6.

use crate::exchange::Outcome::{Refused, Served};
use crate::exchange::{cases, get, post};

fn length(value: &str) -> String {
    post(&format!("Content-Length: {value}\r\n"), "abc")
}

cases! {
section_6 {
    a_request_without_a_length_has_no_body: get("") => Served("GET / a ");
    any_method_may_have_a_body:
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" => Served("GET / a abc");
    head_may_have_a_body:
        "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" => Served("HEAD / a abc");
    a_method_that_nobody_knows_may_have_a_body:
        "X / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" => Served("X / a abc");
    an_empty_line_in_a_body_is_part_of_it:
        post("Content-Length: 4\r\n", "\r\n\r\n") => Served("POST / a \r\n\r\n");
    a_request_in_a_body_is_part_of_it:
        post("Content-Length: 18\r\n", "GET / HTTP/1.1\r\n\r\n") => Served("POST / a GET / HTTP/1.1\r\n\r\n");
}
section_6_2 {
    a_length: length("3") => Served("POST / a abc");
    zeros_in_front: length("0003") => Served("POST / a abc");
    white_space_around: length("\t 3 \t") => Served("POST / a abc");
    none_at_all: length("") => Refused(400);
    a_plus: length("+3") => Refused(400);
    a_minus: length("-3") => Refused(400);
    a_minus_before_nothing: length("-0") => Refused(400);
    a_hexadecimal_number: length("0x3") => Refused(400);
    a_fraction: length("3.0") => Refused(400);
    an_exponent: length("3e0") => Refused(400);
    digits_with_a_space_between: length("3 3") => Refused(400);
    digits_with_a_separator: length("3_0") => Refused(400);
    a_parameter: length("3;a") => Refused(400);
    a_quoted_number: length("\"3\"") => Refused(400);
    a_word: length("abc") => Refused(400);
    digits_of_another_script: length("\u{0663}") => Refused(400);
    a_vertical_tab_before_it: length("\x0b3") => Refused(400);
    a_nul_behind_it: length("3\0") => Refused(400);
    more_than_64_bits: length("18446744073709551619") => Refused(400);
    more_than_any_bits: length(&"9".repeat(400)) => Refused(400);
    /// hyper has other uses for the two highest numbers, and calls them too large.
    the_most_that_64_bits_have: length("18446744073709551615") => Refused(431);
    one_less_than_the_most: length("18446744073709551614") => Refused(431);
    a_name_with_an_underscore:
        get("Content_Length: 100\r\n") => Served("GET / a ");
}
section_6_3 {
    two_that_differ: post("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd") => Refused(400);
    two_that_differ_the_larger_first: post("Content-Length: 4\r\nContent-Length: 3\r\n", "abcd") => Refused(400);
    /// The RFC lets them be taken for one; another party may not have.
    two_that_are_equal: post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc") => Refused(400);
    two_that_are_equal_but_for_zeros: post("Content-Length: 3\r\nContent-Length: 03\r\n", "abc") => Refused(400);
    two_of_different_case: post("Content-Length: 3\r\ncontent-length: 3\r\n", "abc") => Refused(400);
    two_with_others_between: post("Content-Length: 3\r\nX: a\r\nContent-Length: 0\r\n", "abc") => Refused(400);
    two_of_which_one_is_invalid: post("Content-Length: 3\r\nContent-Length: x\r\n", "abc") => Refused(400);
    a_list_that_is_equal: length("3, 3") => Refused(400);
    a_list_that_differs: length("3, 4") => Refused(400);
    a_list_with_an_empty_element: length("3,") => Refused(400);

    a_length_before_a_coding:
        post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n") => Refused(400);
    a_length_behind_a_coding:
        post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n") => Refused(400);
    a_length_of_nothing_and_a_coding:
        post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n") => Refused(400);
    a_length_and_a_coding_far_apart:
        post(&format!("Content-Length: 5\r\n{}Transfer-Encoding: chunked\r\n", "X: a\r\n".repeat(50)), "0\r\n\r\n")
            => Refused(400);
    a_length_and_a_coding_in_odd_case:
        post("cONTENT-lENGTH: 5\r\ntRANSFER-eNCODING: cHUNKED\r\n", "0\r\n\r\n") => Refused(400);
    a_length_and_a_coding_that_nobody_knows:
        post("Content-Length: 3\r\nTransfer-Encoding: x\r\n", "abc") => Refused(400);
    a_length_and_no_coding:
        post("Content-Length: 3\r\nTransfer-Encoding:\r\n", "abc") => Refused(400);
}
}
