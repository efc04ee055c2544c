//! Any environment and standard input as a request of CGI.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gopuram::gateway::fuzzing::cgi(bytes));
