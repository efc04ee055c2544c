//! The catalogue is complete: every layer has its row, its tests, its example, its name and
//! its measure.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::fs;
use std::path::{Path, PathBuf};

/// How long a file may be: what is read in one sitting.
const LINES: usize = 500;

/// Modules that layers share, and that are none.
const SHARED: &[&str] = &[
    "attributes",
    "body",
    "endpoint",
    "from_fn",
    "from_parts",
    "future",
    "fuzzing",
    "header",
    "lib",
    "networks",
    "outcome",
    "pattern",
    "place",
    "promise",
    "represent",
    "response",
    "target",
    "verdict",
    "wrap",
];

/// A layer of the catalogue: one entry of `middleware/`.
struct Entry {
    name: String,
    /// Its files, the one that opens it first.
    files: Vec<(PathBuf, String)>,
}

impl Entry {
    /// `SetHeader` for `set_header`.
    fn type_name(&self) -> String {
        let word = |word: &str| {
            let (first, rest) = word.split_at(1);
            first.to_uppercase() + rest
        };
        self.name.split('_').map(word).collect()
    }

    fn opening(&self) -> &str {
        self.all().next().unwrap()
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|(_, text)| text.as_str())
    }
}

fn root() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The Rust files below `path`, or `path` itself.
fn files(path: &Path) -> Vec<(PathBuf, String)> {
    if path.is_file() {
        return vec![(path.to_owned(), read(path))];
    }
    let entries = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let (dirs, mut found): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    found.retain(|path| path.extension().is_some_and(|ext| ext == "rs"));
    found.sort_by_key(|path| (!path.ends_with("mod.rs"), path.clone()));
    let below = dirs.iter().flat_map(|dir| files(dir));
    let mut all: Vec<_> = found
        .iter()
        .map(|path| (path.clone(), read(path)))
        .collect();
    all.extend(below);
    all
}

