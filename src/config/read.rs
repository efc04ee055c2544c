//! From the text to what it says, with all that is wrong on the way.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::app::{AppTable, Workers};
use super::gateway::{DeadlinesTable, LimitsTable, Listen};
use super::kept::Kept;
use super::keys::{Section, Settings as _};
use super::layers::{self, Context};
use super::mistakes::{Error, Mistakes};
use super::stack::Layers;
use super::tls_table::TlsTable;
use super::value::{Item, Named, kind};
use super::{Config, tls};
use crate::gateway::Address;
use crate::middleware::StaticFiles;
use crate::regular;

/// How many layers there can be: each calls the next.
const MOST: usize = 100;

/// How long a file may be, in MiB: a hundred layers have room many times.
const LONGEST: u64 = 1;

/// What is in a file.
pub(super) fn text(file: &Path) -> io::Result<String> {
    let text = String::from_utf8(regular::read(file, LONGEST)?);
    text.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))
}

/// What a text says.
pub(super) fn config(
    text: &str,
    base: &Path,
    file: Option<&Path>,
    before: &Kept,
) -> Result<Config, Error> {
    let mut mistakes = Mistakes::default();
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = error.span().map_or(0, |span| span.start);
        mistakes.add(at, format!("this is not TOML: {}", error.message()));
    }
    // What cannot be read as TOML says nothing that could be relied on.
    if !errors.is_empty() {
        return Err(mistakes.into_error(text, file));
    }
    let config = Section::read(root.get_ref(), 0, &mut mistakes, |root| {
        whole(root, base, before)
    });
    if mistakes.count() > 0 {
        return Err(mistakes.into_error(text, file));
    }
    config.kept.begin(before);
    Ok(config)
}

fn whole(root: &mut Section<'_, '_>, base: &Path, before: &Kept) -> Config {
    let listen: Option<Vec<Listen>> = root.take("listen");
    let tls_item = root.item("tls");
    let limits: LimitsTable = root.take("limits").unwrap_or_default();
    let deadlines: DeadlinesTable = root.take("deadlines").unwrap_or_default();
    let mut app: AppTable = root.take("app").unwrap_or_default();
    let workers: Workers = root.take("workers").unwrap_or_default();
    let environ: Named<String> = root.take("environ").unwrap_or(Named(Vec::new()));
    let layers = root.item("layer");

    let listen = listen.map_or_else(
        || vec![Listen::plain(Address::from("127.0.0.1:8000"))],
        |all| all.into_iter().map(|each| each.beneath(base)).collect(),
    );
    let mut said_of_tls = String::new();
    let tls = tls_item.and_then(|item| secured(item, base, &mut said_of_tls, root.mistakes()));
    for listen in listen.iter().filter(|listen| listen.tls) {
        let wrong = if tls_item.is_none() {
            "`listen`: `tls = true` needs a table `[tls]` with `certificate` and `key`"
        } else if !listen.address.is_http() {
            "`listen`: TLS is spoken with clients, and this is spoken with front servers"
        } else {
            continue;
        };
        root.mistakes().add(listen.at, wrong);
    }
    // By its text sockets are told apart that others bound.
    let mut secured_by_text = BTreeMap::new();
    for one in &listen {
        let before = secured_by_text.entry(one.address.name());
        if *before.or_insert(one.tls) != one.tls {
            let wrong = format!("`listen`: {} is there with TLS and without", one.address);
            root.mistakes().add(one.at, wrong);
        }
    }
    if let Some(item) = tls_item
        && tls.is_some()
        && !listen.iter().any(|listen| listen.tls)
    {
        // Who has a certificate does not mean to serve without.
        let wrong = "tls: no address of `listen` says `tls = true`, as in `{ address = \"0.0.0.0:443\", tls = true }`";
        root.mistakes().add(item.span().start, wrong);
    }
    for path in [&mut app.files, &mut app.chdir].into_iter().flatten() {
        *path = base.join(&*path);
    }
    for path in app.pythonpath.iter_mut().flatten() {
        *path = base.join(&*path);
    }
    let files = files(&app, root);
    let mut kept = Kept::default();
    let mut context = Context {
        base,
        kept: &mut kept,
        before,
    };
    let stack = layers.map(|item| stack(item, &mut context, root.mistakes()));
    Config {
        file: None,
        fixed: vec![
            ("listen", listen.iter().map(Listen::text).collect()),
            ("limits", said(&limits)),
            ("deadlines", said(&deadlines)),
            ("workers", said(&workers)),
        ],
        listen,
        said_of_tls: tls.is_some().then_some(said_of_tls),
        tls,
        limits: limits.limits(),
        deadlines: deadlines.deadlines(),
        app,
        files,
        workers,
        environ: environ.0,
        stack: stack.unwrap_or_default(),
        kept,
    }
}

