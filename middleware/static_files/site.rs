//! Finding what a request asks for, in the order in which it is looked for.

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderMap, Method, Response, StatusCode, Uri};

use super::answer;
use super::config::Config;
use super::hot::{Hot, Known};
use super::listing;
use super::load::{Loaded, Variant, load};
use super::path::{FilePath, is_listed};
use super::root::Wait;
use super::source::{Miss, Node, Opened, Source};
use crate::body::Body;
use crate::header::accept;

/// Files, how they are served, and those that are kept in memory.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) source: Source,
    pub(super) config: Config,
    pub(super) hot: Hot,
}

/// What of a request decides about the answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
}

/// What is done about what is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// It is answered.
    Application,
    /// The inner service is asked.
    Layer,
}

impl Site {
    /// The answer, or why there is none.
    ///
    /// Opens and reads files; where it must not [`Wait`], all that it does is quick, and
    /// [`Miss::Later`] says to ask again where it may.
    #[inline]
    pub(super) fn find(
        &self,
        asked: Asked<'_>,
        form: Form,
        wait: Wait,
    ) -> Result<Response<Body>, Miss> {
        if !matches!(*asked.method, Method::GET | Method::HEAD) {
            return Err(Miss::Status(StatusCode::METHOD_NOT_ALLOWED));
        }
        // What is kept has the path that a request for it has that encodes nothing.
        let key = asked.uri.path().as_bytes();
        let before = match self.kept(key, asked.headers, wait, |file| answer::file(asked, file)) {
            Ok(res) => return Ok(res),
            Err(before) => before,
        };
        self.look(asked, form, wait, before)
    }

    /// Answers with what is kept for a path; else says what is known of it.
    ///
    /// Who may wait was sent to look again, and takes nothing for fresh.
    #[inline]
    fn kept(
        &self,
        key: &[u8],
        headers: &HeaderMap,
        wait: Wait,
        answer: impl FnOnce(&Variant) -> Option<Response<Body>>,
    ) -> Result<Response<Body>, Option<Arc<Loaded>>> {
        match self.hot.get(key) {
            Known::Fresh(loaded) if wait == Wait::Never => {
                answer(loaded.choose(headers)).ok_or(Some(loaded))
            }
            Known::Fresh(loaded) | Known::Stale(loaded) => Err(Some(loaded)),
            Known::No => Err(None),
        }
    }

    /// Looks for what is not in memory, or was not looked at for long.
    fn look(
        &self,
        asked: Asked<'_>,
        form: Form,
        wait: Wait,
        before: Option<Arc<Loaded>>,
    ) -> Result<Response<Body>, Miss> {
        let path = FilePath::parse(asked.uri.path(), self.config.dotfiles).map_err(Miss::Status)?;
        match self.direct(asked, &path, wait, before) {
            Err(Miss::NOT_FOUND) => {}
            found => return found,
        }
        if let Some(page) = &self.config.single_page
            && !path.has_extension()
            && accept::names(asked.headers, "text/html")
        {
            match self.page(page, asked.headers, wait, |page| answer::file(asked, page)) {
                Err(Miss::NOT_FOUND) => {}
                found => return found.map(answer::varies_by_accept),
            }
        }
        match &self.config.not_found_page {
            Some(page) if form == Form::Application => {
                self.page(page, asked.headers, wait, |page| {
                    answer::not_found(asked, page)
                })
            }
            _ => Err(Miss::NOT_FOUND),
        }
    }

