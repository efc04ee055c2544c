//! `Request -> Response`, and layers around it.
mod application;
mod error;
pub mod gateway;
pub mod stack;
pub mod testing;

pub use application::Application;
pub use error::Error;
#[doc(inline)]
pub use gateway::serve;
#[doc(inline)]
pub use gopuram_middleware as middleware;
pub use gopuram_middleware::Body;
pub use stack::Stack;
