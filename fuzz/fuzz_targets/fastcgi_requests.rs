//! Requests by FastCGI that come as they were sent.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gopuram::gateway::fuzzing::fastcgi_requests(bytes));
