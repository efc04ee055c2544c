//! Which rules are checked while serving.

use super::{Context, Entry, Layer, Problem};
use crate::config::keys::settings;
use crate::config::mistakes::meant;
use crate::middleware::Lint;
use crate::middleware::lint::Rule;

settings! {
    /// Which rules are checked while serving; what breaks one is told in the log.
    pub(in crate::config) struct Settings {
        /// Where in the stack it is, for the log: `below compress`.
        called: String = "none",
        /// The rules that are not checked: `M5`.
        except: Vec<String> = "none",
    }
}

impl Entry for Lint {
    type Settings = Settings;
    const SAYS: &'static str = "checks both sides of the interface at run time";

    fn build(settings: Settings, _: &mut Context<'_>) -> Result<Layer, Problem> {
        let mut layer = Self::warn(|finding| tracing::warn!("{finding}"));
        if let Some(name) = settings.called {
            layer = layer.named(name);
        }
        for id in settings.except.unwrap_or_default() {
            let rule = Rule::ALL.iter().find(|rule| rule.id() == id);
            let rule = rule.ok_or_else(|| {
                let meant = meant(&id, Rule::ALL.iter().map(|rule| rule.id()));
                let meant = meant.map_or_else(String::new, |id| format!(", did you mean {id}?"));
                Problem::of("except", format!("{id:?} is no rule{meant}"))
            })?;
            layer = layer.except(*rule);
        }
        Ok(Layer::new(layer))
    }
}
