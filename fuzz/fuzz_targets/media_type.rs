//! Any bytes as a pattern of media types, and a media type.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gopuram_middleware::fuzzing::media_type(bytes));
