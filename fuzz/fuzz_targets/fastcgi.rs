//! Any bytes of a front server that speaks FastCGI.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gopuram::gateway::fuzzing::fastcgi(bytes));
