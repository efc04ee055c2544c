//! The layers that a file can name: a row of one table each, and a file that says how it is set.

mod access_log;
mod body_limit;
mod cache;
mod catch_panic;
mod compress;
mod content_rules;
mod content_type;
mod cors;
mod decompress;
mod digest;
mod etag;
mod fields;
mod health;
mod lint;
mod metrics;
mod normalize_path;
mod plain;
mod range;
mod request_id;
mod security_headers;
mod send_file;
mod static_files;
mod timeout;
#[cfg(feature = "zstd")]
mod zstd;
#[cfg(not(feature = "zstd"))]
#[path = "no_zstd.rs"]
mod zstd;

use std::path::{Path, PathBuf};
use std::{fmt, io};

use super::destination::Destination;
use super::explain::Explained;
use super::kept::{Kept, Pace};
use super::keys::{Key, Section, Settings};
use super::mistakes::meant;
use super::stack::Layer;
use super::value::Item;
use super::when::{self, Condition};
use crate::middleware::access_log::Log;
use crate::middleware::place::{Place as _, Placed};
use crate::middleware::{
    AccessLog, BodyLimit, Cache, CatchPanic, Compress, Conditional, ContentLength, ContentRules,
    ContentType, Cors, Decompress, Digest, Etag, Head, HeaderRules, Health, Lint, Metrics,
    NormalizePath, Range, RequestId, SecurityHeaders, SendFile, SetHeader, Timeout,
};

use static_files::Files;

/// All layers that a file can name, in the order of the alphabet.
const KINDS: &[Kind] = &[
    Kind::of::<AccessLog>(),
    Kind::of::<BodyLimit>(),
    Kind::of::<Cache>(),
    Kind::of::<CatchPanic>(),
    Kind::of::<Compress>(),
    Kind::of::<Conditional>(),
    Kind::of::<ContentLength>(),
    Kind::of::<ContentRules>(),
    Kind::of::<ContentType>(),
    Kind::of::<Cors>(),
    Kind::of::<Decompress>(),
    Kind::of::<Digest>(),
    Kind::of::<Etag>(),
    Kind::of::<Head>(),
    Kind::of::<HeaderRules>(),
    Kind::of::<Health>(),
    Kind::of::<Lint>(),
    Kind::of::<Metrics>(),
    Kind::of::<NormalizePath>(),
    Kind::of::<Range>(),
    Kind::of::<RequestId>(),
    Kind::of::<SecurityHeaders>(),
    Kind::of::<SendFile>(),
    Kind::of::<SetHeader>(),
    Kind::of::<Files>(),
    Kind::of::<Timeout>(),
];

/// A layer of the catalogue that a file can name; what that is called is said by [`Placed`].
pub(super) trait Entry: Placed {
    /// What can be set.
    type Settings: Settings;
    /// What it does, in the words of the catalogue's index.
    const SAYS: &'static str;

    /// Whether it remembers something, which it keeps as long as a file that is read again sets it alike.
    const REMEMBERS: bool = false;

    /// The layer as it was set.
    fn build(settings: Self::Settings, context: &mut Context<'_>) -> Result<Layer, Problem>;
}

/// What a layer is made from besides its settings.
pub(super) struct Context<'c> {
    /// What relative paths are relative to.
    pub(super) base: &'c Path,
    /// What layers of this file have opened and remember so far.
    pub(super) kept: &'c mut Kept,
    /// What those of the file as it was before have.
    pub(super) before: &'c Kept,
}

impl Context<'_> {
    /// A path of the file as one of the process.
    pub(super) fn path(&self, path: &Path) -> PathBuf {
        self.base.join(path)
    }

    /// The log that goes there, opened if nobody has.
    fn log(&mut self, to: Destination, pace: Pace) -> io::Result<Log> {
        self.kept.log(to, pace, self.before)
    }
}

