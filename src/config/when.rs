//! Layers for some requests: the key `when` of every layer.

use http::{Method, request};

use super::keys::settings;
use super::layers::Problem;
use super::service::AnyLayer;
use crate::middleware::When;
use crate::middleware::when::Requests;

settings! {
    /// Which requests a layer is for: those that meet all that is written, one of each list.
    pub(in crate::config) struct Condition {
        /// Those with a path like one of these: `*` stands for any characters but `/`, `**` for any at all. A path is compared as the
        /// client wrote it, so that this is no guard.
        path: Vec<String> = "any",
        /// Those with one of these methods.
        method: Vec<Method> = "any",
        /// Those for one of these hosts, or with `*.example.com` for any under it.
        host: Vec<String> = "any",
    }
}

impl Condition {
    /// The requests that are meant.
    pub(super) fn requests(self) -> Result<Requests, Problem> {
        let mut requests = Requests::all();
        for path in self.path.unwrap_or_default() {
            requests = requests.path(&path).map_err(|it| Problem::of("when", it))?;
        }
        for method in self.method.unwrap_or_default() {
            requests = requests.method(method);
        }
        for host in self.host.unwrap_or_default() {
            requests = requests.host(&host).map_err(|it| Problem::of("when", it))?;
        }
        Ok(requests)
    }
}

/// The layer for these requests alone.
pub(super) fn choose(requests: Requests, layer: AnyLayer) -> AnyLayer {
    AnyLayer::new(When::new(
        move |head: &request::Parts| requests.contains(head),
        layer,
    ))
}
