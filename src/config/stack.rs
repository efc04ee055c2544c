//! Layers in order, as a file says.

use std::fmt;

use tower_layer::Layer as _;

use super::layers;
use super::service::{AnyLayer, ErasedService};
use crate::Application;
use crate::middleware::place::{Place as _, Placed};
use crate::stack::App;
use crate::stack::display::{self, Tier};

/// A layer of the catalogue as it was set.
#[derive(Clone)]
pub(super) struct Layer {
    name: &'static str,
    /// How far inside it belongs; see [`Place::RANK`](crate::middleware::place::Place::RANK).
    rank: Option<u8>,
    place: &'static str,
    tier: Tier,
    layer: AnyLayer,
}

impl Layer {
    pub(super) fn new<L>(layer: L) -> Self
    where
        L: Placed + tower_layer::Layer<ErasedService, Service: Application> + Send + Sync + 'static,
    {
        Self {
            name: L::NAME,
            rank: L::Place::RANK,
            place: L::Place::NAME,
            tier: Tier::placed(&layer),
            layer: AnyLayer::new(layer),
        }
    }

    /// The same for some requests, by a layer around it.
    pub(super) fn chosen(self, choose: impl FnOnce(AnyLayer) -> AnyLayer) -> Self {
        Self {
            tier: self.tier.chosen(),
            layer: choose(self.layer),
            ..self
        }
    }
}

/// Layers in order, outermost first: what [`crate::Stack`] is in code.
///
/// The order of [places](crate::middleware::place) was checked when the file was read. It prints itself as a tower, as that one does.
#[derive(Clone, Default)]
pub struct Layers {
    layers: Vec<Layer>,
    /// The innermost layer so far that has a place.
    innermost: Option<(u8, &'static str, &'static str)>,
}

impl Layers {
    /// Puts the layers around an application, and makes their types be gone.
    pub fn app<S: Application>(&self, app: S) -> App<ErasedService> {
        let mut tiers: Vec<_> = self.layers.iter().map(|each| each.tier.clone()).collect();
        tiers.push(Tier::application::<S>());
        let inside_out = self.layers.iter().rev();
        let service = inside_out.fold(ErasedService::new(app), |inner, each| {
            each.layer.layer(inner)
        });
        App::new(service, tiers)
    }

    /// How many layers there are.
    pub fn len(&self) -> usize {
        self.layers.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// Which layers there are, outermost first, by their names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.layers.iter().map(|layer| layer.name)
    }

    /// Puts a layer where it belongs: inside of all whose places are outside of its own, and outside of the others.
    pub(super) fn put(&mut self, layer: Layer) {
        let is_outside = |other: &Layer| other.rank.is_some() && other.rank < layer.rank;
        let last = self.layers.iter().rposition(is_outside);
        self.layers.insert(last.map_or(0, |last| last + 1), layer);
    }

    /// Puts a layer inside all others, wherever it belongs.
    pub(super) fn push(&mut self, layer: Layer) {
        self.layers.push(layer);
    }

    /// Puts a layer inside all others, if it belongs there, or says why not.
    pub(super) fn push_in_order(&mut self, layer: Layer) -> Result<(), String> {
        if let Some(rank) = layer.rank {
            if let Some((last, place, name)) = self.innermost
                && last > rank
            {
                let why = if place == layer.place {
                    format!("within `{place}` the order is {}", layers::order(place))
                } else {
                    format!("`{}` is outside `{place}`", layer.place)
                };
                return Err(format!(
                    "it belongs outside `{name}`, which is written before it: {why}; \
                     move it up, or write `out_of_place = true` if the order is meant"
                ));
            }
            self.innermost = Some((rank, layer.place, layer.name));
        }
        self.push(layer);
        Ok(())
    }
}

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.layers.iter().map(|layer| layer.tier.name()))
            .finish()
    }
}

/// Prints the stack as a tower, outermost first, a layer a line.
impl fmt::Display for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tiers: Vec<_> = self.layers.iter().map(|each| each.tier.clone()).collect();
        display::tower(&tiers, f)
    }
}
