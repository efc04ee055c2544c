//! Serves an application over HTTP/1.1 and HTTP/2, on TCP and Unix sockets, with TLS or without; behind a front server also over
//! FastCGI, SCGI, uwsgi and CGI.
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
//! to wait with, and one that may have left [unused](crate::middleware::promise) what readiness reserved leaves a new
//! clone behind, as any may of an application without a stack or a router. What is logged is told by `tracing`:
//! install a subscriber, or nobody reads it. An error of the application is answered 500 and logged, and one of
//! a response's body is logged and cuts the response off, so that no client takes it for whole:
//! HTTP/1 without the last chunk, HTTP/2 with `RST_STREAM`. A panic ends the connection, or the stream
//! of HTTP/2, and no other.
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
//! # Trailers
//!
//! Those of a request are the last frame of its body. Those of an answer are sent where there is a place for them and
//! somebody who reads them, and else dropped, as RFC 9110, section 6.5.1 allows:
//!
//! | | |
//! |---|---|
//! | HTTP/2 | always, beside a `Content-Length` too |
//! | HTTP/1.1, the request has `TE: trailers` and the answer announces them by `Trailer` | those that it names, in chunks: a `Content-Length` is not sent then (RFC 9112, section 6.1), and the body is held to it all the same |
//! | any other HTTP/1; behind a front server | dropped; a length that is known is told |
//!
//! On HTTP/1.1 those that frame, route or authenticate (`Content-Type`, `Host`, `Set-Cookie` and the like) are
//! dropped even if they are announced.
//!
//! # Before the answer
//!
//! On HTTP/1.1 an application sends early hints, 103, by [`EarlyHints`](crate::middleware::attributes::EarlyHints), as often as it
//! likes. Up to 16 KiB of them wait until those before have gone, of which there may be as much again, so that a client that does
//! not read holds 32 KiB. What is too much, behind the answer or for a client that is gone is not sent, and the application is
//! [told](crate::middleware::attributes::Unsent).
//! That is of use behind a proxy that passes them on, as browsers heed them on HTTP/2 only. There hyper has no way
//! to send any, so on HTTP/2 as on HTTP/1.0 they are `Unsupported`: let the proxy speak it.
//!
//! # Sockets within HTTP
//!
//! On HTTP/1.1 a `WebSocket` is an upgrade: a `GET`, answered 101. On HTTP/2 it is an extended `CONNECT` (RFC 8441), where
//! [`Limits::extended_connect`] allows it: the request has scheme, authority and path, is routed by them, has a
//! [`Protocol`](crate::middleware::attributes::Protocol) among its extensions, and is answered 200. From there on it is the same:
//! `hyper::upgrade::on`, one of many streams instead of a connection.
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
//! | a target with a fragment, with a name or password, of no scheme, or in a form not meant for the method | 400 | 9112, 3.2 |
//! | `Host` and `:authority` that differ, or neither | 400 | 9113, 8.3.1 |
//! | `:scheme` and `:path` with a plain `CONNECT`, or an extended one without | 400, or `RST_STREAM` | 9113, 8.5; 8441, 4 |
//! | white space around the value of a field on HTTP/2 | 400 | 9113, 8.2.1 |
//! | fields of the connection on HTTP/2; a target that cannot be parsed | `RST_STREAM` | 9113, 8.1.1 and 8.2.2 |
//! | `CONNECT` on HTTP/2 with a `Content-Length` other than 0 | none: the connection is cut | 9110, 9.3.6 |
//! | a head that is [too large](Limits::head), whatever makes it so | 431 | 6585, 5 |
//! | a target of more than 65,534 bytes in a head that is not | 414; on HTTP/2 `RST_STREAM` | 9110, 15.5.15 |
//!
//! On HTTP/2 it is the stream that ends, and the connection goes on, but for that `CONNECT`: there hyper gives the whole connection
//! up, with all streams on it, before anybody is asked. To a client it happens for its own mistake. A proxy that sends the
//! requests of several clients over one connection of HTTP/2 has to refuse it, or any of them cuts off the others; nginx and
//! others refuse `CONNECT` altogether.
//!
//! If the target is in absolute
//! form, its authority replaces that of `Host` (RFC 9112, section 3.2.2). A fragment in `:path` is cut off by the
//! parser and reaches nobody.
//!
//! # Behind a front server
//!
//! nginx, Apache, lighttpd, HAProxy and others pass requests on by protocols of their own. An address that begins with one speaks
//! it, beside HTTP or instead, to the same application and by the same rules, deadlines and limits:
//!
//! ```no_run
//! # use gopuram::middleware::Router;
//! # async fn example() -> Result<(), gopuram::Error> {
//! gopuram::serve(Router::new().get("/", async |_| "hello"))
//!     .bind("fastcgi:unix:/run/app.sock?mode=660&group=www-data")
//!     .bind("scgi:127.0.0.1:9001")
//!     .bind("uwsgi:127.0.0.1:9002?script_name=/app")
//!     .bind("0.0.0.0:8000")
//!     .await
//! # }
//! ```
//!
//! Such a server says who the client is, how it speaks and where the application is mounted, and is believed in that, so that only those on
//! this machine, on a Unix socket and in the [networks that are allowed](Address::fronts) are served; who the user is is taken from them only where
//! [that is asked for](Address::remote_user). How what they say becomes a request is [`environ`](crate::environ)'s to tell.
//!
//! | | |
//! |---|---|
//! | [FastCGI](https://fastcgi-archives.github.io/FastCGI_Specification.html) | the responder, whole: kept connections, several requests at once over one, what is given up, what is asked besides. Without an address it is spoken on the standard input if that is a socket that listens, as where a front server starts its programs; `FCGI_WEB_SERVER_ADDRS` is heeded |
//! | [SCGI](https://python.ca/scgi/protocol.txt) | one request over a connection |
//! | [uwsgi](https://uwsgi-docs.readthedocs.io/en/latest/Protocol.html) | one request over a connection, of the kinds 0 and 30; the variables by which uWSGI is told to load code are nothing here |
//! | CGI (RFC 3875) | without an address, in a process that a web server started (`GATEWAY_INTERFACE`): awaiting [`Serve`] answers one request over the standard input and output, and ends. Log to the standard error only |
//!
//! What they have no words for:
//!
//! | | |
//! |---|---|
//! | upgrades | 101 is answered 500 |
//! | trailers | dropped, both ways; they have no variables |
//! | `Date`, `Connection` and the like | the front server's own; so is `Expect` |
//! | a response that breaks off | the connection is reset, over a Unix socket as well (on Linux), and FastCGI has no word for the end. In CGI there is nothing but the end of the output, so that the server sees it only by a `Content-Length`: every body that knows its length has one |
//! | a `Location` with 200 | dropped, for CGI would take it for a redirect; `Status` is always told, for without it a path in `Location` is never seen by the client |
//! | a body of unknown length | FastCGI ends it; SCGI and uwsgi cannot, and it is refused with 411 where it shows. Let the front server buffer requests, as all do by default |
//!
//! A request that is refused is answered as over HTTP; 308, with the slash, if nothing is behind the mount, 404 if a path is not under the
//! `script_name` that was set, and 411. What is no protocol at all closes the connection, and the log says so.
//!
//! # The PROXY protocol
//!
//! Behind a proxy that passes connections on as they are, only that proxy knows who the client is, and says so before
//! the first byte by the [PROXY protocol](https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt), in both
//! versions. Where an address [expects](Address::proxy_protocol) it, every connection begins with it, before TLS and HTTP.
//! The client that it names becomes the connection's peer, and what else it says is
//! [`Connection::proxied`](crate::middleware::attributes::Connection::proxied); a client that spoke TLS with the
//! proxy makes the scheme `https`.
//!
//! | | |
//! |---|---|
//! | a peer that is in none of the networks | closed, before anything is read |
//! | no header, a malformed one, one of more than 107 bytes (version 1) or 4 KiB (version 2), a checksum that is wrong | closed, and nothing behind it is looked at |
//! | no whole header in [time](Deadlines::proxy_header) | closed |
//! | `LOCAL`, `UNKNOWN`, a family of no stream | the peer is the proxy |
//! | a client on a Unix socket | there is no peer address |
//!
//! # Sockets that are there already
//!
//! A service manager may listen for the server (`systemd:`), so that it need not be root for port 443, and restarts
//! without refusing anybody. It passes sockets as systemd does: `LISTEN_FDS` of them from descriptor 3 on,
//! `LISTEN_PID` and `LISTEN_FDNAMES`. They are told apart by `FileDescriptorName=` in the socket unit. If there is
//! one that wants to know (`NOTIFY_SOCKET`, `Type=notify`) it is told `READY=1` when all addresses are bound,
//! `STOPPING=1` when a drain begins, `RELOADING=1` around a [reload](Serve::on_reload), and `WATCHDOG=1` as often as
//! it likes. What was passed is for no process that this one starts. A program that starts threads before it binds, as an
//! asynchronous `main` does, calls [`Sockets::inherit`] first.
//!
//! # Signals
//!
//! | | |
//! |---|---|
//! | `SIGTERM`, `SIGINT` | [drains](Server::run); the second one ends at once |
//! | `SIGHUP` | [`Serve::on_reload`] |
//! | `SIGUSR1` | [`Serve::on_reopen`] |
//! | `SIGUSR2` | [`Serve::hand_over`] |
//!
//! The last three are heard only where they were asked for, and else do what they do to every process: end it. With [`Signals`] all
//! three are heard, and nothing comes of one that was not asked for.
//!
//! # A new version
//!
//! With [`Serve::hand_over`] a process that receives `SIGUSR2` starts its program anew, by the name and with the
//! arguments that it was started with itself, and passes its listening sockets on. The new process takes over those
//! whose addresses it [binds](Serve::bind) by the same text, binds the others, closes what it has no use for, and
//! says that it is ready. Only then the old one stops accepting and drains; it leaves idle connections open for
//! another two seconds, so that a request on its way is answered and not reset. If the new one ends before, or is not
//! ready within a minute, it is sent `SIGTERM`, and `SIGKILL` half a minute later, and the old one goes on.
//!
//! A socket keeps what it was bound with: its backlog, the mode of its file. A supervisor has to expect that the
//! process changes: systemd is told (`MAINPID=`), a container whose first process ends does not live on. One server
//! in a process may do this.
//!
//! # Several processes
//!
//! A supervisor that serves nothing itself binds [`Sockets`] once and [passes](Sockets::pass) them to the processes that do; they
//! come and go, and no client that waits to be accepted is lost with one of them.
//!
//! # Tasks
//!
//! A connection is a task. Over HTTP/1 it calls the application and polls what it answers. Over HTTP/2 it does so with answers
//! that are ready when they are first asked for, for a quarter of a millisecond at a time; those that wait, or take longer, have a task
//! each, which other threads can work on. A future that was polled there is polled again in its task, with another waker, as any
//! future must bear.
//!
//! # A runtime for each core
//!
//! A server serves in the runtime in which it is [run](Server::run), whose threads, by tokio's default as many as there are
//! cores, take work from each other. With [`Serve::per_core`] each core has a runtime and a thread of its own instead, which
//! accepts, reads, calls the application and writes; a connection stays where it was accepted.
//!
//! It helps where requests are many, short and alike: nothing is woken on, or taken by, another core. It costs that nobody
//! helps: a handler that computes or blocks for 50 ms holds up all connections of its core for so long, one busy connection is
//! as fast as one core is, and the kernel deals connections out by a hash and not by load, so that few of them may well share
//! a core while another has none. So measure both; without numbers of your own leave it.
//!
//! | | |
//! |---|---|
//! | TCP | a socket for each core, by `SO_REUSEPORT`, as [`Address::acceptors`] has it; another process of the same user can bind the port as well, and gets a part of the connections |
//! | Unix sockets, `fd:`, `systemd:`, a predecessor's that had fewer | shared: each new connection wakes all cores, and one gets it |
//! | the application | cloned for each core; what clones share, cores share |
//! | limits, counters, the drain, a [`Handle`], [`Serve::hand_over`] | one for all, as without |
//! | signals, [`Serve::until`], [`Serve::on_reload`], the watchdog | in the runtime in which the server is run, which has to go on |
//! | what the application opened before, such as a pool of connections | stays in its own runtime, and works from each core |
//! | `spawn_blocking` | a pool for each core, of 512 threads for all together and at least 16 for each |
//! | `spawn`, connections that were upgraded | on the core, and dropped with it when [`Server::run`] ends |
//! | a panic | as without: that of an application ends its connection, one in accepting goes on in [`Server::run`] |
//!
//! Threads are not pinned: the kernel leaves one that is busy where it is, and `taskset` and `cpuset` say where to.
//!
//! # TLS
//!
//! With the feature `tls`, which needs a C compiler, [`Serve`] has a method `tls` beside `bind`: it takes an address and a
//! `Tls`, whose page says what is on by default, and why.
//!
//! # Deadlines and limits
//!
//! Every wait for a client has an end and every buffer a bound: see [`Deadlines`] and
//! [`Limits`]. When the machine runs out of file descriptors the gateway accepts again as soon
//! as there are some. What was refused and what was late is [counted](Stats), and [told](Stats::openmetrics) to Prometheus.
//!
//! A connection of HTTP/1 that has waited for its next request for a tenth of a second lets go of its buffers and has
//! them again with the first byte. Until then it holds about 5 KiB, most of it the runtime's; `cargo xtask bench memory`
//! measures it.
//!
//! What a client can make one connection hold at most, by default and beside what the application keeps itself:
//!
//! | | bytes | bounded by |
//! |---|---|---|
//! | HTTP/1: a head, or a piece of a body | 128 KiB | fixed, or [`Limits::head`] if that is more |
//! | HTTP/1: what of an answer waits to be sent | 132 KiB and one piece of its body | the same |
//! | HTTP/1: early hints that the client does not read | 32 KiB | fixed |
//! | HTTP/2: uploads that the application does not read | 4 MiB | [`Limits::connection_window`] |
//! | HTTP/2: the heads of requests that are not answered | 200 of 64 KiB | [`Limits::streams`], [`Limits::head`] |
//! | HTTP/2: what of answers waits for the client | 200 of 128 KiB | [`Limits::streams`], [`Limits::send_buffer`] |
//! | in the kernel, of memory that all sockets of the machine share: what of answers is not on its way | 256 KiB | fixed (`TCP_NOTSENT_LOWAT`, on Linux); what is on its way the client's window bounds |
//!
//! A head counts as it is meant: one that is small by compression is as large as it says. What of it is far beyond
//! the limit, or in more frames than any needs, ends the connection with `ENHANCE_YOUR_CALM`, as do streams that
//! are reset over and over, by their client or for its mistakes. Times the number of connections this is what the
//! machine has to have; who faces attackers with less of it sets these, or [`Limits::per_client`].
//!
//! `TCP_DEFER_ACCEPT` is not set: a client that connects and is silent has a deadline here, and would be invisible in
//! the kernel.

