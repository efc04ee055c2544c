//! Text that is the same in every line.

/// What stands between values: mostly a space or a quote or two.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Literal {
    /// Up to a word of it, written as a whole word of which the end is cut off again: that is
    /// two stores, where a copy of a length that is not known is a call.
    Short { word: [u8; 8], len: u8 },
    /// Any more.
    Long(Box<[u8]>),
}

impl Default for Literal {
    fn default() -> Self {
        Self::new(b"")
    }
}

impl Literal {
    pub(super) fn new(text: &[u8]) -> Self {
        let mut word = [0; 8];
        match (word.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(start), Ok(len)) => {
                start.copy_from_slice(text);
                Self::Short { word, len }
            }
            _ => Self::Long(text.into()),
        }
    }

    /// This one and more text after it.
    pub(super) fn followed_by(&self, text: &[u8]) -> Self {
        let mut all = Vec::new();
        self.write(&mut all);
        all.extend_from_slice(text);
        Self::new(&all)
    }

    #[inline]
    pub(super) fn write(&self, buf: &mut Vec<u8>) {
        match self {
            Self::Short { word, len } => {
                let end = buf.len() + usize::from(*len);
                buf.extend_from_slice(word);
                buf.truncate(end);
            }
            Self::Long(text) => buf.extend_from_slice(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_any_length_is_written_as_it_is() {
        for len in 0..20 {
            let text: Vec<u8> = (b'a'..).take(len).collect();
            let mut buf = b"-".to_vec();
            Literal::new(&text).write(&mut buf);
            assert_eq!(buf, [b"-", text.as_slice()].concat());
        }
    }

    #[test]
    fn what_follows_is_added() {
        let short = Literal::new(b"abc").followed_by(b"def");
        assert_eq!(short, Literal::new(b"abcdef"));
        assert_eq!(short.followed_by(b"ghi"), Literal::new(b"abcdefghi"));
    }
}
