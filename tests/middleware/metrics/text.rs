//! A strict reader of both formats: whatever is not as it must be fails the test.

use std::collections::{BTreeMap, BTreeSet};

/// The samples of a page, by name and labels as they are written.
pub(super) struct Samples(BTreeMap<String, f64>);

impl Samples {
    /// The value of `name{labels}`, the labels in their order; 0 if it is not there.
    pub(super) fn value(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    #[track_caller]
    pub(super) fn assert(&self, name: &str, value: u32) -> &Self {
        let all: Vec<_> = self.0.iter().filter(|(_, value)| **value != 0.0).collect();
        let is = self.value(name);
        assert!(
            (is - f64::from(value)).abs() < 1e-9,
            "{name} is {is} in {all:#?}"
        );
        self
    }

    /// How many samples have this name.
    pub(super) fn count(&self, name: &str) -> usize {
        let name = format!("{name}{{");
        self.0.keys().filter(|key| key.starts_with(&name)).count()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

struct Family {
    name: String,
    kind: String,
}

impl Family {
    /// Whether a sample of it may be called so.
    fn has(&self, sample: &str, openmetrics: bool) -> bool {
        let Some(suffix) = sample.strip_prefix(&self.name) else {
            return false;
        };
        match (self.kind.as_str(), openmetrics) {
            ("counter", true) => suffix == "_total",
            ("counter", false) => suffix.is_empty() && self.name.ends_with("_total"),
            ("gauge", _) => suffix.is_empty(),
            ("histogram", _) => ["_bucket", "_sum", "_count"].contains(&suffix),
            (other, _) => panic!("a kind `{other}`"),
        }
    }
}

/// Reads version 1.0 of OpenMetrics.
pub(super) fn openmetrics(text: &str) -> Samples {
    let text = text.strip_suffix("# EOF\n").expect("no end");
    assert!(text.lines().all(|line| line != "# EOF"));
    read(text, true)
}

/// Reads version 0.0.4 of Prometheus's format.
pub(super) fn prometheus(text: &str) -> Samples {
    let is_newer = |line: &str| line == "# EOF" || line.starts_with("# UNIT");
    assert!(!text.lines().any(is_newer));
    read(text, false)
}

fn read(text: &str, openmetrics: bool) -> Samples {
    assert!(text.ends_with('\n') && !text.contains('\r'));
    let (mut seen, mut samples) = (BTreeSet::new(), BTreeMap::new());
    let (mut family, mut help): (Option<Family>, Option<String>) = (None, None);
    let mut buckets: Option<(String, f64, f64)> = None;
    for line in text.lines() {
        assert!(!line.is_empty() && line.trim() == line, "{line:?}");
        if let Some(meta) = line.strip_prefix("# ") {
            let mut words = meta.splitn(3, ' ');
            let (what, name, rest) = (words.next(), words.next().unwrap(), words.next().unwrap());
            match what {
                Some("HELP") => {
                    assert!(seen.insert(name.to_owned()), "{name} is there twice");
                    help = Some(name.to_owned());
                    family = None;
                }
                Some("TYPE") => {
                    assert_eq!(help.as_deref(), Some(name));
                    assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
                    family = Some(Family {
                        name: name.to_owned(),
                        kind: rest.to_owned(),
                    });
                }
                Some("UNIT") => assert!(name.ends_with(&format!("_{rest}")), "{line}"),
                _ => panic!("{line}"),
            }
            continue;
        }
        let family = family.as_ref().expect("a sample before its type");
        let (key, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = key.split_once('{').unwrap();
        assert!(family.has(name, openmetrics), "{name} in {}", family.name);
        let labels = read_labels(labels.strip_suffix('}').unwrap());
        let value: f64 = value.parse().unwrap();
        if name.ends_with("_bucket") {
            let le = labels.last().filter(|(name, _)| name == "le").unwrap();
            let bound: f64 = le.1.trim_start_matches('+').parse().unwrap();
            assert!(le.1.contains(['.', 'I']), "{} is not canonical", le.1);
            let series = key.split("le=").next().unwrap().to_owned();
            if let Some((before, last, count)) = &buckets
                && *before == series
            {
                assert!(*last < bound && *count <= value, "{line}");
            }
            buckets = Some((series, bound, value));
        } else if name.ends_with("_count") {
            let (_, bound, count) = buckets.take().expect("buckets before the count");
            assert!(
                bound.is_infinite() && (count - value).abs() < 1e-9,
                "{line}"
            );
        }
        let old = samples.insert(key.to_owned(), value);
        assert!(old.is_none(), "{key} is there twice");
    }
    Samples(samples)
}

fn read_labels(text: &str) -> Vec<(String, String)> {
    let (mut labels, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").unwrap();
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
        assert!(labels.iter().all(|(other, _)| other != name), "{text}");
        let (mut value, mut chars) = (String::new(), after.chars());
        loop {
            match chars.next().expect("a value without an end") {
                '"' => break,
                '\\' => value.push(match chars.next() {
                    Some('n') => '\n',
                    Some(c @ ('"' | '\\')) => c,
                    other => panic!("an escape of {other:?}"),
                }),
                c => value.push(c),
            }
        }
        assert!(!value.is_empty(), "an empty label in {text}");
        labels.push((name.to_owned(), value));
        rest = chars.as_str();
        if let Some(more) = rest.strip_prefix(',') {
            assert!(!more.is_empty());
            rest = more;
        }
    }
    labels
}