mod address;
mod admission;
pub(crate) mod answer;
mod behind;
mod call;
mod cgi;
mod connection;
mod cores;
mod deadlines;
mod drain;
pub(crate) mod exact;
mod fastcgi;
mod flight;
mod framing;
pub(crate) mod front;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod gate;
mod interim;
mod life;
mod limits;
mod listen;
mod logged;
pub mod notify;
mod opening;
mod openmetrics;
mod outgoing;
mod pace;
mod paced;
mod proxy_protocol;
mod pulse;
mod scgi;
mod segments;
mod serve;
mod server;
mod settings;
mod signals;
mod slot;
mod slots;
mod sockets;
mod stats;
mod streams;
mod successor;
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "no_tls.rs"]
mod tls;
mod transport;
mod uwsgi;
mod waiting;
mod written;

pub use address::{Address, Protocol};
pub use deadlines::Deadlines;
pub use drain::Handle;
pub use limits::Limits;
pub use logged::Logged;
pub use pace::Stalled;
pub use serve::{Serve, serve};
pub use server::Server;
pub use signals::Signals;
pub use sockets::Sockets;
pub use stats::Stats;
#[cfg(feature = "tls")]
pub(crate) use tls::der;
#[cfg(feature = "tls")]
pub use tls::{Authorities, Certificate, Certificates, Stats as TlsStats, Tls};
