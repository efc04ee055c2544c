//! Layers with nothing to set.

use super::{Context, Entry, Layer, Problem};
use crate::config::keys::{Key, Section, Settings};
use crate::middleware::{Conditional, ContentLength, Head};

/// No keys but those that every layer has.
#[derive(Debug)]
pub(in crate::config) struct Nothing;

impl Settings for Nothing {
    const KEYS: &'static [Key] = &[];

    fn of(_: &mut Section<'_, '_>) -> Self {
        Self
    }

    fn said(&self) -> Vec<&'static str> {
        Vec::new()
    }
}

impl Entry for Conditional {
    type Settings = Nothing;
    const SAYS: &'static str = "`If-Match`, `If-None-Match` and the dates: 304 and 412";

    fn build(_: Nothing, _: &mut Context<'_>) -> Result<Layer, Problem> {
        Ok(Layer::new(Self::default()))
    }
}

impl Entry for ContentLength {
    type Settings = Nothing;
    const SAYS: &'static str = "the length of answers that know it";

    fn build(_: Nothing, _: &mut Context<'_>) -> Result<Layer, Problem> {
        Ok(Layer::new(Self::default()))
    }
}

impl Entry for Head {
    type Settings = Nothing;
    const SAYS: &'static str = "`HEAD` is `GET` with the body dropped";

    fn build(_: Nothing, _: &mut Context<'_>) -> Result<Layer, Problem> {
        Ok(Layer::new(Self::default()))
    }
}
