//! Stored responses as bytes, for stores that are not in this process.
//!
//! A version, then each part with its length before it. What was not written so is no response: whoever
//! can write to the store can answer for the application, but not make this panic or allocate
//! more than it was given.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::entry::{Entry, Head};
use super::freshness::{Reuse, Terms};
use super::vary::Vary;

const VERSION: u8 = 1;

/// More fields than this no `HeaderMap` can hold.
const FIELDS: u32 = 1 << 14;

impl Entry {
    /// The response as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let Head {
            status,
            headers,
            vary: _,
            tags,
            received,
            initial_age,
            terms,
        } = &*self.head;
        let mut to = Vec::with_capacity(usize::try_from(self.weight()).unwrap_or(0));
        to.put_u8(VERSION);
        to.put_u16(status.as_u16());
        for seconds in [
            *received,
            *initial_age,
            terms.lifetime,
            terms.while_revalidate,
            terms.if_error,
        ] {
            to.put_u64(seconds);
        }
        to.put_u8(terms.reuse as u8);
        to.extend_from_slice(&self.encode_selection());
        count(&mut to, tags.len());
        for tag in tags {
            put(&mut to, tag.as_bytes());
        }
        count(&mut to, headers.len());
        for (name, value) in headers {
            put(&mut to, name.as_str().as_bytes());
            put(&mut to, value.as_bytes());
        }
        put(&mut to, &self.body);
        to
    }

    /// What the response is selected by, as bytes: the same for responses that
    /// [replace](Self::replaces) each other.
    pub fn encode_selection(&self) -> Vec<u8> {
        let mut to = Vec::new();
        count(&mut to, self.head.vary.pairs().count());
        for (name, value) in self.head.vary.pairs() {
            put(&mut to, name.as_str().as_bytes());
            to.put_u8(u8::from(value.is_some()));
            put(&mut to, value.unwrap_or_default());
        }
        to
    }

    /// Whether the fields of a request select a response with this
    /// [selection](Self::encode_selection).
    pub fn is_selected(selection: &[u8], fields: &HeaderMap) -> bool {
        let mut from = Bytes::copy_from_slice(selection);
        vary(&mut from).is_some_and(|vary| from.is_empty() && vary.selects(fields))
    }

    /// The response that was [encoded](Self::encode); none if it was not, or by another version.
    pub fn decode(bytes: impl Into<Bytes>) -> Option<Self> {
        let mut from: Bytes = bytes.into();
        if from.try_get_u8().ok()? != VERSION {
            return None;
        }
        let status = StatusCode::from_u16(from.try_get_u16().ok()?).ok()?;
        let received = from.try_get_u64().ok()?;
        let initial_age = from.try_get_u64().ok()?;
        let terms = Terms {
            lifetime: from.try_get_u64().ok()?,
            while_revalidate: from.try_get_u64().ok()?,
            if_error: from.try_get_u64().ok()?,
            reuse: *Reuse::ALL.get(usize::from(from.try_get_u8().ok()?))?,
        };
        let vary = vary(&mut from)?;
        let tag = |from: &mut Bytes| Some(std::str::from_utf8(&take(from)?).ok()?.into());
        let tags = many(&mut from, tag)?.into();
        let field = |from: &mut Bytes| {
            let name = HeaderName::from_bytes(&take(from)?).ok()?;
            Some((name, HeaderValue::from_maybe_shared(take(from)?).ok()?))
        };
        let mut headers = HeaderMap::new();
        for (name, value) in many(&mut from, field)? {
            headers.try_append(name, value).ok()?;
        }
        let body = take(&mut from)?;
        let head = Arc::new(Head {
            status,
            headers,
            vary,
            tags,
            received,
            initial_age,
            terms,
        });
        from.is_empty().then_some(Self { head, body })
    }
}