    /// What stands at the path itself.
    fn direct(
        &self,
        asked: Asked<'_>,
        path: &FilePath<'_>,
        wait: Wait,
        before: Option<Arc<Loaded>>,
    ) -> Result<Response<Body>, Miss> {
        let key = path.key();
        let answer = |file: &Variant| answer::file(asked, file);
        let before = match before {
            // The path was encoded; it may be known by its plain name.
            None if *key != *asked.uri.path().as_bytes() => {
                match self.kept(&key, asked.headers, wait, answer) {
                    Ok(res) => return Ok(res),
                    Err(before) => before,
                }
            }
            before => before,
        };
        let found = if path.is_directory() {
            self.index(path, wait)
        } else {
            self.open(path.name(), wait).map(|node| match node {
                Node::Directory => None,
                Node::File(opened) => Some((Cow::Borrowed(path.name()), opened)),
            })
        };
        match found {
            Ok(Some((name, opened))) => {
                let loaded = self.load(&key, &name, opened, before.as_deref(), wait)?;
                answer(loaded.choose(asked.headers)).ok_or(Miss::NOT_FOUND)
            }
            Ok(None) if path.is_directory() => self.list(asked, path, wait),
            Ok(None) => self.directory_without_slash(asked, path, wait),
            Err(miss) => {
                if miss != Miss::Later && before.is_some() {
                    self.hot.forget(&key);
                }
                Err(miss)
            }
        }
    }

    /// The file that stands for a directory, and its path; none if there is no such file.
    fn index(
        &self,
        path: &FilePath<'_>,
        wait: Wait,
    ) -> Result<Option<(Cow<'static, [u8]>, Opened)>, Miss> {
        for index in &self.config.index {
            let name = path.join(index.as_bytes());
            match self.open(&name, wait) {
                Ok(Node::File(opened)) => return Ok(Some((Cow::Owned(name), opened))),
                Ok(Node::Directory) | Err(Miss::NOT_FOUND) => {}
                Err(miss) => return Err(miss),
            }
        }
        Ok(None)
    }

    fn list(
        &self,
        asked: Asked<'_>,
        path: &FilePath<'_>,
        wait: Wait,
    ) -> Result<Response<Body>, Miss> {
        let Config {
            links, dotfiles, ..
        } = self.config;
        if !self.config.listing {
            return Err(Miss::NOT_FOUND);
        }
        let depth = path.depth();
        let shown = |name: &[u8]| is_listed(name, depth, dotfiles);
        let (entries, more) = self
            .source
            .list(path.name(), links, wait, listing::MOST, shown)?;
        let query = asked.uri.query();
        let page = listing::render(path.name(), query, asked.headers, entries, more);
        Ok(answer::made(asked.method, page))
    }

    /// A directory that was asked for like a file: sent on, if there is something to see.
    fn directory_without_slash(
        &self,
        asked: Asked<'_>,
        path: &FilePath<'_>,
        wait: Wait,
    ) -> Result<Response<Body>, Miss> {
        if !self.config.listing && self.index(path, wait)?.is_none() {
            return Err(Miss::NOT_FOUND);
        }
        Ok(answer::redirect(path, asked.uri.query()))
    }

    /// A page that is answered in place of what is not there.
    fn page(
        &self,
        page: &str,
        headers: &HeaderMap,
        wait: Wait,
        answer: impl Fn(&Variant) -> Option<Response<Body>>,
    ) -> Result<Response<Body>, Miss> {
        let path = FilePath::of_page(page);
        let key = path.key();
        let before = match self.kept(&key, headers, wait, &answer) {
            Ok(res) => return Ok(res),
            Err(before) => before,
        };
        let Node::File(opened) = self.open(path.name(), wait)? else {
            return Err(Miss::NOT_FOUND);
        };
        let loaded = self.load(&key, path.name(), opened, before.as_deref(), wait)?;
        answer(loaded.choose(headers)).ok_or(Miss::NOT_FOUND)
    }

    /// Loads a file, and keeps it for whoever asks for `key`.
    fn load(
        &self,
        key: &[u8],
        name: &[u8],
        opened: Opened,
        before: Option<&Loaded>,
        wait: Wait,
    ) -> Result<Loaded, Miss> {
        let most = self.hot.most(key);
        let loaded = load(self, name, opened, before, most, wait)?;
        if !before.is_some_and(|before| before.is_as(&loaded)) {
            self.hot.keep(key, &loaded);
        }
        Ok(loaded)
    }

    fn open(&self, path: &[u8], wait: Wait) -> Result<Node, Miss> {
        self.source.open(path, self.config.links, wait)
    }
}
