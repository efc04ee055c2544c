//! Any bytes as base64.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gopuram_middleware::fuzzing::base64(bytes));
