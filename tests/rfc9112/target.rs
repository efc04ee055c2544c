//! Targets and `Host`: section 3.2.

use crate::exchange::Outcome::{Refused, Served};
use crate::exchange::cases;

fn asks(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

fn hosts(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\n{fields}\r\n")
}

cases! {
section_3_2 {
    no_host: hosts("") => Refused(400);
    two_hosts: hosts("Host: a\r\nHost: b\r\n") => Refused(400);
    two_equal_hosts: hosts("Host: a\r\nhost: a\r\n") => Refused(400);
    a_list_of_hosts: hosts("Host: a, b\r\n") => Refused(400);
    a_host_of_nothing: hosts("Host:\r\n") => Served("GET /  ");
    a_host_with_a_port: hosts("Host: a:80\r\n") => Served("GET / a:80 ");
    a_host_that_is_an_address: hosts("Host: [::1]:80\r\n") => Served("GET / [::1]:80 ");
    a_host_with_a_space: hosts("Host: a b\r\n") => Refused(400);
    a_host_with_a_path: hosts("Host: a/b\r\n") => Refused(400);
    a_host_with_a_query: hosts("Host: a?b\r\n") => Refused(400);
    a_host_with_a_fragment: hosts("Host: a#b\r\n") => Refused(400);
    a_host_with_a_name: hosts("Host: me@a\r\n") => Refused(400);
    a_host_with_a_scheme: hosts("Host: http://a\r\n") => Refused(400);
    a_host_with_a_backslash: hosts("Host: a\\b\r\n") => Refused(400);
    a_host_with_a_quote: hosts("Host: \"a\"\r\n") => Refused(400);
    a_host_with_a_port_beyond: hosts("Host: a:65536\r\n") => Refused(400);
    a_host_with_a_port_that_is_no_number: hosts("Host: a:b\r\n") => Refused(400);
    a_host_that_is_a_port_alone: hosts("Host: :80\r\n") => Refused(400);
    a_host_of_an_address_that_is_not_closed: hosts("Host: [::1\r\n") => Refused(400);
    a_host_of_an_address_with_more_behind_it: hosts("Host: [::1]a\r\n") => Refused(400);
    a_host_beyond_ascii: hosts("Host: \u{e4}\r\n") => Refused(400);
    a_host_is_not_needed_on_1_0:
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" => Served("GET / - ");
    two_hosts_on_1_0: "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n" => Refused(400);

    a_space_in_the_target: asks("/a b") => Refused(400);
    a_control_in_the_target: asks("/\x01") => Refused(400);
    a_nul_in_the_target: asks("/\0") => Refused(400);
    a_tab_in_the_target: asks("/a\tb") => Refused(400);
    a_delete_in_the_target: asks("/\x7f") => Refused(400);
    a_fragment: asks("/#a") => Refused(400);
    a_fragment_behind_a_query: asks("/?a#b") => Refused(400);
    a_fragment_alone: asks("#a") => Refused(400);
    a_fragment_of_an_absolute_form: asks("http://a/#b") => Refused(400);
    a_path_without_its_slash: asks("a/b") => Refused(400);
    a_relative_path: asks("../a") => Refused(400);
}
section_3_2_1 {
    two_slashes_begin_no_authority: asks("//b/c") => Served("GET //b/c a ");
    a_query_keeps_its_question_marks: asks("/a?b?c=%20&") => Served("GET /a?b?c=%20& a ");
    /// What a path means is its reader's to say; it comes as it was sent.
    a_path_is_left_as_it_is: asks("/./a/../%2e%2E/%zz") => Served("GET /./a/../%2e%2E/%zz a ");
    a_query_without_a_path: asks("?a") => Refused(400);
}
section_3_2_2 {
    the_target_replaces_the_host: asks("http://b:81/x") => Served("GET http://b:81/x b:81 ");
    a_target_without_a_path: asks("http://b") => Served("GET http://b/ b ");
    a_scheme_in_any_case: asks("HTTP://b/x") => Served("GET http://b/x b ");
    a_target_with_a_name: asks("http://me@a/") => Refused(400);
    a_target_with_a_name_and_a_password: asks("http://me:secret@a/") => Refused(400);
    a_target_without_a_host: asks("http:///x") => Refused(400);
    a_target_with_a_port_alone: asks("http://:80/x") => Refused(400);
    a_target_with_one_slash: asks("http:/x") => Refused(400);
    a_target_of_no_scheme: asks("://a/x") => Refused(400);
    a_target_of_a_scheme_that_begins_with_a_digit: asks("1x://a/x") => Refused(400);
    a_target_with_a_port_beyond: asks("http://a:65536/") => Refused(400);
    a_target_with_a_space_in_its_host: asks("http://a%20b c/") => Refused(400);
    the_host_is_still_needed: "GET http://a/ HTTP/1.1\r\n\r\n" => Refused(400);
    the_host_must_still_be_valid: "GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n" => Refused(400);
}
section_3_2_3 {
    an_authority_for_get: asks("a:80") => Refused(400);
    an_authority_without_a_port_for_get: asks("a") => Refused(400);
    an_authority_for_options: "OPTIONS a:80 HTTP/1.1\r\nHost: a\r\n\r\n" => Refused(400);
    a_path_for_connect: "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n" => Refused(400);
    an_absolute_form_for_connect: "CONNECT http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n" => Refused(400);
    an_asterisk_for_connect: "CONNECT * HTTP/1.1\r\nHost: a\r\n\r\n" => Refused(400);
    no_port_for_connect: "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n" => Refused(400);
    an_empty_port_for_connect: "CONNECT a: HTTP/1.1\r\nHost: a\r\n\r\n" => Refused(400);
    a_name_for_connect: "CONNECT me@a:80 HTTP/1.1\r\nHost: a\r\n\r\n" => Refused(400);
}
section_3_2_4 {
    an_asterisk_for_options: "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n" => Served("OPTIONS * a ");
    an_asterisk_for_get: asks("*") => Refused(400);
    an_asterisk_and_more: "OPTIONS *a HTTP/1.1\r\nHost: a\r\n\r\n" => Refused(400);
    an_asterisk_and_a_query: "OPTIONS *?a HTTP/1.1\r\nHost: a\r\n\r\n" => Refused(400);
    a_path_for_options: "OPTIONS /a HTTP/1.1\r\nHost: a\r\n\r\n" => Served("OPTIONS /a a ");
}
}
