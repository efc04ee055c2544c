//! What is done to fields of messages: `set_header`, and by rules `header_rules`.

use http::{HeaderName, HeaderValue};

use super::{Context, Entry, Layer, Problem};
use crate::config::keys::settings;
use crate::config::value::{Named, words};
use crate::middleware::header_rules::{Rule, requests, responses};
use crate::middleware::{HeaderRules, SetHeader};

settings! {
    /// What is done to one field.
    pub(in crate::config) struct OneField {
        /// Its name.
        header: HeaderName = "required",
        /// Of which messages.
        on: Messages = "\"responses\"",
        /// What it is set to, in place of whatever it was. One of the four.
        value: HeaderValue = "none",
        /// What is added to it in a line of its own.
        append: HeaderValue = "none",
        /// What it is set to where there is none.
        if_absent: HeaderValue = "none",
        /// Whether it is removed.
        remove: bool = "false",
    }
}

words! {
    /// Which messages are meant.
    enum Messages {
        Requests = "requests",
        Responses = "responses",
    }
}

impl Entry for SetHeader {
    type Settings = OneField;
    const SAYS: &'static str = "sets, appends to, defaults or removes one field";

    fn build(settings: OneField, _: &mut Context<'_>) -> Result<Layer, Problem> {
        let name = settings.header.ok_or_else(|| Problem::missing("header"))?;
        let field = match settings.on {
            Some(Messages::Requests) => Self::request(name),
            Some(Messages::Responses) | None => Self::response(name),
        };
        let remove = settings.remove == Some(true);
        let layer = match (settings.value, settings.append, settings.if_absent, remove) {
            (Some(value), None, None, false) => field.value(value),
            (None, Some(value), None, false) => field.append(value),
            (None, None, Some(value), false) => field.if_absent(value),
            (None, None, None, true) => field.remove(),
            _ => {
                let text = "it has one of `value`, `append`, `if_absent` and `remove = true`";
                return Err(Problem::new(text));
            }
        };
        Ok(Layer::new(layer))
    }
}

settings! {
    /// What is done to fields, rule by rule.
    pub(in crate::config) struct Rules {
        /// The rules, applied in this order.
        rules: Vec<OneRule> = "required",
    }
}

settings! {
    /// Which messages are meant, by one of each list, and what is done to their fields.
    pub(in crate::config) struct OneRule {
        /// Which messages.
        on: Messages = "\"responses\"",
        /// Those with a path like one of these, with stars as in `when`.
        path: Vec<String> = "any",
        /// Those with one of these statuses, as `"404"`, `"200-299"` or `"4xx"`.
        status: Vec<String> = "any",
        /// Those of one of these media types, as `"text/html"` or `"text/*"`.
        media_type: Vec<String> = "any",
        /// Fields and what they are set to.
        set: Named<String> = "none",
        /// Fields and what is added to them in a line of its own.
        append: Named<String> = "none",
        /// Fields and what they are set to where there are none.
        if_absent: Named<String> = "none",
        /// Fields that are removed.
        remove: Vec<HeaderName> = "none",
    }
}

impl Entry for HeaderRules {
    type Settings = Rules;
    const SAYS: &'static str =
        "sets, appends to, defaults or removes fields by path, status or media type";

    fn build(settings: Rules, _: &mut Context<'_>) -> Result<Layer, Problem> {
        let rules = settings.rules.ok_or_else(|| Problem::missing("rules"))?;
        let rules = rules.into_iter().map(OneRule::rule);
        let layer = Self::new(rules.collect::<Result<Vec<_>, _>>()?);
        Ok(Layer::new(
            layer.map_err(|error| Problem::of("rules", error))?,
        ))
    }
}

impl OneRule {
    fn rule(self) -> Result<Rule, Problem> {
        let mut rule = match self.on {
            Some(Messages::Requests) => requests(),
            Some(Messages::Responses) | None => responses(),
        };
        for pattern in self.path.unwrap_or_default() {
            rule = rule.path(&pattern);
        }
        for text in self.status.unwrap_or_default() {
            let (first, last) = statuses(&text).ok_or_else(|| {
                Problem::of(
                    "rules",
                    format!("{text:?} is neither a status nor a range of them"),
                )
            })?;
            rule = rule.status(first..=last);
        }
        for pattern in self.media_type.unwrap_or_default() {
            rule = rule.media_type(&pattern);
        }
        let changes: [(_, fn(Rule, HeaderName, &str) -> Rule); 3] = [
            (self.set, Rule::set),
            (self.append, Rule::append),
            (self.if_absent, Rule::if_absent),
        ];
        for (fields, change) in changes {
            for (name, value) in fields.map_or_else(Vec::new, |Named(all)| all) {
                let name = name
                    .parse()
                    .map_err(|_| Problem::of("rules", format!("{name:?} is no name of a field")))?;
                rule = change(rule, name, &value);
            }
        }
        for name in self.remove.unwrap_or_default() {
            rule = rule.remove(name);
        }
        Ok(rule)
    }
}

/// `404`, `200-299` or `4xx`: the first and the last.
fn statuses(text: &str) -> Option<(u16, u16)> {
    if let Some(class) = text.strip_suffix("xx") {
        let class: u16 = class.parse().ok().filter(|class| (1..=9).contains(class))?;
        return Some((class * 100, class * 100 + 99));
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some((first.parse().ok()?, last.parse().ok()?))
}
