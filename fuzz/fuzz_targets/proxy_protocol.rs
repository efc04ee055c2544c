//! Any bytes as a header of the PROXY protocol.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gopuram::gateway::fuzzing::proxy_protocol(bytes));
