//! How a stack looks in print.

use std::borrow::Cow;
use std::fmt;

use crate::middleware::place::{Place, Placed};

/// What is printed of one layer.
#[derive(Clone, Debug)]
pub(crate) struct Tier {
    place: &'static str,
    name: Cow<'static, str>,
    set: String,
}

impl Tier {
    /// A layer that knows its place and name.
    pub(crate) fn placed<M: Placed>(layer: &M) -> Self {
        Self {
            place: M::Place::NAME,
            name: Cow::Borrowed(M::NAME),
            set: Set(layer).to_string(),
        }
    }

    /// Any other layer, by the name of its type.
    pub(super) fn of_type<M>() -> Self {
        Self {
            place: "",
            name: Cow::Owned(short_name(std::any::type_name::<M>())),
            set: String::new(),
        }
    }

    /// What the layers are put around, by the name of its type.
    pub(crate) fn application<S>() -> Self {
        Self {
            // Else it would be read as one more layer of the place above it.
            place: "app",
            ..Self::of_type::<S>()
        }
    }

    /// The same layer for some requests, as a `When` around it is printed.
    #[cfg(feature = "config")]
    pub(crate) fn chosen(self) -> Self {
        Self {
            place: self.place,
            set: format!("{} {}", self.name, self.set),
            name: Cow::Borrowed("when"),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// How a layer is set, in its own words.
struct Set<'a, M>(&'a M);

impl<M: Placed> fmt::Display for Set<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.describe(f)
    }
}

/// Prints the tiers under each other, each place named once.
pub(crate) fn tower(tiers: &[Tier], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let place_width = tiers.iter().map(|t| t.place.len()).max().unwrap_or(0);
    let name_width = tiers
        .iter()
        .map(|t| t.name.len().min(24))
        .max()
        .unwrap_or(0);
    let mut last = "";
    for (i, tier) in tiers.iter().enumerate() {
        if i > 0 {
            writeln!(f)?;
        }
        let place = if tier.place == last { "" } else { tier.place };
        write!(f, "{place:>place_width$} │ {}", tier.name)?;
        if !tier.set.is_empty() {
            let gap = name_width.saturating_sub(tier.name.len());
            write!(f, "{:gap$}  {}", "", tier.set)?;
        }
        if !tier.place.is_empty() {
            last = tier.place;
        }
    }
    Ok(())
}

/// How long a name may be before what it is made of is left out.
const LONGEST: usize = 32;

/// A type's name without the modules: `Timeout<Router>`, and `Timeout<..>` where that is long.
fn short_name(full: &str) -> String {
    let short = without_modules(full);
    match short.split_once('<') {
        Some((name, _)) if short.len() > LONGEST && is_plain(name) => format!("{name}<..>"),
        _ => short,
    }
}

/// Not the beginning of a tuple, a reference or a function.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

fn without_modules(full: &str) -> String {
    let mut short = String::with_capacity(full.len());
    let mut word = String::new();
    for c in full.chars() {
        match c {
            ':' => word.clear(),
            c if c.is_alphanumeric() || c == '_' => word.push(c),
            c => {
                short.push_str(&word);
                word.clear();
                short.push(c);
            }
        }
    }
    short + &word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_modules() {
        assert_eq!(
            short_name("a::b::Trace<c::Kind, fn(d::E) -> ()>"),
            "Trace<Kind, fn(E) -> ()>"
        );
    }

    #[test]
    fn a_long_name_keeps_its_head() {
        let name = "t::Trace<c::SharedClassifier<c::ServerErrorsAsFailures>>";
        assert_eq!(short_name(name), "Trace<..>");
        let tuple = "(a::Trace<b::SharedClassifier>, a::Trace<b::Shared>)";
        assert_eq!(
            short_name(tuple),
            "(Trace<SharedClassifier>, Trace<Shared>)"
        );
    }
}
