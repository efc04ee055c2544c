//! Any bytes as a request to be logged.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gopuram_middleware::fuzzing::access_log(bytes));
