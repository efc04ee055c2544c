//! Layers in order, around an application.
//!
//! ```
//! use gopuram::Stack;
//! use gopuram::middleware::SetHeader;
//! use http::header::SERVER;
//! use http::HeaderValue;
//!
//! let stack = Stack::new()
//!     .with(SetHeader::response(SERVER).value(HeaderValue::from_static("gopuram")));
//! println!("{stack}");
//! ```
//!
//! What is written first sees the request first, and the response last. [`Stack::with`]
//! takes layers that know their [place](crate::middleware::place) and a wrong order does not build:
//!
//! ```text
//! // error: a layer of place `Observe` cannot be written after one of place `Content`
//! let stack = Stack::new()
//!     .with(StaticFiles::new("public").unwrap())
//!     .with(AccessLog::combined(std::io::sink()));
//! ```
//!
//! [`Stack::layer`] takes any tower layer anywhere. A stack is itself a
//! [`Layer`], and costs nothing at run time: it is gone when the application is
//! wrapped, and only the nested services are left.

mod app;
pub(crate) mod display;
mod optional;

use std::fmt;
use std::marker::PhantomData;

use tower_layer::{Identity, Layer};

use crate::middleware::place::{Inside, Outside, Placed};

pub use app::{App, Entry, Innermost};
pub use optional::{Optional, OptionalService};

use display::Tier;

/// Layers in order, outermost first.
///
/// See the [module documentation](self) for an example. `L` is the layers so far and
/// `P` the place of the innermost of them.
#[must_use = "a stack does nothing until an application is put in it"]
pub struct Stack<L = Identity, P = Outside> {
    layer: L,
    tiers: Vec<Tier>,
    place: PhantomData<fn() -> P>,
}

impl Stack {
    /// No layers yet.
    pub const fn new() -> Self {
        Self {
            layer: Identity::new(),
            tiers: Vec::new(),
            place: PhantomData,
        }
    }
}

impl Default for Stack {
    fn default() -> Self {
        Self::new()
    }
}

impl<L, P> Stack<L, P> {
    /// Puts a layer of the catalogue inside all that are written before it.
    ///
    /// The order of [places](crate::middleware::place) is checked while compiling.
    pub fn with<M>(self, layer: M) -> Stack<Chain<L, M>, <M::Place as Inside<P>>::Innermost>
    where
        M: Placed,
        M::Place: Inside<P>,
    {
        let tier = Tier::placed(&layer);
        self.push(layer, tier)
    }

    /// Puts any tower layer inside all that are written before it, unchecked.
    pub fn layer<M>(self, layer: M) -> Stack<Chain<L, M>, P> {
        self.push(layer, Tier::of_type::<M>())
    }

    /// Puts a layer of the catalogue where it does not belong, because it is meant.
    pub fn out_of_place<M: Placed>(self, layer: M) -> Stack<Chain<L, M>, P> {
        let tier = Tier::placed(&layer);
        self.push(layer, tier)
    }

    /// Puts a layer of the catalogue in the stack if `condition` holds, decided once, here.
    ///
    /// What depends on the request is decided by [`When`](crate::middleware::When).
    /// The type of the stack is the same either way: the response body becomes
    /// [`Body`](crate::Body), which boxes the body of the layer if it made one of its own.
    pub fn when<M>(
        self,
        condition: bool,
        layer: M,
    ) -> Stack<Chain<L, Optional<M>>, <M::Place as Inside<P>>::Innermost>
    where
        M: Placed,
        M::Place: Inside<P>,
    {
        self.with(Optional::new(condition, layer))
    }

    /// Puts the stack around an application.
    ///
    /// Whatever body the layers make of a request's, the application gets a
    /// [`Body`](crate::Body).
    pub fn app<S>(self, app: S) -> App<L::Service>
    where
        S: Innermost,
        L: Layer<Entry<S>>,
    {
        let service = self.layer.layer(Entry::new(app));
        let mut tiers = self.tiers;
        tiers.push(Tier::application::<S>());
        App::new(service, tiers)
    }

    fn push<M, Q>(mut self, layer: M, tier: Tier) -> Stack<Chain<L, M>, Q> {
        self.tiers.push(tier);
        Stack {
            layer: Chain {
                outer: self.layer,
                inner: layer,
            },
            tiers: self.tiers,
            place: PhantomData,
        }
    }
}

impl<L: Clone, P> Clone for Stack<L, P> {
    fn clone(&self) -> Self {
        Self {
            layer: self.layer.clone(),
            tiers: self.tiers.clone(),
            place: PhantomData,
        }
    }
}

impl<S, L: Layer<S>, P> Layer<S> for Stack<L, P> {
    type Service = L::Service;

    fn layer(&self, inner: S) -> Self::Service {
        self.layer.layer(inner)
    }
}

impl<L, P> fmt::Debug for Stack<L, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.tiers.iter().map(Tier::name))
            .finish()
    }
}

/// Prints the stack as a tower, outermost first, a layer a line.
impl<L, P> fmt::Display for Stack<L, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display::tower(&self.tiers, f)
    }
}

/// Two layers, the outer one written first.
#[derive(Clone, Copy, Debug)]
pub struct Chain<Outer, Inner> {
    outer: Outer,
    inner: Inner,
}

impl<S, Outer, Inner> Layer<S> for Chain<Outer, Inner>
where
    Inner: Layer<S>,
    Outer: Layer<Inner::Service>,
{
    type Service = Outer::Service;

    fn layer(&self, inner: S) -> Self::Service {
        self.outer.layer(self.inner.layer(inner))
    }
}
