//! What is wrong with a file: all of it that one reading finds.

use std::fmt::{self, Write as _};
use std::io;
use std::path::{Path, PathBuf};

/// What is wrong with a file, all of it that one reading found.
///
/// Prints itself as a line for each mistake, `site.toml:12:8: layer "compress": unknown key ...`: where, what, and what to write instead.
/// Of more than a hundred it says how many there are.
#[derive(Debug)]
pub struct Error {
    file: Option<PathBuf>,
    mistakes: Vec<Mistake>,
    /// How many more there are.
    untold: usize,
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
            untold: 0,
            source: Some(source),
        }
    }

    /// How many mistakes there are.
    pub fn count(&self) -> usize {
        self.mistakes.len() + self.untold
    }

    fn name(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{}", file.display()),
            None => f.write_str("configuration"),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, mistake) in self.mistakes.iter().enumerate() {
            if at > 0 {
                f.write_char('\n')?;
            }
            self.name(f)?;
            if let Some((line, column)) = mistake.place {
                write!(f, ":{line}:{column}")?;
            }
            write!(f, ": {}", mistake.says)?;
        }
        if self.untold > 0 {
            f.write_char('\n')?;
            self.name(f)?;
            write!(f, ": and {} more", self.untold)?;
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

/// How many mistakes are told: whoever has more than these begins with them.
pub(super) const TOLD: usize = 100;

/// The mistakes that were found so far.
#[derive(Debug, Default)]
pub(super) struct Mistakes {
    found: Vec<(usize, String)>,
    /// How many there are besides, which are not told.
    untold: usize,
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
        if self.found.len() > 2 * TOLD {
            self.leave_out();
        }
    }

    /// So many more, in a part of the file that has as many before them as are told.
    pub(super) const fn add_untold(&mut self, count: usize) {
        self.untold += count;
    }

    /// Leaves out what is not told.
    fn leave_out(&mut self) {
        self.found.sort_by_key(|(at, _)| *at);
        self.untold += self.found.len().saturating_sub(TOLD);
        self.found.truncate(TOLD);
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
        self.found.len() + self.untold
    }

    /// All of them in the order of the text.
    pub(super) fn into_error(mut self, text: &str, file: Option<&Path>) -> Error {
        self.leave_out();
        let lines = Lines::of(text);
        let mistakes = self.found.into_iter().map(|(at, says)| Mistake {
            place: Some(lines.place(at)),
            says,
        });
        Error {
            file: file.map(Path::to_owned),
            mistakes: mistakes.collect(),
            untold: self.untold,
            source: None,
        }
    }
}

/// A text, and where its lines begin.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        let ends = text.match_indices('\n').map(|(end, _)| end + 1);
        let starts = std::iter::once(0).chain(ends).collect();
        Self { text, starts }
    }

    /// The line and the column of a byte, both from 1 on; a column is a character.
    fn place(&self, at: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= at);
        let start = self.starts.get(line.saturating_sub(1)).copied();
        let start = start.unwrap_or_default();
        let rest = self.text.get(start..).unwrap_or_default().char_indices();
        let before = rest.take_while(|(byte, _)| start + byte < at).count();
        (line, before + 1)
    }
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
        let place = |text, at| Lines::of(text).place(at);
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
