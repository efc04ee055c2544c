//! Serves an application over HTTP/1.1 and HTTP/2, on TCP and Unix sockets.
//!
//! ```no_run
//! use std::convert::Infallible;
//! use std::time::Duration;
//!
//! use gopuram::Body;
//! use gopuram::gateway::{Address, Deadlines};
//! use http::{Request, Response};
//!
//! async fn hello(_: Request<Body>) -> Result<Response<Body>, Infallible> {
//!     Ok(Response::new(Body::from("hello")))
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), gopuram::Error> {
//!     gopuram::serve(tower::service_fn(hello))
//!         .bind("127.0.0.1:8000")
//!         .bind(Address::unix("/run/hello.sock").mode(0o660))
//!         .deadlines(Deadlines::default().drain(Duration::from_secs(10)))
//!         .await
//! }
//! ```
//!
//! Both HTTPs are spoken on one port: a client that begins with the preface of HTTP/2 ("prior
//! knowledge", RFC 9113, section 3.3) speaks that. Upgrades work as hyper has them:
//! `hyper::upgrade::on` on the request, 101 as the answer.
//!
//! An application is any tower service that takes `Request<Body>`. A connection has one clone
//! of it, which its requests share; only a request that finds it not ready takes a clone of its own
//! to wait with. An error of the application is answered 500 and logged, and one of
//! a response's body is logged and cuts the response off, so that no client takes it for whole:
//! HTTP/1 without the last chunk, HTTP/2 with `RST_STREAM`. A panic ends the connection, or the stream
//! of HTTP/2 if an answer is being awaited, and no other.
//!
//! What cannot be framed is answered 500 as well, and logged: a `Content-Length` that contradicts the body, an interim
//! status as the answer. A response to `HEAD`, and 204, 205 and 304, go out without a body; a 204 tells no length, a
//! 205 none but 0. The version of a response is that of its connection.
//!
//! A connection is in use as long as a request, its answer or one of their bodies is. One of HTTP/2 that has been idle but
//! for tunnels (`CONNECT`) is asked to send new requests elsewhere, and lasts as long as its tunnels.
//!
//! Each request carries [`Attributes`](crate::middleware::attributes::Attributes) that know its
//! connection.
//!
//! # Refused at the front
//!
//! Before the application, or any layer, sees a request, these are answered and the connection is
//! closed, whatever was sent behind them:
//!
//! | | answer | RFC |
//! |---|---|---|
//! | what cannot be parsed; a length that is not a number, or two that differ | 400 | 9112, 2.2 and 6.3 |
//! | `Content-Length` twice, or along with `Transfer-Encoding` | 400 | 9112, 6.1 and 6.3 |
//! | `Transfer-Encoding` that does not end in `chunked`, has it twice, or is on HTTP/1.0 | 400 | 9112, 6.1 and 7 |
//! | any other transfer coding | 501 | 9112, 6.1 |
//! | no `Host` on HTTP/1.1; two of them, or one that is not valid | 400 | 9112, 3.2 |
//! | a target with a fragment, with a name or password, or in a form not meant for the method | 400 | 9112, 3.2 |
//! | `Host` and `:authority` that differ, or neither | 400 | 9113, 8.3.1 |
//! | fields of the connection on HTTP/2; a target that cannot be parsed | `RST_STREAM` | 9113, 8.1.1 and 8.2.2 |
//! | a head that is [too large](Limits::head), whatever makes it so | 431 | 6585, 5 |
//! | a target of more than 65,534 bytes in a head that is not | 414; on HTTP/2 `RST_STREAM` | 9110, 15.5.15 |
//!
//! On HTTP/2 it is the stream that ends, and the connection goes on. If the target is in absolute
//! form, its authority replaces that of `Host` (RFC 9112, section 3.2.2). A fragment in `:path` is cut off by the
//! parser and reaches nobody.
//!
//! # Deadlines and limits
//!
//! Every wait for a client has an end and every buffer a bound: see [`Deadlines`] and
//! [`Limits`]. When the machine runs out of file descriptors the gateway accepts again as soon
//! as there are some.

mod address;
mod answer;
mod call;
mod connection;
mod deadlines;
mod drain;
mod framing;
mod front;
mod life;
mod limits;
mod listen;
mod networks;
mod notify;
mod opening;
mod outgoing;
mod paced;
mod proxy_protocol;
mod pulse;
mod serve;
mod server;
mod settings;
mod slots;
mod stats;
mod successor;
mod transport;

pub use address::Address;
pub use deadlines::Deadlines;
pub use drain::Handle;
pub use limits::Limits;
pub use paced::Stalled;
pub use serve::{Serve, serve};
pub use server::Server;
pub use stats::Stats;
