//! What can be written, told by the tables that read it.

use std::fmt;

use super::app::{AppTable, Workers};
use super::gateway::{DeadlinesTable, LimitsTable, ListenTable};
use super::keys::{Key, Settings, list};
use super::layers;
use super::mistakes::meant;
use super::tls_table::TlsTable;
use super::when::Condition;
use crate::gateway::Address;

/// A table of a file: what it is for and its keys, each with what it takes, what is so without it, and what that is for.
///
/// Made by [`explain`]; it is to be printed.
#[derive(Clone, Copy)]
pub struct Explained {
    pub(super) name: &'static str,
    /// How it is written.
    pub(super) head: &'static str,
    pub(super) says: &'static str,
    /// The place in a stack, of a layer.
    pub(super) place: &'static str,
    pub(super) keys: &'static [Key],
    /// What else there is to know of it, in Markdown.
    pub(super) more: &'static str,
}

/// The tables that are no layers.
const TABLES: &[Explained] = &[
    Explained {
        more: Address::FORMS,
        ..table::<ListenTable>(
            "listen",
            "listen = [\"127.0.0.1:8000\"]",
            "where to listen: addresses, of which each is a text with its options, or a table; by default one on this machine",
        )
    },
    table::<TlsTable>(
        "tls",
        "[tls]",
        "what connections are secured with, where an address says `tls = true`",
    ),
    table::<LimitsTable>(
        "limits",
        "[limits]",
        "how much a client may take; what is out of range is brought into it",
    ),
    table::<DeadlinesTable>(
        "deadlines",
        "[deadlines]",
        "how long the gateway waits for a client, and for the application to be ready",
    ),
    table::<AppTable>("app", "[app]", "what the layers are around"),
    table::<Workers>("workers", "[workers]", "by whom it is served"),
    Explained {
        name: "environ",
        head: "[environ]",
        says: "variables for the environ of every request, as `NAME = \"value\"`; for the wheel",
        place: "",
        keys: &[],
        more: "",
    },
    table::<Common>(
        "layer",
        "[[layer]]",
        "a layer, outermost first; what each takes is told by its name",
    ),
];

const fn table<T: Settings>(
    name: &'static str,
    head: &'static str,
    says: &'static str,
) -> Explained {
    Explained {
        name,
        head,
        says,
        place: "",
        keys: T::KEYS,
        more: "",
    }
}

super::keys::settings! {
    /// What every layer takes.
    pub(in crate::config) struct Common {
        /// Which layer it is.
        name: String = "required",
        /// The requests that it is for; it is as if not there for others.
        when: Condition = "all",
        /// Whether it may stand where it does not belong.
        out_of_place: bool = "false",
    }
}

/// All that can be explained: the tables and then the layers.
pub(super) fn all() -> impl Iterator<Item = Explained> {
    TABLES.iter().copied().chain(layers::explained())
}

/// The names of the tables of a file that are no layers.
pub fn tables() -> impl Iterator<Item = &'static str> {
    TABLES.iter().map(|table| table.name)
}

impl Explained {
    /// What it is for, in a sentence.
    pub const fn says(&self) -> &'static str {
        self.says
    }
}

/// What a layer or another table of a file is for, and its keys, to be printed.
///
/// # Errors
///
/// If there is none of that name: what there is instead.
pub fn explain(name: &str) -> Result<Explained, String> {
    if let Some(found) = all().find(|each| each.name == name) {
        return Ok(found);
    }
    let meant = meant(name, all().map(|each| each.name));
    let meant = meant.map_or_else(String::new, |name| format!("did you mean `{name}`? "));
    let names: Vec<_> = all().map(|each| each.name).collect();
    Err(format!(
        "nothing is called `{name}`; {meant}there are {}",
        names.join(", ")
    ))
}

/// All names that can be [explained](explain), a line each, to be printed.
pub fn overview() -> String {
    let line = |name: &str| {
        let explained = explain(name);
        let says = explained.as_ref().map_or("", Explained::says);
        format!("  {name:17} {says}\n")
    };
    let tables: String = tables().map(line).collect();
    let layers: String = layers::names().map(line).collect();
    format!(
        "`gopuram explain NAME` tells the keys of each.\n\nTables of a file:\n{tables}\nLayers:\n{layers}"
    )
}

