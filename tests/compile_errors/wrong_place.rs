//! A layer is written after one that belongs inside it.

use gopuram::Stack;
use gopuram::middleware::place::{Guard, Observe, Placed};

struct Password;
struct Log;

impl Placed for Password {
    type Place = Guard;
    const NAME: &'static str = "password";
}

impl Placed for Log {
    type Place = Observe;
    const NAME: &'static str = "log";
}

fn main() {
    let _ = Stack::new().with(Password).with(Log);
}
