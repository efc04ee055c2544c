//! Dictionaries of structured fields: RFC 9651, sections 3.2 and 4.2.
//!
//! ```text
//! sf-dictionary = dict-member *( OWS "," OWS dict-member )
//! dict-member   = key ( parameters / "=" ( sf-item / inner-list ) )
//! ```
//!
//! Integers, booleans, byte sequences, strings and tokens are read; whatever else the grammar has is read past, so that it
//! does not spoil the members beside it. What breaks the grammar spoils the whole field, which is
//! then as if it were not there (section 4.2). Of a key that is there twice the last counts.

use std::collections::HashSet;
use std::hash::Hash;

use http::{HeaderMap, HeaderName};

use super::base64;

/// The value of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// True if it is only named (section 4.2.2).
    Boolean(bool),
    Bytes(Vec<u8>),
    Integer(i64),
    /// A string or a token.
    Text(Vec<u8>),
    /// A decimal, date, display string or inner list.
    Other,
}

/// The members of a dictionary over all lines of a field; none if it is malformed, or absent.
pub(crate) fn dictionary(headers: &HeaderMap, name: &HeaderName) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for line in headers.get_all(name) {
        let Some(members) = members(line.as_bytes()) else {
            return Vec::new();
        };
        all.extend(members);
    }
    last_of_each(all)
}

/// What is there last of each key, by a hash: a client may send thousands.
fn last_of_each<K: Clone + Eq + Hash, V>(all: Vec<(K, V)>) -> Vec<(K, V)> {
    let mut seen = HashSet::new();
    let all = all.into_iter().rev();
    let mut last: Vec<_> = all.filter(|(key, _)| seen.insert(key.clone())).collect();
    last.reverse();
    last
}

fn members(text: &[u8]) -> Option<Vec<(String, Value)>> {
    let mut text = Text(text);
    let mut all = Vec::new();
    text.skip(b" ");
    while !text.0.is_empty() {
        let key = text.key()?.to_owned();
        let value = if text.take(b'=') {
            text.item_or_list()?
        } else {
            text.parameters()?;
            Value::Boolean(true)
        };
        all.push((key, value));
        text.skip(b" \t");
        if text.0.is_empty() {
            return Some(all);
        }
        if !text.take(b',') {
            return None;
        }
        text.skip(b" \t");
        if text.0.is_empty() {
            return None;
        }
    }
    Some(all)
}

