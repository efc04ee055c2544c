//! Which proxies are believed, and by which fields.

use super::{Context, Entry, Layer, Problem};
use crate::config::keys::settings;
use crate::config::value::words;
use crate::middleware::Forwarded;
use crate::middleware::forwarded;

settings! {
    /// Which proxies are believed, and by which fields.
    pub(in crate::config) struct Settings {
        /// The proxies that are believed: networks, as `"10.0.0.0/8"`, and `"unix"` for all that comes over a Unix socket. It has this or `proxies`.
        trust: Vec<String> = "nobody",
        /// How many proxies every request comes through, whatever their addresses; right only where clients cannot come by another way.
        proxies: u8 = "by `trust`",
        /// The fields that are believed, `X-Forwarded-For` and `X-Forwarded-Proto` or `Forwarded`; the others are removed.
        fields: Fields = "\"x-forwarded\"",
        /// Whether the host is believed too; right only where the proxy sets it, whatever the client sends.
        host: bool = "false",
    }
}

words! {
    /// Which family of fields.
    enum Fields {
        Forwarded = "forwarded",
        XForwarded = "x-forwarded",
    }
}

impl Entry for Forwarded {
    type Settings = Settings;
    const SAYS: &'static str =
        "who asks, how and for which host, as proxies that are trusted say it";

    fn build(settings: Settings, _: &mut Context<'_>) -> Result<Layer, Problem> {
        let layer = match (settings.trust, settings.proxies) {
            (Some(trust), None) => trusting(&trust)?,
            (None, Some(0)) => {
                let text = "without a proxy there is nobody to believe";
                return Err(Problem::of("proxies", text));
            }
            (None, Some(proxies)) => Self::behind(proxies),
            (Some(_), Some(_)) => {
                let text =
                    "there is a list to `trust` as well, and only one of them says who is believed";
                return Err(Problem::of("proxies", text));
            }
            (None, None) => {
                let text = "it has `trust` or `proxies`: nobody is believed who is not named";
                return Err(Problem::new(text));
            }
        };
        let layer = layer.fields(match settings.fields {
            Some(Fields::Forwarded) => forwarded::Fields::Forwarded,
            Some(Fields::XForwarded) | None => forwarded::Fields::XForwarded,
        });
        Ok(Layer::new(match settings.host {
            Some(true) => layer.host(),
            Some(false) | None => layer,
        }))
    }
}

fn trusting(list: &[String]) -> Result<Forwarded, Problem> {
    if list.is_empty() {
        return Err(Problem::of("trust", "there is none"));
    }
    if list.iter().any(|one| one == "*" || one == "all") {
        let text = "to believe whoever is connected, write `proxies = 1` in its place";
        return Err(Problem::of("trust", text));
    }
    let layer = list.join(",").parse::<Forwarded>();
    layer.map_err(|error| Problem::of("trust", error))
}
