//! Any bytes of a front server that speaks SCGI.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gopuram::gateway::fuzzing::scgi(bytes));
