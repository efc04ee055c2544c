//! A file as it is answered: its codings, each with its header fields ready.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING,
    CONTENT_LENGTH, CONTENT_TYPE, VARY,
};
use http::{HeaderMap, HeaderValue};

use super::content_hash::content_hash;
use super::disposition::attachment;
use super::media_types::media_type;
use super::open_file::OpenFile;
use super::path::file_name;
use super::root::Wait;
use super::siblings::{self, Sibling};
use super::site::Site;
use super::source::{Miss, Node, Opened, State};
use crate::header::accept_encoding::AcceptEncoding;
use crate::header::entity_tag::EntityTag;
use crate::represent::{Validators, not_modified};

/// How many fields a response has room for before its header map must grow.
const FIELDS: usize = 12;

/// A file and those beside it that are the same, coded.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    path: Box<[u8]>,
    itself: Variant,
    /// In the server's order of preference.
    coded: Vec<(Sibling, Variant)>,
}

/// One representation: what is sent, and what is said of it.
#[derive(Clone, Debug)]
pub(super) struct Variant {
    state: State,
    pub(super) content: Content,
    /// All that a 200 says. Cloning it is a third faster than inserting its fields one by one.
    pub(super) headers: HeaderMap,
    /// All that a 304 says, which is what a site is asked for most.
    pub(super) unmodified: HeaderMap,
    pub(super) validators: Validators,
}

/// Where the bytes are.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// At hand.
    Bytes(Bytes),
    /// Not kept: to be opened again.
    Elsewhere,
    File(Arc<OpenFile>),
}

impl Loaded {
    /// The representation to send.
    pub(super) fn choose(&self, headers: &HeaderMap) -> &Variant {
        if self.coded.is_empty() {
            return &self.itself;
        }
        let there = self.coded.iter().map(|(sibling, _)| *sibling);
        let chosen = siblings::choose(&AcceptEncoding::of(headers), there);
        self.coded
            .iter()
            .find(|(sibling, _)| Some(*sibling) == chosen)
            .map_or(&self.itself, |(_, variant)| variant)
    }

    fn variants(&self) -> impl Iterator<Item = &Variant> {
        std::iter::once(&self.itself).chain(self.coded.iter().map(|(_, variant)| variant))
    }

    /// What may be kept of it: all but open files; none if that is nothing.
    pub(super) fn to_keep(&self) -> Option<Self> {
        let kept = |variant: &Variant| matches!(variant.content, Content::Bytes(_));
        if !self.variants().any(kept) {
            return None;
        }
        let mut keep = self.clone();
        let coded = keep.coded.iter_mut().map(|(_, variant)| variant);
        for variant in coded.chain([&mut keep.itself]) {
            if matches!(variant.content, Content::File(_)) {
                variant.content = Content::Elsewhere;
            }
        }
        Some(keep)
    }

    /// About how many bytes of memory it takes.
    pub(super) fn weight(&self) -> usize {
        /// A variant, its fields and their values.
        const FIXED: usize = 2048;
        self.variants().fold(0, |weight, variant| {
            let bytes = match (&variant.content, variant.state) {
                (Content::Bytes(bytes), State::Disk(_)) => bytes.len(),
                // In the binary they take none.
                _ => 0,
            };
            weight.saturating_add(FIXED).saturating_add(bytes)
        })
    }

    /// Whether nothing has changed between this and `other`: neither a file, nor what is said
    /// of it once its stamp is to be trusted, nor whether its bytes are at hand.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        fn told(variant: &Variant) -> (State, &Validators, bool) {
            let at_hand = matches!(variant.content, Content::Bytes(_));
            (variant.state, &variant.validators, at_hand)
        }
        let variants = self.variants().map(told);
        self.path == other.path && variants.eq(other.variants().map(told))
    }

    fn with_state(&self, sibling: Option<Sibling>, state: State) -> Option<&Variant> {
        let variant = match sibling {
            None => Some(&self.itself),
            Some(_) => self
                .coded
                .iter()
                .find(|(coded, _)| Some(*coded) == sibling)
                .map(|(_, variant)| variant),
        };
        variant.filter(|variant| variant.state == state)
    }
}

impl Variant {
    pub(super) const fn len(&self) -> u64 {
        self.state.len()
    }
}

/// Loads the file at `path`, `opened` already, and what stands beside it.
///
/// What is in `before` and has not changed since is taken from there; what is no longer than
/// `most` is read as a whole.
pub(super) fn load(
    site: &Site,
    path: &[u8],
    opened: Opened,
    before: Option<&Loaded>,
    most: u64,
    wait: Wait,
) -> Result<Loaded, Miss> {
    // An index file may have taken another's place.
    let before = before.filter(|before| *before.path == *path);
    let modified = opened.state().modified();
    let mut coded = Vec::new();
    for sibling in &site.config.siblings {
        let name = [path, sibling.suffix().as_bytes()].concat();
        match site.source.open(&name, site.config.links, wait) {
            // What is older was not made of this file as it is now.
            Ok(Node::File(beside))
                if beside
                    .state()
                    .modified()
                    .is_none_or(|at| Some(at) >= modified) =>
            {
                let variant = variant(site, path, Some(*sibling), beside, before, most, wait)?;
                coded.push((*sibling, variant));
            }
            Err(Miss::Later) => return Err(Miss::Later),
            // One that cannot be read is as good as none.
            Ok(_) | Err(Miss::Status(_)) => {}
        }
    }
    let itself = variant(site, path, None, opened, before, most, wait)?;
    Ok(Loaded {
        path: path.into(),
        itself,
        coded,
    })
}

