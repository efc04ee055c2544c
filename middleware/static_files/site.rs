//! Finding what a request asks for, in the order in which it is looked for.

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderMap, Method, Response, StatusCode, Uri};

use super::answer;
use super::config::Config;
use super::hot::{Hot, Known};
use super::listing;
use super::load::{Loaded, Variant, load};
use super::path::{FilePath, is_listed, is_view};
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
        let found = FilePath::parse(asked.uri.path(), self.config.dotfiles)
            .map_err(Miss::Status)
            .and_then(|path| self.direct(asked, &path, wait, before));
        if found.as_ref().err() != Some(&Miss::NOT_FOUND) {
            return found;
        }
        let varies = self.varies(asked.uri.path());
        if let Some(page) = &self.config.single_page
            && varies
            && accept::names(asked.headers, "text/html")
        {
            match self.page(page, asked.headers, wait, |page| answer::file(asked, page)) {
                Err(Miss::NOT_FOUND) => {}
                found => return found.map(answer::varies_by_accept),
            }
        }
        match &self.config.not_found_page {
            Some(page) if form == Form::Application => {
                let page = self.page(page, asked.headers, wait, |page| {
                    answer::not_found(asked, page)
                });
                if varies {
                    page.map(answer::varies_by_accept)
                } else {
                    page
                }
            }
            _ => Err(Miss::NOT_FOUND),
        }
    }

    /// Whether what is not found at `path` is there for another `Accept`.
    pub(super) fn varies(&self, path: &str) -> bool {
        self.config.single_page.is_some() && is_view(path, self.config.dotfiles)
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
        if let Ok(Some((name, opened))) = found {
            let loaded = self.load(&key, &name, opened, before.as_deref(), wait)?;
            return answer(loaded.choose(asked.headers)).ok_or(Miss::NOT_FOUND);
        }
        if before.is_some() {
            self.gone(&key, found.as_ref().err());
        }
        match found? {
            None if path.is_directory() => self.list(asked, path, wait),
            _ => self.directory_without_slash(asked, path, wait),
        }
    }

    /// Forgets what was kept for `key`, of which there is no file any more.
    ///
    /// That it could not be looked at for now says nothing of it.
    fn gone(&self, key: &[u8], why: Option<&Miss>) {
        let unknown = matches!(
            why,
            Some(Miss::Later | Miss::Status(StatusCode::SERVICE_UNAVAILABLE))
        );
        if !unknown {
            self.hot.forget(key);
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
        // No path of a request: a page is not found by its own, which may be that of a dotfile.
        let key = [b"\0", &*path.key()].concat();
        let before = match self.kept(&key, headers, wait, &answer) {
            Ok(res) => return Ok(res),
            Err(before) => before,
        };
        let found = match self.open(path.name(), wait) {
            Ok(Node::File(opened)) => Ok(opened),
            Ok(Node::Directory) => Err(Miss::NOT_FOUND),
            Err(miss) => Err(miss),
        };
        if before.is_some()
            && let Err(miss) = &found
        {
            self.gone(&key, Some(miss));
        }
        let opened = found?;
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

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::StaticFiles;
    use crate::static_files::HotCache;

    fn status(site: &Site, path: &str) -> u16 {
        let asked = Asked {
            method: &Method::GET,
            uri: &path.parse().unwrap(),
            headers: &HeaderMap::new(),
        };
        let found = site.find(asked, Form::Application, Wait::Allowed);
        found.map_or_else(
            |miss| match miss {
                Miss::Later => 0,
                Miss::Status(status) => status.as_u16(),
            },
            |res| res.status().as_u16(),
        )
    }

    /// Whether something is kept that another request would be answered with.
    fn is_kept(site: &Site, path: &str) -> bool {
        !matches!(site.hot.get(path.as_bytes()), Known::No)
    }

    #[test]
    fn what_is_gone_is_forgotten_when_it_is_looked_at_again() {
        let name = format!("gopuram-site-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let make = |file: &str| {
            let path = dir.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let file = File::create(path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        };
        let hot = HotCache::default().check_every(Duration::MAX);
        for file in ["a", "sub/index.html", "b", "404.html"] {
            make(file);
        }
        let files = StaticFiles::new(&dir).unwrap().hot_cache(hot);
        let site = &files.not_found_page("404.html").site;
        for path in ["/a", "/sub/", "/b"] {
            assert_eq!(status(site, path), 200);
            assert!(is_kept(site, path));
        }
        assert_eq!(status(site, "/missing"), 404);
        assert!(is_kept(site, "\0/404.html"));

        fs::remove_file(dir.join("a")).unwrap();
        // The directory is still there, its index is not; and a file becomes a directory.
        fs::remove_file(dir.join("sub/index.html")).unwrap();
        fs::remove_file(dir.join("b")).unwrap();
        make("b/index.html");
        assert_eq!(status(site, "/a"), 404);
        assert_eq!(status(site, "/sub/"), 404);
        assert_eq!(status(site, "/b"), 301);
        for path in ["/a", "/sub/", "/b"] {
            assert!(!is_kept(site, path), "{path}");
        }
        fs::remove_file(dir.join("404.html")).unwrap();
        assert_eq!(status(site, "/missing"), 404);
        assert!(!is_kept(site, "\0/404.html"));
        fs::remove_dir_all(dir).unwrap();
    }
}