fn catalogue() -> Vec<Entry> {
    let mut entries: Vec<_> = fs::read_dir(root().join("middleware"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir() || path.extension().is_some_and(|ext| ext == "rs"))
        .map(|path| Entry {
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            files: files(&path),
        })
        .filter(|entry| !SHARED.contains(&entry.name.as_str()))
        .collect();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    entries
}

/// The rows of the index: what stands between the bars.
fn index() -> Vec<Vec<String>> {
    let lib = read("middleware/lib.rs");
    let rows = lib.lines().filter_map(|line| line.strip_prefix("//! | [`"));
    let cells = |row: &str| row.split('|').map(|cell| cell.trim().to_owned()).collect();
    rows.map(cells).collect()
}

/// Collects what is wrong with each layer, so that one run tells all.
#[track_caller]
fn check(fault: impl Fn(&Entry) -> Option<String>) {
    let entries = catalogue();
    assert!(entries.len() > 10, "the catalogue was not found");
    let faults: Vec<_> = entries
        .iter()
        .filter_map(|entry| Some(format!("{}: {}", entry.name, fault(entry)?)))
        .collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_layer_has_a_row_in_the_index() {
    let rows = index();
    let mut names: Vec<_> = rows.iter().map(|row| row[0].clone()).collect();
    names.sort();
    assert_eq!(
        names,
        rows.iter().map(|row| row[0].clone()).collect::<Vec<_>>(),
        "the index is alphabetical"
    );
    check(|entry| {
        let name = entry.type_name() + "`]";
        let row = rows.iter().find(|row| row[0] == name);
        let Some(row) = row else {
            return Some(format!("no row `{name}` in middleware/lib.rs"));
        };
        let said = row.len() == 5 && !row[1].is_empty() && !row[2].is_empty();
        (!said).then(|| "its row says nothing of what it does or of its place".to_owned())
    });
    let layers = catalogue();
    let lost = rows.iter().find(|row| {
        let is = |entry: &Entry| row[0] == entry.type_name() + "`]";
        !layers.iter().any(is)
    });
    assert_eq!(lost, None, "a row without a layer");
}

#[test]
fn every_layer_is_placed_by_its_name_and_its_row_says_where() {
    let rows = index();
    check(|entry| {
        let name = format!("const NAME: &'static str = \"{}\";", entry.name);
        let Some(text) = entry.all().find(|text| text.contains(&name)) else {
            return Some(format!("no `Placed` with `{name}`"));
        };
        let (_, after) = text.split_once("type Place = ")?;
        let place = after.split(';').next()?.rsplit(':').next()?.trim();
        let word = match place {
            "Head" | "SendFile" | "Cache" | "Code" | "Digest" | "Cut" | "Condition"
            | "Validate" => "represent".to_owned(),
            // That of a layer that it wraps.
            "Place" => "its layer's".to_owned(),
            place => place.to_lowercase(),
        };
        let label = entry.type_name() + "`]";
        let row = rows.iter().find(|row| row[0] == label)?;
        (row[2] != word).then(|| format!("its row says `{}`, its place is `{word}`", row[2]))
    });
}

#[test]
fn every_layer_is_documented_with_an_example_that_runs() {
    check(|entry| {
        let text = entry.opening();
        let docs: Vec<_> = text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .collect();
        let opening = docs.first().is_some_and(|line| line.ends_with('.'));
        let example = docs.iter().position(|line| line.trim_end() == "//! ```");
        if !opening {
            return Some("it does not open with a sentence".to_owned());
        }
        // Not `ignore`, `no_run` or `text`: compiled and run.
        let Some(example) = example else {
            return Some("no example".to_owned());
        };
        let body = docs[example..].join("\n");
        let used = body.contains(&entry.type_name());
        (!used).then(|| format!("its example does not use `{}`", entry.type_name()))
    });
}

#[test]
fn every_layer_is_tested_on_the_wire_and_by_the_laws() {
    let conformance = read("tests/conformance/main.rs");
    let main = read("tests/middleware/main.rs");
    check(|entry| {
        let folder = root().join("tests/middleware");
        let path = folder.join(&entry.name);
        let path = if path.is_dir() {
            path
        } else {
            path.with_extension("rs")
        };
        if !path.exists() {
            return Some("no tests/middleware".to_owned());
        }
        let tests = files(&path)
            .iter()
            .map(|(_, text)| text.matches("::test").count())
            .sum::<usize>()
            + files(&path)
                .iter()
                .map(|(_, text)| text.matches("#[test]").count())
                .sum::<usize>();
        if tests == 0 {
            return Some("tests/middleware has no test of it".to_owned());
        }
        if !main.contains(&format!("mod {};", entry.name)) {
            return Some("tests/middleware/main.rs does not name it".to_owned());
        }
        let row = conformance.lines().any(|line| {
            let (row, _) = line.trim_start().split_once(": ").unwrap_or_default();
            row == entry.name || row.starts_with(&format!("{}_", entry.name))
        });
        (!row).then(|| "no row in tests/conformance".to_owned())
    });
}

#[test]
fn no_file_is_longer_than_one_sitting() {
    let mut long = Vec::new();
    for folder in ["middleware", "src", "tests"] {
        for (path, text) in files(&root().join(folder)) {
            let lines = text.lines().count();
            if lines > LINES {
                long.push(format!("{}: {lines} lines", path.display()));
            }
        }
    }
    assert!(long.is_empty(), "\n{}", long.join("\n"));
}

#[test]
fn layers_import_no_sibling() {
    let names: Vec<_> = catalogue().into_iter().map(|entry| entry.name).collect();
    check(|entry| {
        let names_one = |path: &str| {
            let module = path
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .next();
            module.is_some_and(|module| module != entry.name && names.iter().any(|n| n == module))
        };
        let sibling = |text: &&str| text.split("crate::").skip(1).any(names_one);
        let code = |text: &str| {
            let lines = text.lines().take_while(|line| *line != "#[cfg(test)]");
            let code = lines.filter(|line| !line.trim_start().starts_with("//"));
            code.collect::<Vec<_>>().join("\n")
        };
        let texts: Vec<_> = entry.all().map(code).collect();
        let found = texts.iter().map(String::as_str).find(sibling)?;
        let line = found.lines().find(|line| sibling(line)).expect("a line");
        Some(format!("imports a sibling: `{}`", line.trim()))
    });
}