fn vary(from: &mut Bytes) -> Option<Vary> {
    let pairs = many(from, |from| {
        let name = HeaderName::from_bytes(&take(from)?).ok()?;
        let is_there = from.try_get_u8().ok()? == 1;
        let value = take(from)?;
        Some((name, is_there.then(|| value.to_vec().into())))
    })?;
    Some(Vary::from_pairs(pairs.into_iter()))
}

fn count(to: &mut Vec<u8>, len: usize) {
    to.put_u32(u32::try_from(len).unwrap_or(u32::MAX));
}

fn put(to: &mut Vec<u8>, bytes: &[u8]) {
    count(to, bytes.len());
    to.extend_from_slice(bytes);
}

fn take(from: &mut Bytes) -> Option<Bytes> {
    let len = usize::try_from(from.try_get_u32().ok()?).ok()?;
    (len <= from.len()).then(|| from.split_to(len))
}

fn many<T>(from: &mut Bytes, one: impl Fn(&mut Bytes) -> Option<T>) -> Option<Vec<T>> {
    let count = from.try_get_u32().ok().filter(|count| *count <= FIELDS)?;
    (0..count).map(|_| one(from)).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cache::settings::Settings;
    use crate::cache::storable::Circumstances;

    /// A response that was selected by these fields.
    pub(in crate::cache) fn entry(selected: &[(&'static str, &str)], body: &[u8]) -> Entry {
        let mut headers = HeaderMap::new();
        headers.insert("cache-control", HeaderValue::from_static("max-age=60"));
        headers.insert("surrogate-key", HeaderValue::from_static("a b"));
        let mut request = HeaderMap::new();
        for (name, value) in selected {
            headers.append("vary", HeaderValue::from_static(name));
            request.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let circumstances = Circumstances {
            shared: true,
            authorized: false,
            no_store: false,
            requested: 1000,
            received: 1001,
        };
        let settings = Settings::default();
        let status = StatusCode::OK;
        let head = Head::to_store(status, &headers, &request, circumstances, &settings);
        Entry {
            head: Arc::new(head.unwrap()),
            body: Bytes::copy_from_slice(body),
        }
    }

    #[test]
    fn what_is_decoded_is_what_was_encoded() {
        let before = entry(&[("accept", "a,b"), ("x", "1")], b"body");
        let after = Entry::decode(before.encode()).unwrap();
        assert_eq!(after.head.status, before.head.status);
        assert_eq!(after.head.headers, before.head.headers);
        assert_eq!(after.head.tags, before.head.tags);
        assert_eq!(after.head.terms, before.head.terms);
        assert_eq!(after.head.received, before.head.received);
        assert_eq!(after.head.initial_age, before.head.initial_age);
        assert_eq!(after.body, before.body);
        assert!(after.replaces(&before));
        let selection = before.encode_selection();
        assert_eq!(after.encode_selection(), selection);
        let fields = |x| {
            let fields = [("accept", "a ,b"), ("x", x)];
            let field = |(name, value): (&str, &'static str)| {
                (name.parse().unwrap(), HeaderValue::from_static(value))
            };
            HeaderMap::from_iter(fields.map(field))
        };
        assert!(Entry::is_selected(&selection, &fields("1")) && after.selects(&fields("1")));
        assert!(!Entry::is_selected(&selection, &fields("2")) && !after.selects(&fields("2")));
    }

    proptest! {
        #[test]
        fn what_was_cut_or_changed_is_read_without_harm(at: prop::sample::Index, byte: u8) {
            let whole = entry(&[("x", "1")], b"body").encode();
            prop_assert!(Entry::decode(whole[..at.index(whole.len())].to_vec()).is_none());
            let mut changed = whole.clone();
            changed[at.index(whole.len())] = byte;
            drop(Entry::decode(changed));
            let _ = Entry::is_selected(&whole[at.index(whole.len())..], &HeaderMap::new());
        }

        #[test]
        fn any_bytes_will_do(bytes: Vec<u8>) {
            let _ = Entry::is_selected(&bytes, &HeaderMap::new());
            drop(Entry::decode(bytes));
        }
    }
}
