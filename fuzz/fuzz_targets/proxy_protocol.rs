//! Any bytes as a header of the PROXY protocol.

#![no_main]

use gopuram_middleware as middleware;
use libfuzzer_sys::fuzz_target;

#[path = "../../src/gateway/proxy_protocol/header/mod.rs"]
#[allow(dead_code, reason = "what a header says is not looked at here")]
mod header;
#[path = "../../src/gateway/proxy_protocol/header/follow.rs"]
mod follow;

use header::{LONGEST, Progress, parse};

fuzz_target!(|bytes: &[u8]| follow::follow(bytes));
