//! Keys of a table: what each takes, what is so without it, and what it is for, all in one place.

use std::fmt::{self, Debug};

use toml::de::{DeTable, DeValue};

use super::mistakes::{Mistakes, TOLD, meant};
use super::value::{Item, Value, kind};

/// A key of a table.
#[derive(Clone, Copy)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) takes: fn() -> String,
    /// The keys of the table that it takes, if it does.
    pub(super) keys: fn() -> &'static [Self],
    /// What is so without it.
    pub(super) default: &'static str,
    /// What it is for.
    pub(super) says: &'static str,
}

/// Prints keys under each other, those of their tables indented.
pub(super) fn list(keys: &[Key], depth: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let indent = "    ".repeat(depth);
    for key in keys {
        let (name, takes, default) = (key.name, (key.takes)(), key.default);
        writeln!(f, "{indent}{name}: {takes} [{default}]")?;
        writeln!(f, "{indent}    {}", key.says.trim())?;
        list((key.keys)(), depth + 1, f)?;
    }
    Ok(())
}

/// What stands in a table of the file.
pub(super) trait Settings: Debug + Sized {
    /// All keys there are, in the order in which they are told.
    const KEYS: &'static [Key];

    /// What the table says.
    fn of(section: &mut Section<'_, '_>) -> Self;

    /// The keys that are there.
    fn said(&self) -> Vec<&'static str>;
}

/// A table, while it is read.
pub(super) struct Section<'t, 'i> {
    table: &'t DeTable<'i>,
    at: usize,
    asked: Vec<&'static str>,
    mistakes: &'t mut Mistakes,
}

impl<'t, 'i> Section<'t, 'i> {
    /// Reads a table, in which there is nothing but what `f` asks for.
    pub(super) fn read<T>(
        table: &'t DeTable<'i>,
        at: usize,
        mistakes: &'t mut Mistakes,
        f: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let mut section = Self {
            table,
            at,
            asked: Vec::new(),
            mistakes,
        };
        let read = f(&mut section);
        section.unasked();
        read
    }

    /// What stands behind a key; `None` also if it is wrong, which is noted then.
    pub(super) fn take<T: Value>(&mut self, name: &'static str) -> Option<T> {
        let item = self.item(name)?;
        T::read(item, name, self.mistakes)
    }

    /// What stands behind a key, whatever it is.
    pub(super) fn item(&mut self, name: &'static str) -> Option<&'t Item<'i>> {
        self.asked.push(name);
        let mut entries = self.table.iter();
        let (_, item) = entries.find(|(key, _)| key.get_ref() == name)?;
        Some(item)
    }

    /// Where the value of a key is, or else the table.
    pub(super) fn place(&self, name: Option<&str>) -> usize {
        let mut entries = self.table.iter();
        let entry = name.and_then(|name| entries.find(|(key, _)| key.get_ref() == name));
        entry.map_or(self.at, |(_, item)| item.span().start)
    }

    pub(super) const fn mistakes(&mut self) -> &mut Mistakes {
        self.mistakes
    }

    /// Says which keys nobody knows.
    fn unasked(&mut self) {
        let table = self.table;
        let keys = table.iter().map(|(key, _)| key);
        let mut unknown = keys.filter(|key| !self.asked.contains(&&**key.get_ref()));
        // To say what was meant by each of very many would take long.
        for key in unknown.by_ref().take(TOLD) {
            let name: &str = key.get_ref();
            let meant = meant(name, self.asked.iter().copied());
            let meant = meant.map_or_else(String::new, |key| format!(", did you mean `{key}`?"));
            let end = if meant.is_empty() { ";" } else { "" };
            let all = self.asked.join("`, `");
            let text = format!("unknown key `{name}`{meant}{end} there are `{all}`");
            self.mistakes.add(key.span().start, text);
        }
        self.mistakes.add_untold(unknown.count());
    }
}

/// Reads a table of such settings.
pub(super) fn table<T: Settings>(item: &Item<'_>, key: &str, mistakes: &mut Mistakes) -> Option<T> {
    let DeValue::Table(table) = item.get_ref() else {
        let text = format!("`{key}` takes a table, and not {}", kind(item.get_ref()));
        mistakes.add(item.span().start, text);
        return None;
    };
    let at = item.span().start;
    Some(mistakes.within(key.to_owned(), |mistakes| {
        Section::read(table, at, mistakes, |section| T::of(section))
    }))
}

/// A struct of what stands in a table: each field is a key, its documentation what is told of it, and the text behind it what is
/// so without it.
macro_rules! settings {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $($(#[doc = $doc:literal])* $field:ident: $type:ty = $default:literal,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default)]
        $vis struct $name {
            $($(#[doc = $doc])* $vis $field: Option<$type>,)*
        }

        impl $crate::config::keys::Settings for $name {
            const KEYS: &'static [$crate::config::keys::Key] = &[$($crate::config::keys::Key {
                name: stringify!($field),
                takes: <$type as $crate::config::value::Value>::takes,
                keys: <$type as $crate::config::value::Value>::keys,
                default: $default,
                says: concat!($($doc),*),
            },)*];

            fn of(section: &mut $crate::config::keys::Section<'_, '_>) -> Self {
                Self {
                    $($field: section.take(stringify!($field)),)*
                }
            }

            fn said(&self) -> Vec<&'static str> {
                let all = [$(self.$field.is_some().then_some(stringify!($field)),)*];
                all.into_iter().flatten().collect()
            }
        }

        impl $crate::config::value::Value for $name {
            fn takes() -> String {
                "a table".to_owned()
            }

            fn keys() -> &'static [$crate::config::keys::Key] {
                <Self as $crate::config::keys::Settings>::KEYS
            }

            fn read(
                item: &$crate::config::value::Item<'_>,
                key: &str,
                mistakes: &mut $crate::config::mistakes::Mistakes,
            ) -> Option<Self> {
                $crate::config::keys::table(item, key, mistakes)
            }
        }
    };
}

pub(super) use settings;
