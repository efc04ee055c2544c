//! Requests: sections 8.1 to 8.3 and 8.5.

use crate::exchange::Code::Protocol;
use crate::exchange::Outcome::{Differs, Malformed, Refused, Served, Stream};
use crate::exchange::Status::BadRequest;
use crate::exchange::{Outcome, cases};
use crate::frames::{END_HEADERS, Fields, GET, POST, WHOLE, data, get_with, headers, post};

/// A whole request of nothing but these fields.
fn only(fields: Fields<'_>) -> Vec<u8> {
    headers(WHOLE, 1, fields)
}

/// `GET` with one of its fields in another form.
fn but(at: usize, field: (&'static str, &'static str)) -> Vec<u8> {
    let mut fields = GET;
    fields[at] = field;
    only(&fields)
}

/// `GET` without one of its fields.
fn without(at: usize) -> Vec<u8> {
    let mut fields = GET.to_vec();
    fields.remove(at);
    only(&fields)
}

/// The head of an upload with a length.
fn sized(length: &'static str) -> Vec<u8> {
    headers(
        END_HEADERS,
        1,
        &[&POST[..], &[("content-length", length)]].concat(),
    )
}

const BAD: Outcome = Malformed(Protocol);

/// What h2 cannot read as a field is an error of the connection, as it may be (section 5.4.1).
const ENDS: Outcome = Outcome::Ended(Protocol);

