//! Values of parameters, decoded.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::encoding;
use crate::attributes::Params;

impl Params {
    /// The value of the parameter `name`, percent-decoded: once, and `+` is a plus sign.
    ///
    /// None if there is no such parameter, a `%` begins no encoding, or what is decoded is not
    /// UTF-8. A route's own parameters are there whenever it is called, so that for those
    /// none means a bad request:
    ///
    /// ```
    /// use gopuram_middleware::{Body, Router, attributes::Attributes};
    /// use http::{Request, StatusCode};
    ///
    /// let router = Router::new().get("/users/{name}", async |req: Request<Body>| {
    ///     let params = Attributes::of(&req).map(Attributes::params);
    ///     let name = params.and_then(|p| p.decoded("name")).ok_or(StatusCode::BAD_REQUEST)?;
    ///     Ok::<_, StatusCode>(format!("hello {name}"))
    /// });
    /// # let _ = router;
    /// ```
    ///
    /// # Security
    ///
    /// A decoded value may hold anything, such as a slash or `..`: it is no part of a path
    /// without another look.
    pub fn decoded(&self, name: &str) -> Option<Cow<'_, str>> {
        let value = self.get(name)?;
        if !encoding::is_well_encoded(value) {
            return None;
        }
        percent_decode_str(value).decode_utf8().ok()
    }
}

#[cfg(test)]
mod tests {
    use http::uri::PathAndQuery;

    use super::*;

    fn decoded(value: &'static str) -> Option<String> {
        let mut params = Params::default();
        let names = std::iter::once(Box::from("v")).collect();
        let end = value.len();
        let path = PathAndQuery::from_static(value);
        params.push(names, path, std::iter::once(1..end));
        params.decoded("v").map(Cow::into_owned)
    }

    #[test]
    fn values_are_decoded_once() {
        assert_eq!(decoded("/a%20b").unwrap(), "a b");
        assert_eq!(decoded("/caf%C3%A9%2f+").unwrap(), "café/+");
        assert_eq!(decoded("/%2541").unwrap(), "%41");
    }

    #[test]
    fn what_is_not_text_is_none() {
        for bad in ["/%", "/%4", "/%zz", "/%FF", "/a%C3"] {
            assert_eq!(decoded(bad), None, "{bad}");
        }
    }
}