/// Why a layer cannot be made as it was set.
#[derive(Debug)]
pub(super) struct Problem {
    /// Which key says so, if one alone does.
    key: Option<&'static str>,
    says: String,
}

impl Problem {
    /// What is wrong with the value of one key.
    pub(super) fn of(key: &'static str, says: impl fmt::Display) -> Self {
        Self {
            key: Some(key),
            says: format!("`{key}`: {says}"),
        }
    }

    /// What is wrong with several together.
    pub(super) fn new(says: impl Into<String>) -> Self {
        Self {
            key: None,
            says: says.into(),
        }
    }

    /// A key that has to be there.
    pub(super) fn missing(key: &'static str) -> Self {
        Self::new(format!("there is no `{key}`, without which it cannot be"))
    }
}

/// A row of the table.
struct Kind {
    name: &'static str,
    says: &'static str,
    place: &'static str,
    /// How far inside it belongs.
    rank: Option<u8>,
    keys: &'static [Key],
    build: fn(&mut Section<'_, '_>, &mut Context<'_>) -> Result<Layer, Problem>,
}

impl Kind {
    const fn of<E: Entry>() -> Self {
        Self {
            name: E::NAME,
            says: E::SAYS,
            place: if E::Place::RANK.is_none() {
                "anywhere"
            } else {
                E::Place::NAME
            },
            rank: E::Place::RANK,
            keys: E::Settings::KEYS,
            build: |section, context| {
                let settings = E::Settings::of(section);
                if !E::REMEMBERS {
                    return E::build(settings, context);
                }
                let set = format!("{} {settings:?}", E::NAME);
                let Context { base, kept, before } = context;
                kept.layer(set, before, |kept| {
                    E::build(settings, &mut Context { base, kept, before })
                })
            },
        }
    }
}

/// Makes a layer of one table of the file; `None` if it was a mistake.
pub(super) fn read(
    name: &str,
    section: &mut Section<'_, '_>,
    context: &mut Context<'_>,
) -> Option<Layer> {
    let kind = KINDS.iter().find(|kind| kind.name == name)?;
    let before = section.mistakes().count();
    let condition: Option<Condition> = section.take("when");
    let built = (kind.build)(section, context).and_then(|layer| {
        let requests = condition.map(Condition::requests).transpose()?;
        Ok(match requests {
            Some(requests) => layer.chosen(|layer| when::choose(requests, layer)),
            None => layer,
        })
    });
    match built {
        Ok(layer) => Some(layer),
        // A value that could not be read is not there, and what that leads to says nothing.
        Err(_) if section.mistakes().count() > before => None,
        Err(problem) => {
            let at = section.place(problem.key);
            section.mistakes().add(at, problem.says);
            None
        }
    }
}

/// Says that no layer has this name.
pub(super) fn unknown(name: &str) -> String {
    let meant = meant(name, names());
    let meant = meant.map_or_else(String::new, |name| format!("did you mean `{name}`? "));
    let all: Vec<_> = names().collect();
    format!(
        "no layer is called `{name}`; {meant}there are {}",
        all.join(", ")
    )
}

/// The names of all layers that a file can have.
pub fn names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name)
}

/// The layers of one place, outermost first.
pub(super) fn order(place: &str) -> String {
    let mut kinds: Vec<_> = KINDS.iter().filter(|kind| kind.place == place).collect();
    kinds.sort_by_key(|kind| kind.rank);
    let names: Vec<_> = kinds.iter().map(|kind| kind.name).collect();
    names.join(", ")
}

/// The name of the layer whose table this is.
pub(super) fn name<'i>(item: &'i Item<'_>) -> Option<&'i str> {
    item.get_ref().get("name")?.get_ref().as_str()
}

/// All of them, to be told of.
pub(super) fn explained() -> impl Iterator<Item = Explained> {
    KINDS.iter().map(|kind| Explained {
        name: kind.name,
        head: "[[layer]]",
        says: kind.says,
        place: kind.place,
        keys: kind.keys,
        more: "",
    })
}
