//! What is in a directory, as a page and as JSON.

mod text;

use std::cmp::Ordering;
use std::fmt::{self, Write as _};

use bytes::Bytes;
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY,
};
use http::{HeaderMap, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use self::text::{Date, Html, Json, Size};
use super::source::{Entry, EntryKind};
use crate::header::accept;

/// How many names are listed at most: some megabytes of page.
pub(super) const MOST: usize = 10_000;

/// What needs no encoding in a segment of a path, and nothing that means anything in HTML or a URL.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}\
h1{font-size:1.25rem;overflow-wrap:anywhere}\
table{width:100%;border-collapse:collapse}\
th,td{padding:.4rem .5rem;text-align:left;border-bottom:1px solid #8884}\
td:first-child{overflow-wrap:anywhere}\
th:nth-child(n+2),td:nth-child(n+2){text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}\
a{text-decoration:none}a:hover{text-decoration:underline}\
tbody tr:hover{background:#8882}\
@media(max-width:36rem){th:nth-child(3),td:nth-child(3){display:none}}";

/// Allows the page its own style, by hash, and nothing else.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'sha256-wmn1ndbjHPhvfNGwKfKg/6p6NP4S79xnFL7bu/rof/w='; base-uri 'none'; form-action 'none'",
);

/// By what, and which way, a page is sorted; directories always come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sort {
    by: Column,
    descending: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Modified,
    Name,
    Size,
}

/// The fields and the content of a listing, in the form that the client likes better.
pub(super) fn render(
    path: &[u8],
    query: Option<&str>,
    headers: &HeaderMap,
    mut entries: Vec<Entry>,
    more: bool,
) -> (HeaderMap, Bytes) {
    let sort = Sort::of(query.unwrap_or_default());
    entries.sort_unstable_by(|a, b| sort.compare(a, b));
    let json = accept::quality(headers, "application/json") > accept::quality(headers, "text/html");
    let mut text = String::new();
    // A text that grows cannot fail.
    let _ = if json {
        as_json(&mut text, &entries, more)
    } else {
        as_page(&mut text, path, sort, &entries, more)
    };
    let mut fields = HeaderMap::with_capacity(12);
    let media_type = if json {
        "application/json"
    } else {
        fields.insert(CONTENT_SECURITY_POLICY, POLICY);
        "text/html; charset=utf-8"
    };
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    fields.insert(CONTENT_LENGTH, HeaderValue::from(text.len()));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    fields.insert(VARY, HeaderValue::from(ACCEPT));
    (fields, Bytes::from(text))
}

/// A link to a name in the same directory. It begins with `./`: a name with a colon in it is no
/// scheme then (RFC 3986, section 4.2), and one can never lead to another host.
pub(super) fn link(name: &[u8], directory: bool) -> String {
    let slash = if directory { "/" } else { "" };
    format!("./{}{slash}", percent_encode(name, SEGMENT))
}

fn as_page(
    page: &mut String,
    path: &[u8],
    sort: Sort,
    entries: &[Entry],
    more: bool,
) -> fmt::Result {
    let slash = if path.is_empty() { "" } else { "/" };
    let shown = format!("/{}{slash}", String::from_utf8_lossy(path));
    let title = Html(&shown);
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Index of {title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>Index of {title}</h1>\n<table>\n<thead>\n<tr>"
    )?;
    for column in [Column::Name, Column::Size, Column::Modified] {
        sort.head(page, column)?;
    }
    page.push_str("</tr>\n</thead>\n<tbody>\n");
    if !path.is_empty() {
        page.push_str("<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n");
    }
    for entry in entries {
        let is_directory = entry.kind == EntryKind::Directory;
        let name = String::from_utf8_lossy(&entry.name);
        write!(
            page,
            "<tr><td><a href=\"{}\">{}{}</a></td><td>",
            link(&entry.name, is_directory),
            Html(&name),
            if is_directory { "/" } else { "" },
        )?;
        if let EntryKind::File(len) = entry.kind {
            write!(page, "{}", Size(len))?;
        }
        page.push_str("</td><td>");
        if let Some(date) = entry.modified.and_then(Date::of) {
            write!(page, "<time datetime=\"{date}\">{}</time>", date.short())?;
        }
        page.push_str("</td></tr>\n");
    }
    page.push_str("</tbody>\n</table>\n");
    if more {
        writeln!(page, "<p>Only {MOST} of the names are shown.</p>")?;
    }
    page.push_str("</body>\n</html>\n");
    Ok(())
}

fn as_json(text: &mut String, entries: &[Entry], more: bool) -> fmt::Result {
    text.push_str("{\"entries\":[");
    for (n, entry) in entries.iter().enumerate() {
        if n > 0 {
            text.push(',');
        }
        let is_directory = entry.kind == EntryKind::Directory;
        let name = String::from_utf8_lossy(&entry.name);
        write!(
            text,
            "{{\"name\":{},\"href\":\"{}\"",
            Json(&name),
            link(&entry.name, is_directory)
        )?;
        match entry.kind {
            EntryKind::Directory => text.push_str(",\"type\":\"directory\""),
            EntryKind::File(len) => write!(text, ",\"type\":\"file\",\"size\":{len}")?,
        }
        if let Some(date) = entry.modified.and_then(Date::of) {
            write!(text, ",\"modified\":\"{date}\"")?;
        }
        text.push('}');
    }
    writeln!(text, "],\"more\":{more}}}")
}

impl Sort {
    /// What the query asks for; anything else in it is left alone.
    fn of(query: &str) -> Self {
        let mut sort = Self {
            by: Column::Name,
            descending: false,
        };
        for pair in query.split('&') {
            match pair {
                "sort=name" => sort.by = Column::Name,
                "sort=size" => sort.by = Column::Size,
                "sort=modified" => sort.by = Column::Modified,
                "order=asc" => sort.descending = false,
                "order=desc" => sort.descending = true,
                _ => {}
            }
        }
        sort
    }

    fn compare(self, a: &Entry, b: &Entry) -> Ordering {
        let size = |entry: &Entry| match entry.kind {
            EntryKind::Directory => 0,
            EntryKind::File(len) => len,
        };
        let files_last = |entry: &Entry| entry.kind != EntryKind::Directory;
        let by = match self.by {
            Column::Modified => a.modified.cmp(&b.modified),
            Column::Name => a.name.cmp(&b.name),
            Column::Size => size(a).cmp(&size(b)),
        };
        let by = if self.descending { by.reverse() } else { by };
        let kind = files_last(a).cmp(&files_last(b));
        kind.then(by).then_with(|| a.name.cmp(&b.name))
    }

    /// The head of a column, with a link that sorts by it, or the other way round.
    fn head(self, page: &mut String, column: Column) -> fmt::Result {
        let (name, title) = match column {
            Column::Modified => ("modified", "Modified (UTC)"),
            Column::Name => ("name", "Name"),
            Column::Size => ("size", "Size"),
        };
        let (order, aria, arrow) = match (self.by == column, self.descending) {
            (false, _) => ("asc", "", ""),
            (true, false) => ("desc", " aria-sort=\"ascending\"", " \u{2191}"),
            (true, true) => ("asc", " aria-sort=\"descending\"", " \u{2193}"),
        };
        write!(
            page,
            "<th scope=\"col\"{aria}><a href=\"?sort={name}&amp;order={order}\">{title}{arrow}</a></th>"
        )
    }
}
