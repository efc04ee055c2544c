//! Bodies in chunks: section 7.1.

use crate::exchange::Outcome::{self, Broken, Cut, Served};
use crate::exchange::{cases, check, chunked};

const EMPTY: Outcome = Served("POST / a ");
const ABC: Outcome = Served("POST / a abc");
const BROKEN: Outcome = Broken("POST / a");

cases! {
section_7_1 {
    nothing: chunked("0\r\n\r\n") => EMPTY;
    chunks: chunked("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n") => ABC;
    zeros_in_front: chunked("0003\r\nabc\r\n000\r\n\r\n") => ABC;
    digits_of_either_case:
        chunked("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n") => Served("POST / a 01234567890123456789");
    a_line_end_in_a_chunk_is_part_of_it: chunked("4\r\na\r\nb\r\n0\r\n\r\n") => Served("POST / a a\r\nb");
    a_size_of_nothing: chunked("\r\nabc\r\n0\r\n\r\n") => BROKEN;
    a_size_that_is_no_number: chunked("x\r\nabc\r\n0\r\n\r\n") => BROKEN;
    a_size_with_more_behind_it: chunked("3x\r\nabc\r\n0\r\n\r\n") => BROKEN;
    a_size_with_a_prefix: chunked("0x3\r\nabc\r\n0\r\n\r\n") => BROKEN;
    a_size_with_a_plus: chunked("+3\r\nabc\r\n0\r\n\r\n") => BROKEN;
    a_size_with_a_minus: chunked("-3\r\nabc\r\n0\r\n\r\n") => BROKEN;
    a_size_behind_a_space: chunked(" 3\r\nabc\r\n0\r\n\r\n") => BROKEN;
    a_size_with_a_separator: chunked("1_0\r\nabc\r\n0\r\n\r\n") => BROKEN;
    a_size_of_65_bits: chunked("10000000000000003\r\nabc\r\n0\r\n\r\n") => BROKEN;
    a_size_of_more_bits_than_any: chunked(&format!("{}\r\nabc\r\n0\r\n\r\n", "f".repeat(100))) => BROKEN;
    /// Not the RFC's; section 7.1.1 lets a sender have white space before an extension, and hyper wants none.
    a_size_before_a_space: chunked("3 \r\nabc\r\n0\r\n\r\n") => ABC;
    a_size_ended_by_a_newline_alone: chunked("3\nabc\r\n0\r\n\r\n") => BROKEN;
    a_size_ended_by_a_carriage_return_alone: chunked("3\rabc\r\n0\r\n\r\n") => BROKEN;
    the_last_size_ended_by_a_newline_alone: chunked("3\r\nabc\r\n0\n\r\n") => BROKEN;
    a_chunk_that_is_longer_than_it_said: chunked("3\r\nabcd\r\n0\r\n\r\n") => BROKEN;
    a_chunk_that_is_shorter_than_it_said: chunked("4\r\nabc\r\n0\r\n\r\n") => BROKEN;
    a_chunk_without_its_line_end: chunked("3\r\nabc0\r\n\r\n") => BROKEN;
    a_chunk_ended_by_a_newline_alone: chunked("3\r\nabc\n0\r\n\r\n") => BROKEN;
    a_chunk_ended_by_a_carriage_return_alone: chunked("3\r\nabc\r0\r\n\r\n") => BROKEN;
    two_line_ends_behind_a_chunk: chunked("3\r\nabc\r\n\r\n0\r\n\r\n") => BROKEN;
}
section_7_1_1 {
    an_extension: chunked("3;a\r\nabc\r\n0\r\n\r\n") => ABC;
    an_extension_with_a_value: chunked("3;a=b\r\nabc\r\n0;c=d\r\n\r\n") => ABC;
    an_extension_with_a_quoted_value: chunked("3;a=\"b;c\"\r\nabc\r\n0\r\n\r\n") => ABC;
    several_extensions_with_white_space: chunked("3 ; a = b ; c\r\nabc\r\n0\r\n\r\n") => ABC;
    a_newline_alone_in_an_extension: chunked("3;a\nabc\r\n0\r\n\r\n") => BROKEN;
    a_newline_alone_in_a_quoted_extension: chunked("3;a=\"\n\"\r\nabc\r\n0\r\n\r\n") => BROKEN;
    /// A carriage return ends the line even within quotes, for whoever reads lines first.
    a_line_end_in_a_quoted_extension: chunked("3;a=\"\r\nabc\r\n0\r\n\r\n") => ABC;
    extensions_that_are_longer_than_what_they_extend:
        chunked(&format!("3;{}\r\nabc\r\n0\r\n\r\n", "a".repeat(17 * 1024))) => BROKEN;
    extensions_that_are_too_long_together:
        chunked(&format!("{}0\r\n\r\n", format!("1;{}\r\na\r\n", "a".repeat(1024)).repeat(17))) => BROKEN;
}
section_7_1_2 {
    a_trailer: chunked("3\r\nabc\r\n0\r\nX: y\r\n\r\n") => ABC;
    /// They change neither how long this body is nor where the next request begins.
    trailers_that_frame: chunked("3\r\nabc\r\n0\r\nContent-Length: 50\r\nTransfer-Encoding: gzip\r\n\r\n") => ABC;
    trailers_that_route: chunked("3\r\nabc\r\n0\r\nHost: b\r\n\r\n") => ABC;
    trailers_that_close: chunked("3\r\nabc\r\n0\r\nConnection: close\r\n\r\n") => ABC;
    a_trailer_without_a_colon: chunked("3\r\nabc\r\n0\r\nnothing\r\n\r\n") => BROKEN;
    a_trailer_with_a_space_before_its_colon: chunked("3\r\nabc\r\n0\r\nX : y\r\n\r\n") => BROKEN;
    a_folded_trailer: chunked("3\r\nabc\r\n0\r\nX: y\r\n z\r\n\r\n") => BROKEN;
    a_nul_in_a_trailer: chunked("3\r\nabc\r\n0\r\nX: \0\r\n\r\n") => BROKEN;
    trailers_that_are_too_long:
        chunked(&format!("0\r\n{}\r\n", format!("X: {}\r\n", "a".repeat(1000)).repeat(70))) => BROKEN;
    trailers_that_are_too_many:
        chunked(&format!("0\r\n{}\r\n", "X: y\r\n".repeat(1100))) => BROKEN;
    /// Nobody may know of it: what is behind it would be a request to one and a trailer to another.
    a_trailer_ended_by_a_newline_alone: chunked("0\r\nX: y\n\r\n") => Cut;
    trailers_ended_by_a_newline_alone: chunked("0\r\n\n") => Cut;
    trailers_behind_a_newline_alone: chunked("0\r\n\nX: y\r\n\r\n") => Cut;
    a_carriage_return_alone_in_a_trailer: chunked("0\r\nX: y\rz\r\n\r\n") => BROKEN;
    two_carriage_returns_at_the_end_of_the_trailers: chunked("0\r\n\r\r\n") => BROKEN;
}
}

/// What parties disagree about the end of is not read on, so that a request behind it,
/// refused alone, is not served either.
#[tokio::test]
async fn section_7_1_2_nothing_is_smuggled_in_trailers() {
    let smuggled = "POST /in HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\
                    Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    for trailers in ["A: b\n\r\n\r\n", "\n", "\nA: b\r\n\r\n"] {
        let sent = chunked(&format!("0\r\n{trailers}{smuggled}"));
        check(sent.as_bytes(), Cut).await;
    }
}
