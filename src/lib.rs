//! `Request -> Response`, and layers around it.
//!
//! An application is a tower `Service`. Layers are stacked around it, a gateway serves it.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use gopuram::middleware::access_log::Log;
//! use gopuram::middleware::{
//!     AccessLog, CatchPanic, Compress, RequestId, Router, StaticFiles, Timeout,
//! };
//! use gopuram::{Body, Stack};
//! use http::Request;
//!
//! async fn hello(_: Request<Body>) -> &'static str {
//!     "Hello!"
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let app = Stack::new()
//!         .with(RequestId::default())
//!         .with(AccessLog::combined(Log::stdout()))
//!         .with(CatchPanic::default())
//!         .with(Timeout::head(Duration::from_secs(30)))
//!         .with(Compress::default())
//!         .app(Router::new().get("/hello", hello).mount("/", StaticFiles::new("examples/site")?));
//!     eprintln!("{app}\non http://127.0.0.1:8000");
//!     gopuram::serve(app).bind("127.0.0.1:8000").await?;
//!     Ok(())
//! }
//! ```
//!
//! What is written first sees the request first, and the response last:
//!
//! ```text
//!          request          response
//!   ┌─────────│─────────────────▲─────────┐
//!   │         │   request_id    │         │
//!   │  ┌──────│─────────────────│──────┐  │
//!   │  │      │   access_log    │      │  │
//!   │  │  ┌───▼─────────────────│───┐  │  │
//!   │  │  │         router          │  │  │
//!   │  │  └─────────────────────────┘  │  │
//!   │  └───────────────────────────────┘  │
//!   └─────────────────────────────────────┘
//! ```
//!
//! A layer may change the request and the response on their ways, or answer itself: then what is inside hears
//! nothing of it. A wrong order does not build.
//!
//! # What is where
//!
//! | | |
//! |---|---|
//! | [`middleware`] | the layers, an entry each, and three ways to write one; the crate `gopuram-middleware`, which needs nothing of this one |
//! | [`Stack`] | layers in order, checked while compiling and printed as a tower |
//! | [`Application`] | what is served, in one bound; an `axum::Router` is one as it is |
//! | [`Body`] | the body of requests, and of responses made by hand |
//! | `config` | a server, and the layers around what it serves, in a file (feature `config`) |
//! | [`environ`] | a request as the variables of CGI, and back |
//! | [`gateway`] | [`serve`], listeners, deadlines, limits and the end |
//! | [`testing`] | a client of an application, and applications that misbehave |
//! | `redis` | what several machines share (feature `redis`) |
//! | [`Error`] | why serving failed |
//!
//! The rules that gateways, layers and applications keep to are in `SPEC.md`, each with its test.

mod application;
#[cfg(feature = "config")]
pub mod config;
pub mod environ;
mod error;
pub mod gateway;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(any(feature = "config", feature = "tls"))]
mod regular;
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

/// The code in the readme is tested as this crate's is.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests {
    /// The Rust code of the first example, without what marks it as documentation.
    fn example<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
        let code = lines.skip_while(|line| !line.starts_with("```") || !line.contains("no_run"));
        code.skip(1).take_while(|line| *line != "```").collect()
    }

    #[test]
    fn the_example_is_that_of_the_readme() {
        let readme = example(include_str!("../README.md").lines());
        let own = include_str!("lib.rs").lines().map(|line| {
            let line = line.strip_prefix("//!").unwrap_or(line);
            line.strip_prefix(' ').unwrap_or(line)
        });
        let own = example(own);
        assert!(readme.len() > 15);
        assert_eq!(own, readme);
    }
}
