//! A request by SCGI that comes as it was sent.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gopuram::gateway::fuzzing::scgi_requests(bytes));
