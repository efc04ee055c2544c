//! `Request -> Response`, and layers around it.
pub mod stack;
pub mod testing;

#[doc(inline)]
pub use gopuram_middleware as middleware;
pub use gopuram_middleware::Body;
pub use stack::Stack;
