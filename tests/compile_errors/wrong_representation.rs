//! A layer of the representation is written outside of one that it must see the work of.

use gopuram::Stack;
use gopuram::middleware::{Compress, Conditional, Digest, Etag};

fn main() {
    let _ = Stack::new()
        .with(Compress::default())
        .with(Digest::default());
    let _ = Stack::new()
        .with(Etag::default())
        .with(Conditional::default());
}
