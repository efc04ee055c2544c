//! Sets, appends to, defaults or removes one field of requests or responses.
//!
//! ```
//! use gopuram_middleware::SetHeader;
//! use http::header::{CACHE_CONTROL, SERVER};
//! use http::HeaderValue;
//! # use tower_layer::Layer as _;
//! # let app = ();
//!
//! let app = SetHeader::response(CACHE_CONTROL)
//!     .if_absent(HeaderValue::from_static("no-cache"))
//!     .layer(app);
//! let app = SetHeader::response(SERVER).remove().layer(app);
//! # let _ = app;
//! ```
//!
//! The value is fixed when the layer is made, and checked there: a request cannot change
//! it. On the way out it is done to every response, refusals of inner layers included;
//! [`Placed`] nowhere in particular, so that the place decides which those are.
//! It costs no allocation unless the header map must grow.

use std::convert::Infallible;
use std::fmt;
use std::ops::ControlFlow;

use http::{HeaderName, HeaderValue, Request, Response};
use tower_layer::Layer;

use crate::header::change::Change;
use crate::place::{Anywhere, Placed};
use crate::wrap::{OnRequest, OnResponse, Wrapped};

/// Sets, appends to, defaults or removes one field of requests or responses.
///
/// See the [module documentation](self) for an example.
#[derive(Clone, Debug)]
pub struct SetHeader {
    direction: Direction,
    name: HeaderName,
    change: Change,
}

#[derive(Clone, Copy, Debug)]
enum Direction {
    In,
    Out,
}

/// Which field is meant; what is done to it comes next.
#[derive(Clone, Debug)]
#[must_use = "say what is done to the field: `value`, `append`, `if_absent` or `remove`"]
pub struct Field {
    direction: Direction,
    name: HeaderName,
}

impl SetHeader {
    /// The field `name` of requests.
    pub const fn request(name: HeaderName) -> Field {
        Field {
            direction: Direction::In,
            name,
        }
    }

    /// The field `name` of responses.
    pub const fn response(name: HeaderName) -> Field {
        Field {
            direction: Direction::Out,
            name,
        }
    }
}

impl Field {
    /// Sets the field to `value`, in place of whatever it was.
    pub fn value(self, value: HeaderValue) -> SetHeader {
        self.change(Change::Set(value))
    }

    /// Adds a field line with `value` to those that are there.
    pub fn append(self, value: HeaderValue) -> SetHeader {
        self.change(Change::Append(value))
    }

    /// Sets the field to `value` where there is none.
    pub fn if_absent(self, value: HeaderValue) -> SetHeader {
        self.change(Change::IfAbsent(value))
    }

    /// Removes the field, all its lines.
    pub fn remove(self) -> SetHeader {
        self.change(Change::Remove)
    }

    fn change(self, change: Change) -> SetHeader {
        SetHeader {
            direction: self.direction,
            name: self.name,
            change,
        }
    }
}

#[diagnostic::do_not_recommend]
impl Placed for SetHeader {
    type Place = Anywhere;
    const NAME: &'static str = "set_header";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.change {
            Change::Append(_) => "+",
            Change::IfAbsent(_) => "?",
            Change::Remove => "-",
            Change::Set(_) => "",
        };
        write!(f, "{sign}{}", self.name)
    }
}

impl<S> Layer<S> for SetHeader {
    type Service = Wrapped<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Wrapped::new(inner, self.clone())
    }
}

impl<B> OnRequest<B> for SetHeader {
    type Then = Option<Pending>;
    type Reply = Infallible;

    fn on_request(&self, req: &mut Request<B>) -> ControlFlow<Infallible, Option<Pending>> {
        ControlFlow::Continue(match self.direction {
            Direction::In => {
                self.change.apply(&self.name, req.headers_mut());
                None
            }
            Direction::Out => Some(Pending {
                name: self.name.clone(),
                change: self.change.clone(),
            }),
        })
    }
}

/// The change that waits for the response.
#[derive(Debug)]
pub struct Pending {
    name: HeaderName,
    change: Change,
}

impl<C> OnResponse<C> for Pending {
    type Body = C;

    fn on_response(self, mut res: Response<C>) -> Response<C> {
        self.change.apply(&self.name, res.headers_mut());
        res
    }
}

#[cfg(test)]
mod tests {
    use http::header::VIA;

    use super::*;

    const OURS: HeaderValue = HeaderValue::from_static("ours");

    /// The values of `Via` after `layer` saw a response that had `theirs`.
    fn via(layer: &SetHeader, theirs: Option<&'static str>) -> Vec<String> {
        let ControlFlow::Continue(then) = layer.on_request(&mut Request::new(()));
        let mut res = Response::new(());
        if let Some(theirs) = theirs {
            res.headers_mut()
                .insert(VIA, HeaderValue::from_static(theirs));
        }
        let res = then.on_response(res);
        let values = res.headers().get_all(VIA).iter();
        values.map(|v| v.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn set_replaces() {
        let set = SetHeader::response(VIA).value(OURS);
        assert_eq!(via(&set, Some("theirs")), ["ours"]);
        assert_eq!(via(&set, None), ["ours"]);
    }

    #[test]
    fn append_keeps_what_is_there() {
        let append = SetHeader::response(VIA).append(OURS);
        assert_eq!(via(&append, Some("theirs")), ["theirs", "ours"]);
    }

    #[test]
    fn if_absent_does_not_overwrite() {
        let default = SetHeader::response(VIA).if_absent(OURS);
        assert_eq!(via(&default, Some("theirs")), ["theirs"]);
        assert_eq!(via(&default, None), ["ours"]);
    }

    #[test]
    fn remove_removes() {
        assert!(via(&SetHeader::response(VIA).remove(), Some("theirs")).is_empty());
    }

    #[test]
    fn a_request_is_changed_on_the_way_in_only() {
        let layer = SetHeader::request(VIA).value(OURS);
        let mut req = Request::new(());
        let ControlFlow::Continue(then) = layer.on_request(&mut req);
        assert_eq!(req.headers()[VIA], "ours");
        assert!(then.is_none());
    }
}
