//! FastCGI 1.0, the role of the responder.
//!
//! Records are read as they come, whatever they are split into: a name, and the length of one, may straddle `PARAMS` records.
//! Of a request that is not there, or has ended, records are ignored (section 3.3), so that what a front server still
//! sends of a body whose request was answered is never taken for another's.
//!
//! | | |
//! |---|---|
//! | several requests at once over one connection | served, as many as [streams](super::Limits::streams); one more is told `OVERLOADED` |
//! | `KEEP_CONN` | kept; else the connection closes after the answer |
//! | `GET_VALUES` | `FCGI_MAX_CONNS`, `FCGI_MAX_REQS` and `FCGI_MPXS_CONNS` |
//! | any other management record | `UNKNOWN_TYPE` |
//! | the roles of the authorizer and the filter | `UNKNOWN_ROLE` |
//! | `ABORT_REQUEST` | the application is dropped, and the request ended |
//! | another version, a request that begins twice, a body before the variables have ended | the connection closes |
//! | variables that are more than allowed, or not whole | 431 and 400 |
//! | no `CONTENT_LENGTH` | the body ends with `STDIN`; if that is empty there is none |
//! | less on `STDIN` than `CONTENT_LENGTH` | the body breaks off |
//! | more | what is beyond is ignored |
//! | no `CONTENT_LENGTH`, and nothing on `STDIN` in the time of a head | the application is asked, and its body has the time of a body to come |
//! | the front server closes its half of the connection | it has gone, and the application is dropped |
//! | an answer that breaks off | no `END_REQUEST`; the connection is reset when what else is under way on it has ended |
//! | an application that panics before it answers | `END_REQUEST` with nothing before it, which front servers answer 502 |

mod codec;
#[cfg(any(fuzzing, test))]
pub(super) mod fuzzing;
mod pairs;
mod record;

pub(super) use codec::FastCgi;
