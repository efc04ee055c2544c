//! What is wrong with a file: all of it that one reading finds.

use std::fmt::{self, Write as _};
use std::io;
use std::path::{Path, PathBuf};

/// What is wrong with a file, all of it that one reading found.
///
/// Prints itself as a line for each mistake, `site.toml:12:8: layer "compress": unknown key ...`: where, what, and what to write instead.
#[derive(Debug)]
pub struct Error {
    file: Option<PathBuf>,
    mistakes: Vec<Mistake>,
    source: Option<io::Error>,
}

#[derive(Debug)]
struct Mistake {
    /// Line and column, both from 1 on.
    place: Option<(usize, usize)>,
    says: String,
}

impl Error {
    pub(super) fn unreadable(file: &Path, source: io::Error) -> Self {
        Self {
            file: Some(file.to_owned()),
            mistakes: vec![Mistake {
                place: None,
                says: format!("cannot be read: {source}"),
            }],
            source: Some(source),
        }
    }

    /// How many mistakes there are.
    pub fn count(&self) -> usize {
        self.mistakes.len()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, mistake) in self.mistakes.iter().enumerate() {
            if at > 0 {
                f.write_char('\n')?;
            }
            match &self.file {
                Some(file) => write!(f, "{}", file.display())?,
                None => f.write_str("configuration")?,
            }
            if let Some((line, column)) = mistake.place {
                write!(f, ":{line}:{column}")?;
            }
            write!(f, ": {}", mistake.says)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.source.as_ref()?;
        Some(source)
    }
}

/// The mistakes that were found so far.
#[derive(Debug, Default)]
pub(super) struct Mistakes {
    found: Vec<(usize, String)>,
    within: Vec<String>,
}

impl Mistakes {
    /// One more, that many bytes from the beginning of the text.
    pub(super) fn add(&mut self, at: usize, what: impl fmt::Display) {
        let mut says = String::new();
        for part in &self.within {
            says.push_str(part);
            says.push_str(": ");
        }
        says.push_str(&what.to_string());
        self.found.push((at, says));
    }

    /// Does `f`, whose mistakes are in some part of the file.
    pub(super) fn within<T>(&mut self, part: String, f: impl FnOnce(&mut Self) -> T) -> T {
        self.within.push(part);
        let done = f(self);
        self.within.pop();
        done
    }

    /// How many there are so far.
    pub(super) const fn count(&self) -> usize {
        self.found.len()
    }

    /// All of them in the order of the text.
    pub(super) fn into_error(mut self, text: &str, file: Option<&Path>) -> Error {
        self.found.sort_by_key(|(at, _)| *at);
        let mistakes = self.found.into_iter().map(|(at, says)| Mistake {
            place: Some(place(text, at)),
            says,
        });
        Error {
            file: file.map(Path::to_owned),
            mistakes: mistakes.collect(),
            source: None,
        }
    }
}

/// The line and the column of a byte, both from 1 on; a column is a character.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let last = before.rsplit('\n').next().unwrap_or_default();
    (line, last.chars().count() + 1)
}

/// The one of `known` that somebody who wrote `word` may have meant.
pub(super) fn meant<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = word.chars().count() / 3 + 1;
    let near = known.into_iter().map(|each| (distance(word, each), each));
    let (distance, nearest) = near.min_by_key(|(distance, _)| *distance)?;
    (distance <= most).then_some(nearest)
}

/// How many characters are to be put in, left out or changed to make one word of another.
fn distance(one: &str, other: &str) -> usize {
    // No key is as long, and what is compared is the file's to choose.
    if one.len() > 64 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, b) in row.iter_mut().skip(1).zip(other.chars()) {
            let changed = diagonal + usize::from(a != b);
            diagonal = *cell;
            left = changed.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_line_and_a_character() {
        assert_eq!(place("", 0), (1, 1));
        assert_eq!(place("a\nbä=1", 6), (2, 4));
        assert_eq!(place("a\n", 2), (2, 1));
        assert_eq!(place("ä", 1), (1, 2), "within a character");
    }

    #[test]
    fn what_was_meant_is_what_is_near() {
        let known = ["compress", "cors", "access_log"];
        assert_eq!(meant("compres", known), Some("compress"));
        assert_eq!(meant("acess_log", known), Some("access_log"));
        assert_eq!(meant("acceslog", known), Some("access_log"));
        assert_eq!(meant("router", known), None);
        assert_eq!(meant(&"x".repeat(100), known), None);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
