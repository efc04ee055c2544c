//! Any bytes as a stream of requests.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gopuram::gateway::fuzzing::framing(bytes));
