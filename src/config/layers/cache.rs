//! What is stored, and for how long.

use std::time::Duration;

use http::HeaderName;

use super::{Context, Entry, Layer, Problem};
use crate::config::keys::settings;
use crate::config::measure::Size;
use crate::config::value::words;
use crate::middleware::Cache;
use crate::middleware::cache::SetCookie;

settings! {
    /// What is stored, and for how long.
    pub(in crate::config) struct Settings {
        /// How much memory it takes. What it has stays while the file is read again, as long as all that is said here does.
        memory: Size = "\"64MiB\"",
        /// The longest body that is stored.
        entry: Size = "\"1MiB\"",
        /// What is done with answers that set cookies; what is kept sets the same cookie for all clients.
        cookies: Cookies = "\"refuse\"",
        /// How long an answer that says nothing of it is fresh at most; 0 for what says so itself only.
        heuristic: Duration = "\"1d\"",
        /// For how long what is stale is answered with if the application fails.
        stale_if_error: Duration = "0: as the answer says",
        /// For how long requests of what was not to be stored do not wait for each other.
        pass: Duration = "\"10s\"",
        /// Whether the whole is fetched for who wants a part.
        fetch_whole: bool = "false",
        /// Whether no client can ask for more than is fresh.
        ignore_requests: bool = "false",
        /// The fields that are obeyed in place of `Cache-Control`, the first that is there: `cdn-cache-control`.
        targeted: Vec<HeaderName> = "none",
        /// Whether clients are told by `Cache-Status`.
        status: bool = "true",
    }
}

words! {
    /// What is done with answers that set cookies.
    enum Cookies {
        Keep = "keep",
        Refuse = "refuse",
        Strip = "strip",
    }
}

impl Entry for Cache {
    type Settings = Settings;
    const SAYS: &'static str = "a shared cache by RFC 9111, with one request for many at once";

    const REMEMBERS: bool = true;

    fn build(settings: Settings, _: &mut Context<'_>) -> Result<Layer, Problem> {
        let memory = settings.memory;
        let mut layer = memory.map_or_else(Self::default, |size| Self::in_memory(size.0));
        if let Some(size) = settings.entry {
            layer = layer.entry(size.0);
        }
        if let Some(cookies) = settings.cookies {
            layer = layer.cookies(cookies.into());
        }
        if let Some(most) = settings.heuristic {
            layer = layer.heuristic(most);
        }
        if let Some(after) = settings.stale_if_error {
            layer = layer.stale_if_error(after);
        }
        if let Some(after) = settings.pass {
            layer = layer.pass(after);
        }
        if settings.fetch_whole == Some(true) {
            layer = layer.fetch_whole();
        }
        if settings.ignore_requests == Some(true) {
            layer = layer.ignore_requests();
        }
        if let Some(names) = settings.targeted {
            layer = layer.targeted(names);
        }
        if settings.status == Some(false) {
            layer = layer.unnamed();
        }
        Ok(Layer::new(layer))
    }
}

impl From<Cookies> for SetCookie {
    fn from(cookies: Cookies) -> Self {
        match cookies {
            Cookies::Keep => Self::Keep,
            Cookies::Refuse => Self::Refuse,
            Cookies::Strip => Self::Strip,
        }
    }
}