fn said(table: &impl Debug) -> String {
    format!("{table:?}")
}

/// What `[tls]` says.
fn secured(
    item: &Item<'_>,
    base: &Path,
    text: &mut String,
    mistakes: &mut Mistakes,
) -> Option<tls::Tls> {
    let at = item.span().start;
    let DeValue::Table(table) = item.get_ref() else {
        mistakes.add(
            at,
            format!("`tls` takes a table, and not {}", kind(item.get_ref())),
        );
        return None;
    };
    mistakes.within("tls".to_owned(), |mistakes| {
        let before = mistakes.count();
        Section::read(table, at, mistakes, |section| {
            let table = TlsTable::of(section);
            *text = said(&table);
            // What could not be read is not there, and what that leads to says nothing.
            let is_read = section.mistakes().count() == before;
            is_read.then(|| tls::load(&table, base, section))?
        })
    })
}

/// The directory that is served.
fn files(app: &AppTable, root: &mut Section<'_, '_>) -> Option<StaticFiles> {
    let at = root.place(Some("app"));
    let directory = app.files.as_ref()?;
    if app.wsgi.is_some() {
        let text = "app: there are `wsgi` and `files`; one of both, and the layer `static_files` for the other";
        root.mistakes().add(at, text);
        return None;
    }
    match StaticFiles::new(directory) {
        Ok(files) => Some(files),
        Err(error) => {
            root.mistakes().add(at, format!("app: `files`: {error}"));
            None
        }
    }
}

/// The layers, outermost first.
fn stack(item: &Item<'_>, context: &mut Context<'_>, mistakes: &mut Mistakes) -> Layers {
    let mut stack = Layers::default();
    let DeValue::Array(items) = item.get_ref() else {
        let text = "a layer is a table of a list: write `[[layer]]`, with two brackets";
        mistakes.add(item.span().start, text);
        return stack;
    };
    if items.len() > MOST {
        let text = format!("there are more than {MOST} layers");
        mistakes.add(item.span().start, text);
        return stack;
    }
    for item in items {
        one(item, context, &mut stack, mistakes);
    }
    stack
}

fn one(item: &Item<'_>, context: &mut Context<'_>, stack: &mut Layers, mistakes: &mut Mistakes) {
    let at = item.span().start;
    let DeValue::Table(table) = item.get_ref() else {
        let text = format!("a layer is a table, and not {}", kind(item.get_ref()));
        mistakes.add(at, text);
        return;
    };
    let Some(name) = layers::name(item) else {
        mistakes.add(at, "a layer has no `name`, or one that is no text");
        return;
    };
    if !layers::names().any(|known| known == name) {
        let at = item.get_ref().get("name").map_or(at, |it| it.span().start);
        mistakes.add(at, layers::unknown(name));
        return;
    }
    mistakes.within(format!("layer {name:?}"), |mistakes| {
        Section::read(table, at, mistakes, |section| {
            section.item("name");
            let is_meant: Option<bool> = section.take("out_of_place");
            let Some(layer) = layers::read(name, section, context) else {
                return;
            };
            if is_meant == Some(true) {
                stack.push(layer);
            } else if let Err(wrong) = stack.push_in_order(layer) {
                section.mistakes().add(at, wrong);
            }
        });
    });
}
