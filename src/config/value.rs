//! What can stand behind a key.

use std::path::PathBuf;

use http::{HeaderName, HeaderValue, Method};
use toml::Spanned;
use toml::de::DeValue;

use super::keys::Key;
use super::mistakes::Mistakes;

/// A value of the file, and where it stands.
pub(super) type Item<'i> = Spanned<DeValue<'i>>;

/// What can stand behind a key.
pub(super) trait Value: Sized {
    /// What it is, in words that follow "takes": `a size, as "64KiB"`.
    fn takes() -> String;

    /// The keys of what is a table.
    fn keys() -> &'static [Key] {
        &[]
    }

    /// What the file says; `None` if that was a mistake.
    fn read(item: &Item<'_>, key: &str, mistakes: &mut Mistakes) -> Option<Self>;
}

/// A value that is not made of others.
pub(super) trait Plain: Sized {
    /// As [`Value::takes`].
    const TAKES: &'static str;

    /// The value, or nothing if it is of another kind, or what is wrong with it.
    fn of(value: &DeValue<'_>) -> Result<Self, Option<String>>;
}

impl<T: Plain> Value for T {
    fn takes() -> String {
        T::TAKES.to_owned()
    }

    fn read(item: &Item<'_>, key: &str, mistakes: &mut Mistakes) -> Option<Self> {
        match T::of(item.get_ref()) {
            Ok(value) => Some(value),
            Err(why) => {
                wrong::<Self>(item, key, why, mistakes);
                None
            }
        }
    }
}

/// Says that a value is not what the key takes.
fn wrong<T: Value>(item: &Item<'_>, key: &str, why: Option<String>, mistakes: &mut Mistakes) {
    let takes = T::takes();
    let text = match why {
        Some(why) => format!("`{key}` takes {takes}; {why}"),
        None => format!("`{key}` takes {takes}, and not {}", kind(item.get_ref())),
    };
    mistakes.add(item.span().start, text);
}

/// What a value is, for who meant another.
pub(super) fn kind(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) if text.len() <= 40 => format!("the text {:?}", &**text),
        DeValue::String(_) => "a text".to_owned(),
        DeValue::Integer(_) => "a whole number".to_owned(),
        DeValue::Float(_) => "a number with a point".to_owned(),
        DeValue::Boolean(it) => it.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// One, or a list of them.
impl<T: Value> Value for Vec<T> {
    fn takes() -> String {
        format!("{}, or a list of that", T::takes())
    }

    fn keys() -> &'static [Key] {
        T::keys()
    }

    fn read(item: &Item<'_>, key: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let DeValue::Array(items) = item.get_ref() else {
            return T::read(item, key, mistakes).map(|one| vec![one]);
        };
        let read = items.iter().map(|item| T::read(item, key, mistakes));
        // All are read, so that all that is wrong is told.
        let read: Vec<_> = read.collect();
        read.into_iter().collect()
    }
}

/// A table whose keys are for the file to choose, in the order of the file.
#[derive(Clone, Debug)]
pub(super) struct Named<T>(pub(super) Vec<(String, T)>);

impl<T: Value> Value for Named<T> {
    fn takes() -> String {
        format!("a table, and behind each name {}", T::takes())
    }

    fn read(item: &Item<'_>, key: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let DeValue::Table(table) = item.get_ref() else {
            wrong::<Self>(item, key, None, mistakes);
            return None;
        };
        let read = table.iter().map(|(name, item)| {
            let name = name.get_ref().to_string();
            Some((name.clone(), T::read(item, &name, mistakes)?))
        });
        let read: Vec<_> = read.collect();
        read.into_iter().collect::<Option<_>>().map(Self)
    }
}

impl Plain for bool {
    const TAKES: &'static str = "true or false";

    fn of(value: &DeValue<'_>) -> Result<Self, Option<String>> {
        value.as_bool().ok_or(None)
    }
}

impl Plain for String {
    const TAKES: &'static str = "a text";

    fn of(value: &DeValue<'_>) -> Result<Self, Option<String>> {
        value.as_str().map(str::to_owned).ok_or(None)
    }
}

impl Plain for PathBuf {
    const TAKES: &'static str = "a path";

    fn of(value: &DeValue<'_>) -> Result<Self, Option<String>> {
        match value.as_str().ok_or(None)? {
            "" => Err(Some("this one is empty".to_owned())),
            path => Ok(path.into()),
        }
    }
}

impl Plain for u64 {
    const TAKES: &'static str = "a whole number from 0 on";

    fn of(value: &DeValue<'_>) -> Result<Self, Option<String>> {
        let number = value.as_integer().ok_or(None)?;
        Self::from_str_radix(number.as_str(), number.radix())
            .map_err(|_| Some(format!("{number} is none, or too large")))
    }
}

impl Plain for u8 {
    const TAKES: &'static str = u64::TAKES;

    fn of(value: &DeValue<'_>) -> Result<Self, Option<String>> {
        let number = u64::of(value)?;
        Self::try_from(number).map_err(|_| Some(format!("{number} is too large")))
    }
}

impl Plain for u32 {
    const TAKES: &'static str = u64::TAKES;

    fn of(value: &DeValue<'_>) -> Result<Self, Option<String>> {
        let number = u64::of(value)?;
        Self::try_from(number).map_err(|_| Some(format!("{number} is too large")))
    }
}

impl Plain for usize {
    const TAKES: &'static str = u64::TAKES;

    fn of(value: &DeValue<'_>) -> Result<Self, Option<String>> {
        let number = u64::of(value)?;
        Self::try_from(number).map_err(|_| Some(format!("{number} is too large")))
    }
}

impl Plain for HeaderName {
    const TAKES: &'static str = "the name of a field";

    fn of(value: &DeValue<'_>) -> Result<Self, Option<String>> {
        let text = value.as_str().ok_or(None)?;
        text.parse()
            .map_err(|_| Some(format!("{text:?} has a character that no name has")))
    }
}

impl Plain for HeaderValue {
    const TAKES: &'static str = "the value of a field";

    fn of(value: &DeValue<'_>) -> Result<Self, Option<String>> {
        let text = value.as_str().ok_or(None)?;
        Self::from_str(text)
            .map_err(|_| Some("this one has a character that is not visible ASCII".to_owned()))
    }
}

impl Plain for Method {
    const TAKES: &'static str = "a method, as \"GET\"";

    fn of(value: &DeValue<'_>) -> Result<Self, Option<String>> {
        let text = value.as_str().ok_or(None)?;
        text.parse().map_err(|_| Some(format!("{text:?} is none")))
    }
}

/// A choice of words: an enum, each variant with the text that is written for it.
macro_rules! words {
    ($(#[$meta:meta])* enum $name:ident { $($variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(in crate::config) enum $name {
            $($variant,)+
        }

        impl $crate::config::value::Plain for $name {
            const TAKES: &'static str = $crate::config::value::joined!($($word)+);

            fn of(value: &toml::de::DeValue<'_>) -> Result<Self, Option<String>> {
                match value.as_str().ok_or(None)? {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(None),
                }
            }
        }
    };
}

/// `"a"`, `"b"` or `"c"`.
macro_rules! joined {
    ($one:literal) => { concat!("\"", $one, "\"") };
    ($one:literal $other:literal) => { concat!("\"", $one, "\" or \"", $other, "\"") };
    ($one:literal $($rest:literal)+) => {
        concat!("\"", $one, "\", ", $crate::config::value::joined!($($rest)+))
    };
}

pub(super) use {joined, words};
