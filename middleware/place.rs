//! Where in a stack a layer belongs, checked while compiling.
//!
//! A stack is read from the outside in, and its layers come in eight places:
//!
//! | place | stands there | why there |
//! |---|---|---|
//! | [`Identify`] | who and what a request is | never answers; all inside may rely on it |
//! | [`Observe`] | logs and measures | sees every answer, refusals included |
//! | [`Dress`] | what every answer must carry | a timeout's 503 must carry it too |
//! | [`Contain`] | bounds on all work inside | so that nothing escapes them |
//! | [`Direct`] | settles the target | before anyone decides by it |
//! | [`Guard`] | decides who may | before anything is answered |
//! | `Represent`: [`Head`] to [`Validate`] | the representation | never outside a guard |
//! | [`Content`] | the answer itself | |
//!
//! `Represent` is no one type: its order is finer, since those layers rewrite each other's
//! work; outermost first: [`Head`], [`Cache`], [`Digest`], [`Code`], [`SendFile`],
//! [`Cut`], [`Condition`], [`Validate`]. A layer of the same place may follow any
//! other of that place, and [`Anywhere`] has no order at all.
//!
//! Not all of the layers that are named below are there yet; one of your own takes its place by name.
//!
//! A layer says its place by implementing [`Placed`]; that a stack keeps the order
//! is checked by the bound [`Inside`], whose message the compiler prints.

use std::fmt;

/// A layer that knows its place in a stack, its name and how it is set.
///
/// An implementation is marked `#[diagnostic::do_not_recommend]`: the compiler then says what the layer
/// that it was given lacks, instead of naming all others.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer that knows its place in a stack",
    label = "no `Placed` layer",
    note = "`.with(layer)` takes the layers of the catalogue, and others that implement `Placed`; write `.layer(layer)` for any other tower layer"
)]
pub trait Placed {
    /// The place, one of the types of this [module](self).
    type Place: Place;
    /// The name in the catalogue, `snake_case`.
    const NAME: &'static str;

    /// Says in a word or two how this layer is set: `30s`, `gzip br`, `64 KiB`.
    ///
    /// Nothing by default, for a layer that has nothing to set.
    ///
    /// # Errors
    ///
    /// Only the formatter's own.
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = f;
        Ok(())
    }
}

/// A place in a stack. Sealed: the places are the eight of the [module](self).
pub trait Place: sealed::Place {
    /// Its name, for printing.
    const NAME: &'static str;
    /// How far inside it is, for stacks that are made at run time: a layer may be written after another of no greater rank.
    /// `None` where the order does not matter.
    const RANK: Option<u8>;
}

mod sealed {
    #[expect(unnameable_types, reason = "that is what seals")]
    pub trait Place {}
}

/// This place may be written after `Previous`, further inside.
#[diagnostic::on_unimplemented(
    message = "a layer of place `{Self}` cannot be written after one of place `{Previous}`",
    label = "this layer belongs outside what is written before it",
    note = "a stack is written from the outside in: Identify, Observe, Dress, Contain, Direct, Guard, Represent (Head, Cache, Digest, Code, SendFile, Cut, Condition, Validate), Content",
    note = "move this line up, or write `.out_of_place(layer)` if the order is meant"
)]
pub trait Inside<Previous> {
    /// The place that the next layer must be inside of.
    type Innermost;
}

/// No place: the layer fits anywhere and leaves the order as it was.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Anywhere;

impl sealed::Place for Anywhere {}
impl Place for Anywhere {
    const NAME: &'static str = "";
    const RANK: Option<u8> = None;
}
#[diagnostic::do_not_recommend]
impl<Previous> Inside<Previous> for Anywhere {
    type Innermost = Previous;
}

/// Before the first layer of a stack.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Outside;

macro_rules! places {
    ($($(#[$doc:meta])* $name:ident: $word:literal,)*) => {
        /// The places as they are written, so that each knows its rank.
        enum Rank {
            $($name,)*
        }

        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            #[non_exhaustive]
            pub struct $name;

            impl sealed::Place for $name {}
            impl Place for $name {
                const NAME: &'static str = $word;
                const RANK: Option<u8> = Some(Rank::$name as u8);
            }
            #[diagnostic::do_not_recommend]
            impl Inside<Outside> for $name {
                type Innermost = Self;
            }
        )*
        places!(@order $($name)*);
    };
    // Each place is inside itself and inside all that are written before it.
    (@order $first:ident $($rest:ident)*) => {
        #[diagnostic::do_not_recommend]
        impl Inside<$first> for $first {
            type Innermost = Self;
        }
        $(
            #[diagnostic::do_not_recommend]
            impl Inside<$first> for $rest {
                type Innermost = Self;
            }
        )*
        places!(@order $($rest)*);
    };
    (@order) => {};
}

places! {
    /// Says who and what: `request_id`, `forwarded`, `trace_context`.
    Identify: "identify",
    /// Sees every answer: `access_log`, `metrics`, `server_timing`.
    Observe: "observe",
    /// What every answer must carry: `security_headers`, `cors`, `error_pages`.
    Dress: "dress",
    /// Bounds on the work inside, and whether there may be more: `catch_panic`, `timeout`, `body_limit`, `health`.
    Contain: "contain",
    /// Settles the target: `trusted_host`, `normalize_path`, `rewrite`.
    Direct: "direct",
    /// Decides who may: `rate_limit`, `csrf`, `basic_auth`.
    Guard: "guard",
    /// The representation, outermost: `head` drops the body after all else is said of it.
    Head: "represent",
    /// The representation: `cache` keeps what is made inside it.
    Cache: "represent",
    /// The representation: `digest`, of the bytes as they are sent, coded and cut (RFC 9530, section 2).
    Digest: "represent",
    /// The representation: `compress` and `decompress`, of whole representations.
    Code: "represent",
    /// The representation: `send_file`, inside what wraps bodies and would hide a file.
    SendFile: "represent",
    /// The representation: `range` cuts what the conditions left (RFC 9110, section 13.2.2).
    Cut: "represent",
    /// The representation: `conditional` compares validators.
    Condition: "represent",
    /// The representation, innermost: `etag` makes validators.
    Validate: "represent",
    /// The answer itself: `sessions`, `static_files`, `router`.
    Content: "content",
}
