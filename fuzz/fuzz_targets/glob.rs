//! Any bytes as a pattern of paths, and a path.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gopuram_middleware::fuzzing::glob(bytes));
