//! Why a layer broke a body off, told to the layers outside it.

use std::error::Error as StdError;
use std::fmt;

/// Why a layer broke a body off, where that was its own decision.
///
/// It stands at the end of the [`source`](StdError::source)s of the body's error, under whatever
/// the layers further out have put around that, so that each of them can ask for it without knowing
/// who made it.
///
/// ```
/// use gopuram_middleware::body::{Cause, Error};
///
/// let error = Error::new(Cause::Elapsed);
/// assert_eq!(Cause::of(&error), Some(Cause::Elapsed));
/// assert_eq!(Cause::of(&Error::new("broken")), None);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// A deadline was over.
    Elapsed,
    /// The body panicked.
    Panicked,
}

impl Cause {
    /// The cause that `error` comes from, if a layer gave one.
    pub fn of(error: &(dyn StdError + 'static)) -> Option<Self> {
        std::iter::successors(Some(error), |&error| error.source())
            .find_map(|error| error.downcast_ref().copied())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Elapsed => "a deadline was over",
            Self::Panicked => "a panic was caught",
        })
    }
}

impl StdError for Cause {}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error with another inside.
    #[derive(Debug)]
    struct Around<E>(E);

    impl<E> fmt::Display for Around<E> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("around")
        }
    }

    impl<E: StdError + 'static> StdError for Around<E> {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn a_cause_is_found_at_any_depth() {
        let deep = Around(crate::body::Error::new(Around(Cause::Panicked)));
        assert_eq!(Cause::of(&deep), Some(Cause::Panicked));
        assert_eq!(Cause::of(&Cause::Elapsed), Some(Cause::Elapsed));
        assert_eq!(Cause::of(&Around(fmt::Error)), None);
    }
}
