//! Any bytes as an answer in a store.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gopuram_middleware::fuzzing::cache_wire(bytes));