fn variant(
    site: &Site,
    path: &[u8],
    sibling: Option<Sibling>,
    opened: Opened,
    before: Option<&Loaded>,
    most: u64,
    wait: Wait,
) -> Result<Variant, Miss> {
    let state = opened.state();
    let before = before.and_then(|before| before.with_state(sibling, state));
    if let Some(kept) = before
        && matches!(kept.content, Content::Bytes(_))
    {
        return Ok(kept.clone());
    }
    let mut new = opened.is_new();
    let mut content = None;
    if site.hot.is_on() && !new {
        content = opened.whole(most, wait)?;
        // It was written while it was read, or has shrunk; its stamp is not to be trusted.
        new = content.is_none() && state.len() <= most;
    }
    let content = match (content, opened) {
        (Some(bytes), _) => Content::Bytes(bytes),
        (None, Opened::Memory(asset)) => Content::Bytes(asset.bytes),
        (None, Opened::Disk(file)) => Content::File(file),
    };
    let validators = validators(site, sibling, state, &content, new);
    let headers = headers(site, path, sibling, state, &validators);
    let mut unmodified = headers.clone();
    not_modified(&mut unmodified);
    unmodified.remove(ACCEPT_RANGES);
    unmodified.remove(CONTENT_DISPOSITION);
    Ok(Variant {
        state,
        content,
        headers,
        unmodified,
        validators,
    })
}

/// The validators of one representation: each coding has its own (RFC 9110, section 8.8.3.3).
///
/// While a change could go unseen the tag is weak, and another one than the strong tag later on,
/// so that what was stored meanwhile is fetched again once.
fn validators(
    site: &Site,
    sibling: Option<Sibling>,
    state: State,
    content: &Content,
    new: bool,
) -> Validators {
    let now = SystemTime::now();
    let of_content = |hash: u128| format!("{hash:032x}-{:x}", state.len());
    let opaque = match (state, content) {
        (State::Memory { hash, .. }, _) => Some(of_content(hash)),
        (State::Disk(stamp), Content::Bytes(bytes)) if !stamp.is_dated() => {
            Some(of_content(content_hash(bytes)))
        }
        (State::Disk(stamp), _) => stamp.opaque(site.config.inode, now),
    };
    let coding = sibling.map_or("", Sibling::suffix);
    let tag = |opaque: String| {
        if new {
            EntityTag::weak(&format!("{opaque}{coding}-new")).ok()
        } else {
            EntityTag::strong(&format!("{opaque}{coding}")).ok()
        }
    };
    let modified = match state {
        State::Disk(stamp) if !stamp.is_dated() => None,
        state => state.modified(),
    };
    Validators {
        etag: opaque.and_then(tag),
        // Not later than the message itself (RFC 9110, section 8.8.2.1).
        modified: modified.map(|at| at.min(now)),
        ..Validators::default()
    }
}

fn headers(
    site: &Site,
    path: &[u8],
    sibling: Option<Sibling>,
    state: State,
    validators: &Validators,
) -> HeaderMap {
    let config = &site.config;
    // Room for what outer layers add, so that its index need not grow.
    let mut headers = HeaderMap::with_capacity(FIELDS);
    headers.insert(CONTENT_TYPE, media_type(path, &config.media_types));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(state.len()));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(sibling) = sibling {
        let coding = HeaderValue::from_static(sibling.name());
        headers.insert(CONTENT_ENCODING, coding);
    }
    validators.write(&mut headers);
    let mut rules = config.cache_control.iter();
    if let Some((_, value)) = rules.find(|(paths, _)| paths.contains(path)) {
        headers.insert(CACHE_CONTROL, value.clone());
    }
    if !config.siblings.is_empty() {
        headers.insert(VARY, HeaderValue::from(ACCEPT_ENCODING));
    }
    if config.attachments.iter().any(|paths| paths.contains(path)) {
        headers.insert(CONTENT_DISPOSITION, attachment(file_name(path)));
    }
    headers
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::static_files::open_file::Stamp;

    /// Something loaded that has `len` bytes.
    pub(in super::super) fn of_bytes(len: usize) -> Loaded {
        let stamp = Stamp::of(&std::fs::metadata(".").unwrap());
        Loaded {
            path: Box::default(),
            itself: Variant {
                state: State::Disk(stamp),
                content: Content::Bytes(vec![0; len].into()),
                headers: HeaderMap::new(),
                unmodified: HeaderMap::new(),
                validators: Validators::default(),
            },
            coded: Vec::new(),
        }
    }

    #[test]
    fn what_was_new_and_is_no_more_is_kept_again() {
        let tagged = |tag| Validators::default().etag(tag);
        let mut settled = of_bytes(10);
        settled.coded.push((Sibling::Gzip, of_bytes(10).itself));
        settled.coded[0].1.validators = tagged(EntityTag::strong("a").unwrap());
        assert!(settled.is_as(&settled.to_keep().unwrap()));
        // One file, seen twice: first with a weak tag, and not kept.
        let mut new = settled.clone();
        new.coded[0].1.validators = tagged(EntityTag::weak("a-new").unwrap());
        assert!(!new.is_as(&settled), "another tag");
        let mut elsewhere = settled.clone();
        elsewhere.coded[0].1.content = Content::Elsewhere;
        assert!(!elsewhere.is_as(&settled), "bytes that are at hand now");
    }

    #[test]
    fn only_bytes_are_kept() {
        let mut loaded = of_bytes(10);
        assert!(loaded.to_keep().is_some());
        loaded.itself.content = Content::Elsewhere;
        assert!(loaded.to_keep().is_none());
        loaded.coded.push((Sibling::Gzip, of_bytes(10).itself));
        assert!(loaded.to_keep().is_some());
        assert_eq!(loaded.weight(), 2 * of_bytes(5).weight());
    }
}
