//! What is done to a field.

use http::{HeaderMap, HeaderName, HeaderValue};

/// What is done to a field.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// A line is added to those that are there.
    Append(HeaderValue),
    IfAbsent(HeaderValue),
    /// All its lines are removed.
    Remove,
    Set(HeaderValue),
}

impl Change {
    pub(crate) fn apply(&self, name: &HeaderName, headers: &mut HeaderMap) {
        match self {
            Self::Append(value) => {
                headers.append(name, value.clone());
            }
            Self::IfAbsent(value) => {
                headers.entry(name).or_insert_with(|| value.clone());
            }
            Self::Remove => {
                headers.remove(name);
            }
            Self::Set(value) => {
                headers.insert(name, value.clone());
            }
        }
    }
}