/// What is left to be read.
struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    fn skip(&mut self, these: &[u8]) {
        self.span(|byte| these.contains(&byte));
    }

    fn take(&mut self, byte: u8) -> bool {
        let rest = self.0.strip_prefix(&[byte]);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn span(&mut self, these: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.0.iter().position(|byte| !these(*byte));
        let (span, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest;
        span
    }

    /// Section 3.1.2.
    fn key(&mut self) -> Option<&'a str> {
        let first = *self.0.first()?;
        if !(first.is_ascii_lowercase() || first == b'*') {
            return None;
        }
        let rest = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.*".contains(&b);
        std::str::from_utf8(self.span(rest)).ok()
    }

    fn item_or_list(&mut self) -> Option<Value> {
        if !self.take(b'(') {
            let value = self.bare()?;
            self.parameters()?;
            return Some(value);
        }
        loop {
            self.skip(b" ");
            if self.take(b')') {
                self.parameters()?;
                return Some(Value::Other);
            }
            self.bare()?;
            self.parameters()?;
            if !matches!(self.0.first(), Some(b' ' | b')')) {
                return None;
            }
        }
    }

    fn parameters(&mut self) -> Option<()> {
        while self.take(b';') {
            self.skip(b" ");
            self.key()?;
            if self.take(b'=') {
                self.bare()?;
            }
        }
        Some(())
    }

    /// Section 3.3.
    fn bare(&mut self) -> Option<Value> {
        match *self.0.first()? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => self.string(),
            b':' => self.bytes(),
            b'?' => {
                self.take(b'?');
                let is_true = self.take(b'1');
                (is_true || self.take(b'0')).then_some(Value::Boolean(is_true))
            }
            b'@' => {
                self.take(b'@');
                matches!(self.number()?, Value::Integer(_)).then_some(Value::Other)
            }
            b'%' => self.display_string(),
            b'*' | b'a'..=b'z' | b'A'..=b'Z' => {
                let is_of_tokens =
                    |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&b);
                Some(Value::Text(self.span(is_of_tokens).to_vec()))
            }
            _ => None,
        }
    }

    /// Sections 3.3.1 and 3.3.2: 15 digits, or 12 before a dot and 3 after it.
    fn number(&mut self) -> Option<Value> {
        let negative = self.take(b'-');
        let digits = self.span(|byte| byte.is_ascii_digit());
        if self.take(b'.') {
            let fraction = self.span(|byte| byte.is_ascii_digit());
            let right = (1..=12).contains(&digits.len()) && (1..=3).contains(&fraction.len());
            return right.then_some(Value::Other);
        }
        if !(1..=15).contains(&digits.len()) {
            return None;
        }
        let number = digits
            .iter()
            .fold(0, |n: i64, digit| n * 10 + i64::from(digit - b'0'));
        Some(Value::Integer(if negative { -number } else { number }))
    }

    /// Section 3.3.3.
    fn string(&mut self) -> Option<Value> {
        let mut text = Vec::new();
        self.take(b'"');
        loop {
            let plain = |byte| matches!(byte, 0x20..=0x7e) && byte != b'"' && byte != b'\\';
            text.extend_from_slice(self.span(plain));
            if self.take(b'"') {
                return Some(Value::Text(text));
            }
            if !self.take(b'\\') {
                return None;
            }
            if self.take(b'"') {
                text.push(b'"');
            } else if self.take(b'\\') {
                text.push(b'\\');
            } else {
                return None;
            }
        }
    }

    /// Section 3.3.5.
    fn bytes(&mut self) -> Option<Value> {
        self.take(b':');
        let text = self.span(|byte| byte != b':');
        let closed = self.take(b':');
        let bytes = base64::decode(text).filter(|_| closed)?;
        Some(Value::Bytes(bytes))
    }

    /// Section 3.3.8; whether its bytes are UTF-8 is not looked at, since it is not read.
    fn display_string(&mut self) -> Option<Value> {
        self.take(b'%');
        if !self.take(b'"') {
            return None;
        }
        loop {
            self.span(|byte| matches!(byte, 0x20..=0x7e) && byte != b'"' && byte != b'%');
            if self.take(b'"') {
                return Some(Value::Other);
            }
            if !self.take(b'%') {
                return None;
            }
            let hex = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
            let (pair, rest) = self.0.split_at_checked(2)?;
            if !pair.iter().all(hex) {
                return None;
            }
            self.0 = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn read(lines: &[&str]) -> Vec<(String, Value)> {
        let name = HeaderName::from_static("x");
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        dictionary(&headers, &name)
    }

    fn member(key: &str, value: Value) -> (String, Value) {
        (key.to_owned(), value)
    }

    #[test]
    fn integers_and_bytes_are_read() {
        assert_eq!(
            read(&["a=1 ,\tb=:aGVsbG8=:;x=y, *c=-15"]),
            [
                member("a", Value::Integer(1)),
                member("b", Value::Bytes(b"hello".to_vec())),
                member("*c", Value::Integer(-15)),
            ]
        );
        assert_eq!(read(&["a=::"]), [member("a", Value::Bytes(Vec::new()))]);
    }

    #[test]
    fn booleans_strings_and_tokens_are_read() {
        let text = |text: &str| Value::Text(text.into());
        for (member_, value) in [
            ("a", Value::Boolean(true)),
            ("a;b;c=1", Value::Boolean(true)),
            ("a=?1", Value::Boolean(true)),
            ("a=?0;q=1", Value::Boolean(false)),
            ("a=\"b, \\\"c\\\\\"", text("b, \"c\\")),
            ("a=\"\"", text("")),
            ("a=token/x:y;z", text("token/x:y")),
            ("a=*t", text("*t")),
        ] {
            let found = read(&[&format!("{member_}, b=1")]);
            let wanted = [member("a", value), member("b", Value::Integer(1))];
            assert_eq!(found, wanted, "{member_}");
        }
    }

    #[test]
    fn all_else_is_read_past() {
        for value in [
            "1.5",
            "@17",
            "%\"f%c3%bc\"",
            "()",
            "(1 a;b=2 \"c\" );d",
            "-0.125",
        ] {
            let found = read(&[&format!("a={value}, b=1")]);
            let wanted = [member("a", Value::Other), member("b", Value::Integer(1))];
            assert_eq!(found, wanted, "{value}");
        }
        assert_eq!(read(&["a;b;c=1, d=1"]).len(), 2);
    }

    #[test]
    fn what_is_malformed_spoils_all() {
        for bad in [
            "a=1,",
            "a=1,,b=2",
            ",a=1",
            "A=1",
            "a= 1",
            "a =1",
            "a=1 b=2",
            "a=1.",
            "a=1.1234",
            "a=1234567890123456",
            "a=",
            "a=:aGVsbG8=",
            "a=:a*b=:",
            "a=:a:",
            "a=\"b",
            "a=\"\\x\"",
            "a=?2",
            "a=@1.5",
            "a=%\"%C3\"",
            "a=(1",
            "a=(1\"b\")",
            "a=(1,2)",
            "a;=1",
            "a=é",
        ] {
            assert_eq!(read(&[bad]), [], "{bad}");
            assert_eq!(read(&["ok=1", bad]), [], "{bad}");
        }
    }

    #[test]
    fn lines_add_up_and_the_last_of_a_key_counts() {
        assert_eq!(
            read(&["a=1, b=2", "a=3"]),
            [
                member("b", Value::Integer(2)),
                member("a", Value::Integer(3))
            ]
        );
        assert_eq!(read(&[""]), []);
        assert_eq!(read(&[]), []);
    }

    thread_local! {
        static COMPARED: Cell<usize> = const { Cell::new(0) };
    }

    #[derive(Clone, Debug, Eq)]
    struct Counted(usize);

    impl PartialEq for Counted {
        fn eq(&self, other: &Self) -> bool {
            COMPARED.set(COMPARED.get() + 1);
            self.0 == other.0
        }
    }

    impl Hash for Counted {
        fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
            self.0.hash(state);
        }
    }

    #[test]
    fn thousands_of_keys_are_as_many_comparisons_and_no_square() {
        let all: Vec<_> = (0..8192).map(|n| (Counted(n % 4096), n)).collect();
        let last = last_of_each(all);
        assert_eq!(last.len(), 4096);
        assert!(last.iter().all(|(_, n)| *n >= 4096));
        let compared = COMPARED.get();
        assert!(compared < 4 * 8192, "{compared}");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(all in prop::collection::btree_map(
            "[a-z*][a-z0-9_.*-]{0,6}",
            prop_oneof![
                (-999_999_999_999_999..=999_999_999_999_999_i64).prop_map(Value::Integer),
                any::<Vec<u8>>().prop_map(Value::Bytes),
            ],
            0..5,
        )) {
            let write = |(key, value): (&String, &Value)| match value {
                Value::Bytes(bytes) => format!("{key}=:{}:", base64::encode(bytes)),
                Value::Integer(number) => format!("{key}={number}"),
                _ => unreachable!(),
            };
            let text: Vec<_> = all.iter().map(write).collect();
            let wanted: Vec<_> = all.into_iter().collect();
            prop_assert_eq!(read(&[&text.join(" , ")]), wanted);
        }

        #[test]
        fn any_text_will_do(text in "[ -~]{0,40}", more in "[a-z0-9=:;,()\"%@?. ]{0,30}") {
            drop(read(&[&text, &more]));
        }
    }
}
