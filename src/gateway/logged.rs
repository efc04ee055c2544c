//! What is in the log already.

use std::error::Error as StdError;
use std::fmt;

/// Why the body of a response broke off, by an application that has logged more of it: the gateway logs it no second time.
///
/// The client sees as ever that the response is not whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Logged(&'static str);

impl Logged {
    /// An error of which more is in the log.
    pub const fn new(why: &'static str) -> Self {
        Self(why)
    }

    /// Whether it is behind an error, however many layers have passed it on.
    pub(super) fn is_in(error: &(dyn StdError + 'static)) -> bool {
        error.is::<Self>() || error.source().is_some_and(Self::is_in)
    }
}

impl fmt::Display for Logged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl StdError for Logged {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::middleware::body;

    #[test]
    fn it_is_found_behind_what_layers_make_of_it() {
        let logged = Logged::new("the application failed");
        assert!(Logged::is_in(&logged));
        assert!(Logged::is_in(&body::Error::new(logged)));
        assert!(!Logged::is_in(&body::Error::new("the application failed")));
    }
}
