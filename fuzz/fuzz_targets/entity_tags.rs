//! Any bytes as a list of entity tags.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gopuram_middleware::fuzzing::entity_tags(bytes));
