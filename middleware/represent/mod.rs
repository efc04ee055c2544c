//! What RFC 9110 says of a selected representation, for all layers that answer with one.
//!
//! The order is that of section 13.2.2. First [`Conditions::of`] the request are evaluated
//! against the [`Validators`]; [`not_modified`] and [`failed`] make the fields of a 200 those of
//! its 304 or 412. For what passes, [`Wanted::of`] the request is resolved to [`Ranges`], and
//! [`answer`] makes the response that the 200 becomes.
//!
//! All of it looks at nothing but its arguments. A request without such fields costs the look
//! for them and no allocation.

mod cut;
mod fields;
mod multipart;
mod precondition;
mod ranges;
mod validators;

pub(crate) use cut::{SKIP, answer};
pub(crate) use fields::{failed, not_modified};
pub(crate) use precondition::{Conditions, Precondition};
pub(crate) use ranges::{MOST, Ranges, Wanted};
pub use validators::Validators;
