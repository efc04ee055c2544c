//! Tools to test applications and layers with.
//!
//! ```
//! use gopuram::Body;
//! use gopuram::testing::{Client, app};
//! use http::Response;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let hello = app::answer(|_| Response::new(Body::from("hello")));
//! let res = Client::new(hello).get("/").await;
//! res.assert_status(200).assert_body("hello");
//! # }
//! ```
//!
//! A [`Client`] speaks to an application by the gateway's rules, in the same process or over a
//! real socket, and [lints](crate::middleware::lint) both sides of the exchange. [`app`] has
//! applications that misbehave and [`body`] has bodies that do, to see what a layer makes
//! of them.

pub mod app;
pub mod body;
mod client;
mod exchange;
mod lint;
mod received;
mod request;
mod shown;
mod socket;

pub use client::{Client, Served};
pub use received::Received;
pub use request::RequestBuilder;