cases! {
section_8_1 {
    trailers: [post(1), data(0, 1, b"x"), headers(WHOLE, 1, &[("x", "y")])] => Served;
    trailers_that_end_nothing: [post(1), data(0, 1, b"x"), headers(END_HEADERS, 1, &[("x", "y")])] => Stream(1, Protocol);
    trailers_that_ask: [post(1), headers(WHOLE, 1, &[(":path", "/")])]
        => Differs(&Stream(1, Protocol), &Served, "h2 leaves them out of the trailers that it hands on");
    trailers_in_upper_case: [post(1), headers(WHOLE, 1, &[("X", "y")])] => Outcome::Connection(Protocol);
}
section_8_1_1 {
    a_length: [sized("3"), data(1, 1, b"abc")] => Served;
    a_length_in_two_frames: [sized("3"), data(0, 1, b"ab"), data(1, 1, b"c")] => Served;
    a_body_that_is_longer: [sized("2"), data(1, 1, b"abc")] => Stream(1, Protocol);
    a_body_that_is_shorter: [sized("4"), data(1, 1, b"abc")] => Stream(1, Protocol);
    a_body_that_is_shorter_in_two_frames: [sized("4"), data(0, 1, b"ab"), data(1, 1, b"c")] => Stream(1, Protocol);
    no_body: [get_with(&[("content-length", "1")])] => BAD;
    no_body_of_no_length: [get_with(&[("content-length", "0")])] => Served;
    a_length_that_is_no_number: [get_with(&[("content-length", "x")])] => BAD;
    a_length_with_a_sign: [get_with(&[("content-length", "+0")])] => BAD;
    two_lengths_that_differ: [get_with(&[("content-length", "0"), ("content-length", "1")])] => BAD;
    a_shorter_body_behind_trailers: [sized("4"), data(0, 1, b"abc"), headers(WHOLE, 1, &[("x", "y")])] => Stream(1, Protocol);
}
section_8_2 {
    a_name_in_upper_case: [get_with(&[("X", "y")])] => ENDS;
    a_name_partly_in_upper_case: [get_with(&[("xY", "y")])] => ENDS;
}
section_8_2_1 {
    a_name_of_nothing: [get_with(&[("", "y")])] => ENDS;
    a_name_with_a_space: [get_with(&[("x y", "z")])] => ENDS;
    a_name_with_a_space_behind: [get_with(&[("transfer-encoding ", "chunked")])] => ENDS;
    a_name_with_a_colon: [get_with(&[("x:y", "z")])] => ENDS;
    a_name_with_a_control: [get_with(&[("x\x01", "z")])] => ENDS;
    a_name_with_a_line_end: [get_with(&[("x\r\ny", "z")])] => ENDS;
    a_name_with_a_delete: [get_with(&[("x\x7f", "z")])] => ENDS;
    a_name_beyond_ascii: [get_with(&[("\u{e4}", "z")])] => ENDS;
    a_value_with_a_nul: [get_with(&[("x", "a\0b")])] => ENDS;
    a_value_with_a_newline: [get_with(&[("x", "a\nb")])] => ENDS;
    a_value_with_a_carriage_return: [get_with(&[("x", "a\rb")])] => ENDS;
    a_value_with_a_whole_line_behind: [get_with(&[("x", "a\r\nhost: b")])] => ENDS;
    a_value_beyond_ascii: [get_with(&[("x", "\u{e4}")])] => Served;
    a_value_of_nothing: [get_with(&[("x", "")])] => Served;
    a_value_with_a_space_in_front: [get_with(&[("x", " y")])] => Refused(BadRequest);
    a_value_with_a_tab_behind: [get_with(&[("x", "y\t")])] => Refused(BadRequest);
}
section_8_2_2 {
    connection: [get_with(&[("connection", "close")])] => BAD;
    keep_alive: [get_with(&[("keep-alive", "1")])] => BAD;
    proxy_connection: [get_with(&[("proxy-connection", "close")])] => BAD;
    transfer_encoding: [get_with(&[("transfer-encoding", "chunked")])] => BAD;
    upgrade: [get_with(&[("upgrade", "h2c")])] => BAD;
    te_of_a_coding: [get_with(&[("te", "gzip")])] => BAD;
    te_of_more_than_trailers: [get_with(&[("te", "trailers, gzip")])] => BAD;
    te_of_trailers: [get_with(&[("te", "trailers")])] => Served;
}
section_8_3 {
    a_field_before: [only(&[&[("x", "y")], &GET[..]].concat())] => BAD;
    a_field_between: [only(&[GET[0], ("x", "y"), GET[1], GET[2], GET[3]])] => BAD;
    one_that_nobody_knows: [only(&[&GET[..], &[(":x", "y")]].concat())] => ENDS;
    that_of_an_answer: [only(&[&GET[..], &[(":status", "200")]].concat())] => BAD;
    one_in_upper_case: [but(0, (":METHOD", "GET"))] => ENDS;
}
section_8_3_1 {
    no_method: [without(0)] => BAD;
    no_scheme: [without(1)] => BAD;
    no_path: [without(2)] => BAD;
    nothing_at_all: [only(&[])] => BAD;
    two_methods: [only(&[&GET[..], &GET[..1]].concat())] => BAD;
    two_schemes: [only(&[&GET[..], &GET[1..2]].concat())] => BAD;
    two_paths: [only(&[&GET[..], &GET[2..3]].concat())] => BAD;
    two_authorities: [only(&[&GET[..], &GET[3..]].concat())] => BAD;
    a_method_that_is_no_token: [but(0, (":method", "G T"))] => ENDS;
    a_method_of_nothing: [but(0, (":method", ""))] => ENDS;
    a_path_of_nothing: [but(2, (":path", ""))] => BAD;
    a_path_without_its_slash: [but(2, (":path", "a"))] => BAD;
    a_path_with_a_space: [but(2, (":path", "/a b"))] => BAD;
    a_path_with_a_line_end: [but(2, (":path", "/ HTTP/1.1\r\nX: y"))] => BAD;
    an_asterisk: [but(2, (":path", "*"))] => Refused(BadRequest);
    an_asterisk_for_options: [only(&[(":method", "OPTIONS"), GET[1], (":path", "*"), GET[3]])] => Served;
    a_scheme_of_nothing: [but(1, (":scheme", ""))] => Refused(BadRequest);
    a_scheme_that_is_none: [but(1, (":scheme", "ht tp"))] => BAD;
    no_authority: [without(3)] => Refused(BadRequest);
    no_authority_but_a_host: [only(&[GET[0], GET[1], GET[2], ("host", "a")])] => Served;
    an_authority_and_an_equal_host: [get_with(&[("host", "A")])] => Served;
    an_authority_and_another_host: [get_with(&[("host", "b")])] => Refused(BadRequest);
    an_authority_and_two_hosts: [get_with(&[("host", "a"), ("host", "a")])] => Refused(BadRequest);
    an_authority_and_a_host_that_is_none: [get_with(&[("host", "a b")])] => Refused(BadRequest);
    an_authority_with_a_name: [but(3, (":authority", "me@a"))] => Refused(BadRequest);
    an_authority_of_nothing: [but(3, (":authority", ""))] => BAD;
    an_authority_with_a_path: [but(3, (":authority", "a/b"))] => BAD;
    an_authority_with_a_space: [but(3, (":authority", "a b"))] => BAD;
    an_authority_with_a_port_beyond: [but(3, (":authority", "a:65536"))] => Refused(BadRequest);
}
section_8_5 {
    connect: [only(&[(":method", "CONNECT"), (":authority", "a:80")])] => Served;
    connect_without_an_authority: [only(&[(":method", "CONNECT")])] => Refused(BadRequest);
    connect_without_a_port: [only(&[(":method", "CONNECT"), (":authority", "a")])] => Refused(BadRequest);
    connect_with_a_length_of_nothing: [only(&[(":method", "CONNECT"), (":authority", "a:80"), ("content-length", "0")])] => Served;
    /// RFC 9110, section 9.3.6: it has no content.
    connect_with_a_length: [headers(END_HEADERS, 1, &[(":method", "CONNECT"), (":authority", "a:80"), ("content-length", "1")])]
        => Differs(&Malformed(Protocol), &Outcome::Cut, "hyper ends the connection before anybody is asked; it is the client's own, or that of a \
                    proxy that has to refuse it");
    connect_with_a_scheme: [only(&[(":method", "CONNECT"), GET[1], (":authority", "a:80")])] => BAD;
    connect_with_a_scheme_and_a_path: [only(&[(":method", "CONNECT"), GET[1], GET[2], (":authority", "a:80")])] => BAD;
    /// RFC 8441, section 3: not before the server has said that it is there.
    extended_connect: [only(&[(":method", "CONNECT"), GET[1], GET[2], GET[3], (":protocol", "websocket")])] => BAD;
}
}
