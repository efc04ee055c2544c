//! Any bytes as the name of a host, and a host.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gopuram_middleware::fuzzing::host_name(bytes));
