//! `.with` is given a layer that has no place, `.when` too.

use gopuram::Stack;
use tower_layer::Identity;

fn main() {
    let _ = Stack::new().with(Identity::new());
    let _ = Stack::new().when(true, Identity::new());
}
