//! Any bytes as an address of a configuration.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gopuram::gateway::fuzzing::address(bytes));
