//! Which scripts may read answers.

use std::time::Duration;

use http::{HeaderName, Method};

use super::{Context, Entry, Layer, Problem};
use crate::config::keys::settings;
use crate::middleware::Cors;

settings! {
    /// Which scripts may read answers.
    pub(in crate::config) struct Settings {
        /// Their origins, as `https://example.org`, `https://*.example.org` or `http://localhost:*`; `"*"` alone is any.
        origins: Vec<String> = "required",
        /// Whether requests carry credentials; not with any origin.
        credentials: bool = "false",
        /// The methods that are allowed; `"*"` is any.
        methods: Vec<String> = "[\"GET\", \"HEAD\", \"POST\"]",
        /// The fields that requests may have, besides those that need no permission; `"*"` is any.
        headers: Vec<String> = "none",
        /// The fields of answers that may be read, besides those that need no permission; `"*"`, with any origin, is all.
        expose: Vec<String> = "none",
        /// For how long browsers may go by what they were told.
        max_age: Duration = "\"1h\"",
        /// Whether public sites may ask a server in a private network.
        private_network: bool = "false",
    }
}

impl Entry for Cors {
    type Settings = Settings;
    const SAYS: &'static str = "cross-origin rules of the Fetch standard";

    fn build(settings: Settings, _: &mut Context<'_>) -> Result<Layer, Problem> {
        let origins = settings.origins.as_deref();
        let origins = origins.ok_or_else(|| Problem::missing("origins"))?;
        let all = is_any(settings.expose.as_deref());
        if is_any(Some(origins)) {
            if settings.credentials == Some(true) {
                let why = "with any origin there are no credentials: name those that may have them";
                return Err(Problem::of("credentials", why));
            }
            let cors = Cors::any_origin();
            let cors = if all { cors.expose_all() } else { cors };
            return Ok(Layer::new(set(cors, &settings)?));
        }
        if all {
            let why = "`*` is for any origin; name the fields";
            return Err(Problem::of("expose", why));
        }
        let origins = origins.iter().map(String::as_str);
        let cors = Self::origins(origins).map_err(|error| Problem::of("origins", error))?;
        let cors = match settings.credentials {
            Some(true) => cors.credentials(),
            _ => cors,
        };
        Ok(Layer::new(set(cors, &settings)?))
    }
}

/// Whether a list is `*` and nothing else.
fn is_any(list: Option<&[String]>) -> bool {
    list.is_some_and(|list| matches!(list, [one] if one == "*"))
}

fn set<O>(mut cors: Cors<O>, settings: &Settings) -> Result<Cors<O>, Problem> {
    if is_any(settings.methods.as_deref()) {
        cors = cors.any_method();
    } else if let Some(methods) = &settings.methods {
        let methods = methods.iter().map(|text| {
            let method = text.parse::<Method>();
            method.map_err(|_| Problem::of("methods", format!("{text:?} is no method")))
        });
        cors = cors.methods(methods.collect::<Result<Vec<_>, _>>()?);
    }
    if is_any(settings.headers.as_deref()) {
        cors = cors.any_header();
    } else if let Some(names) = &settings.headers {
        cors = cors.headers(fields("headers", names)?);
    }
    if let Some(names) = &settings.expose
        && !is_any(Some(names))
    {
        cors = cors.expose(fields("expose", names)?);
    }
    if let Some(age) = settings.max_age {
        cors = cors.max_age(age);
    }
    if settings.private_network == Some(true) {
        cors = cors.private_network();
    }
    Ok(cors)
}

fn fields(key: &'static str, names: &[String]) -> Result<Vec<HeaderName>, Problem> {
    let names = names.iter().map(|text| {
        let name = text.parse::<HeaderName>();
        name.map_err(|_| Problem::of(key, format!("{text:?} is no name of a field")))
    });
    names.collect()
}
