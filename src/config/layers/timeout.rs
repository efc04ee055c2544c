//! How long is waited for heads and bodies.

use std::time::Duration;

use super::{Context, Entry, Layer, Problem};
use crate::config::keys::settings;
use crate::config::measure::Deadline;
use crate::middleware::Timeout;

settings! {
    /// How long is waited for heads and bodies.
    pub(in crate::config) struct Settings {
        /// For the head of an answer; then 503.
        head: Deadline = "\"30s\"",
        /// Whether it is 504 in place of 503, as where the application waits for another server.
        gateway_timeout: bool = "false",
        /// When such a request may be repeated, for `Retry-After`.
        retry_after: Duration = "not said",
        /// For each piece of a request's body; then 408.
        request_idle: Deadline = "\"off\"",
        /// For the whole of a request's body; then 408.
        request_total: Deadline = "\"off\"",
        /// For each piece of an answer's body; then it breaks off.
        response_idle: Deadline = "\"off\"",
        /// For the whole of an answer's body; then it breaks off.
        response_total: Deadline = "\"off\"",
    }
}

impl Entry for Timeout {
    type Settings = Settings;
    const SAYS: &'static str = "deadlines on heads and bodies";

    fn build(settings: Settings, _: &mut Context<'_>) -> Result<Layer, Problem> {
        let head = settings.head.map_or(HEAD, |head| head.0);
        let mut layer = if head == Duration::MAX {
            Self::bodies()
        } else {
            Self::head(head)
        };
        if settings.gateway_timeout == Some(true) {
            layer = layer.gateway_timeout();
        }
        if let Some(after) = settings.retry_after {
            layer = layer.retry_after(after);
        }
        let bodies: [(_, fn(Self, Duration) -> Self); 4] = [
            (settings.request_idle, Self::request_idle),
            (settings.request_total, Self::request_total),
            (settings.response_idle, Self::response_idle),
            (settings.response_total, Self::response_total),
        ];
        for (deadline, set) in bodies {
            layer = match deadline {
                Some(Deadline(after)) if after < Duration::MAX => set(layer, after),
                _ => layer,
            };
        }
        Ok(Layer::new(layer))
    }
}

/// As the gateway waits for the application to be ready: a proxy that waits for a minute, as most do, is answered.
const HEAD: Duration = Duration::from_secs(30);