impl fmt::Debug for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Explained").field(&self.name).finish()
    }
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}\n\n{}", self.name, self.says, self.head)?;
        if !self.place.is_empty() {
            writeln!(f, "name = \"{}\"    # in place `{}`", self.name, self.place)?;
        }
        list(self.keys, 0, f)?;
        if self.more.is_empty() {
            return Ok(());
        }
        writeln!(f)?;
        plain(self.more, f)
    }
}

/// Markdown for a terminal: each row of a table as a key is told.
fn plain(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for line in text
        .lines()
        .filter(|line| !line.starts_with("| |") && !line.starts_with("|-"))
    {
        let cells: Vec<_> = line.trim_matches(['|', ' ']).split(" | ").collect();
        match cells.as_slice() {
            [name, says] => writeln!(f, "{}\n    {says}", name.replace('`', ""))?,
            [name, says, default] => {
                writeln!(f, "{} [{default}]\n    {says}", name.replace('`', ""))?;
            }
            _ => writeln!(f, "{line}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn cell(text: &str) -> String {
        let is_code = text.starts_with(['"', '[']) || text.parse::<f64>().is_ok();
        let text = text.trim().replace('|', "\\|");
        if is_code { format!("`{text}`") } else { text }
    }

    /// What is written, as code.
    fn marked(takes: &str) -> String {
        if takes.contains('`') {
            return takes.to_owned();
        }
        let parts = takes.split('"').enumerate();
        let part = |(at, part): (usize, &str)| match at % 2 {
            0 => part.to_owned(),
            _ => format!("`\"{part}\"`"),
        };
        parts.map(part).collect()
    }

    fn rows(keys: &[Key], before: &str, out: &mut String) {
        for key in keys {
            let name = format!("{before}{}", key.name);
            let (takes, default) = (marked(&(key.takes)()), cell(key.default));
            let says = cell(key.says);
            writeln!(out, "| `{name}` | {takes} | {default} | {says} |").unwrap();
            rows((key.keys)(), &format!("{name}."), out);
        }
    }

    fn reference() -> String {
        let mut text = "# Reference\n\n".to_owned();
        for each in all() {
            let place = match each.place {
                "" => String::new(),
                place => format!(" Its place is `{place}`."),
            };
            let (name, head, says) = (each.name, each.head, each.says);
            let written = match each.place {
                _ if head != "[[layer]]" || name == "layer" => format!("`{head}`: "),
                _ => String::new(),
            };
            let mut says = format!("{written}{says}");
            if written.is_empty()
                && let Some(first) = says.get_mut(..1)
            {
                first.make_ascii_uppercase();
            }
            writeln!(text, "## `{name}`\n\n{says}.{place}\n").unwrap();
            if !each.keys.is_empty() {
                writeln!(text, "| key | takes | by default | |\n|---|---|---|---|").unwrap();
                rows(each.keys, "", &mut text);
                text.push('\n');
            }
            if !each.more.is_empty() {
                writeln!(text, "{}", each.more).unwrap();
            }
        }
        text.trim_end().to_owned() + "\n"
    }

    /// `UPDATE=1 cargo test -p gopuram --all-features --lib reference` writes it.
    #[test]
    fn the_reference_is_as_the_keys_say() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/config/reference.md");
        let reference = reference();
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(file, &reference).unwrap();
        }
        assert_eq!(std::fs::read_to_string(file).unwrap(), reference);
    }

    #[test]
    fn how_an_address_is_written_is_told_with_where_to_listen() {
        let told = explain("listen").unwrap().to_string();
        for wanted in [
            "\nunix:@name\n    a name of Linux's abstract namespace, without a file\n",
            "\nbacklog=N [4096]\n    how many connections wait",
        ] {
            assert!(told.contains(wanted), "{told}");
        }
        assert!(!told.contains('|'), "{told}");
    }

    #[test]
    fn what_is_not_there_is_told_with_what_was_meant() {
        let told = explain("limit").unwrap_err();
        assert!(
            told.starts_with("nothing is called `limit`; did you mean `limits`?"),
            "{told}"
        );
        assert!(
            explain("compress")
                .unwrap()
                .to_string()
                .contains("min_size: a size")
        );
    }
}
