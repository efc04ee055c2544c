//! What is in a directory, as a page and as JSON.

mod sort;
mod text;

use std::fmt::{self, Write as _};

use bytes::Bytes;
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY,
};
use http::{HeaderMap, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use self::sort::{Column, Sort};
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

/// Where there is little room, a row is the name and beneath it the rest.
const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}\
h1{font-size:1.25rem;overflow-wrap:anywhere}\
table{width:100%;border-collapse:collapse}\
tr{border-bottom:1px solid #8884}\
th,td{padding:.4rem .5rem;text-align:left}\
td:first-child{overflow-wrap:anywhere}\
td:first-child a{display:block}\
th:nth-child(n+2),td:nth-child(n+2){text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}\
a{text-decoration:none}a:hover{text-decoration:underline}\
tbody tr:hover{background:#8882}\
@media(max-width:36rem){\
tr{display:grid;grid-template-columns:1fr auto auto;padding:.4rem 0}\
th,td{padding:0 .25rem}\
th:nth-child(n+2){padding-left:1rem}\
td:first-child{grid-column:1/4}\
td:nth-child(2){grid-area:2/3}\
td:nth-child(3){grid-area:2/1;text-align:left}\
td:nth-child(n+2){font-size:.85rem;opacity:.75}\
td:empty{display:none}}";

/// Allows the page its own style, by hash, and nothing else.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'sha256-Bi09z0sSe+oyo7YLbSD70SS7yA3cN+/jLdJ5OVhCbws='; base-uri 'none'; form-action 'none'",
);

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
         <h1>Index of "
    )?;
    way(page, path)?;
    page.push_str("</h1>\n<table>\n<thead>\n<tr>");
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

/// The path, each directory of which leads there.
fn way(page: &mut String, path: &[u8]) -> fmt::Result {
    let names = path.split(|b| *b == b'/').filter(|name| !name.is_empty());
    let above = names.clone().count();
    for (n, name) in std::iter::once(&b""[..]).chain(names).enumerate() {
        let name = String::from_utf8_lossy(name);
        let name = Html(&name);
        if n == above {
            write!(page, "{name}/")?;
        } else {
            write!(page, "<a href=\"{}\">{name}/</a>", "../".repeat(above - n))?;
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 (FIPS 180-4), which nothing else here needs.
    fn sha256(message: &[u8]) -> [u8; 32] {
        let primes: Vec<u32> = (2..312_u32)
            .filter(|n| (2..*n).all(|d| n % d != 0))
            .take(64)
            .collect();
        // 32 bits of the fraction of a prime's root, found by bisection.
        let fraction = |prime: u32, degree: u32| {
            let (mut low, mut high) = (0_u128, 1_u128 << 36);
            while low + 1 < high {
                let middle = u128::midpoint(low, high);
                let fits = middle.pow(degree) <= u128::from(prime) << (32 * degree);
                (low, high) = if fits { (middle, high) } else { (low, middle) };
            }
            u32::try_from(low & 0xffff_ffff).unwrap()
        };
        let constants: Vec<u32> = primes.iter().map(|p| fraction(*p, 3)).collect();
        let mut state: Vec<u32> = primes.iter().take(8).map(|p| fraction(*p, 2)).collect();
        let mut padded = message.to_vec();
        padded.push(0x80);
        while padded.len() % 64 != 56 {
            padded.push(0);
        }
        padded.extend((message.len() as u64 * 8).to_be_bytes());
        for block in padded.chunks(64) {
            let words = block.chunks(4);
            let mut w: Vec<u32> = words
                .map(|b| u32::from_be_bytes(b.try_into().unwrap()))
                .collect();
            for i in 16..64 {
                let (a, b) = (w[i - 15], w[i - 2]);
                let s0 = a.rotate_right(7) ^ a.rotate_right(18) ^ (a >> 3);
                let s1 = b.rotate_right(17) ^ b.rotate_right(19) ^ (b >> 10);
                let sum = [w[i - 16], s0, w[i - 7], s1];
                w.push(sum.into_iter().fold(0, u32::wrapping_add));
            }
            let mut v = state.clone();
            for i in 0..64 {
                let s1 = v[4].rotate_right(6) ^ v[4].rotate_right(11) ^ v[4].rotate_right(25);
                let choice = (v[4] & v[5]) ^ (!v[4] & v[6]);
                let one = [v[7], s1, choice, constants[i], w[i]];
                let one = one.into_iter().fold(0, u32::wrapping_add);
                let s0 = v[0].rotate_right(2) ^ v[0].rotate_right(13) ^ v[0].rotate_right(22);
                let majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
                v.rotate_right(1);
                v[4] = v[4].wrapping_add(one);
                v[0] = one.wrapping_add(s0).wrapping_add(majority);
            }
            for (state, v) in state.iter_mut().zip(v) {
                *state = state.wrapping_add(v);
            }
        }
        let bytes: Vec<u8> = state.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes.try_into().unwrap()
    }

    fn base64(bytes: &[u8]) -> String {
        let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for chunk in bytes.chunks(3) {
            let byte = |i| u32::from(*chunk.get(i).unwrap_or(&0));
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            for i in 0..4 {
                let digit = digits[(bits >> (18 - 6 * i) & 63) as usize];
                text.push(if i > chunk.len() { '=' } else { digit.into() });
            }
        }
        text
    }

    #[test]
    fn the_policy_allows_the_style_that_the_page_has() {
        let abc = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
        assert_eq!(base64(&sha256(b"abc")), abc);
        let hash = format!("'sha256-{}'", base64(&sha256(STYLE.as_bytes())));
        assert!(POLICY.to_str().unwrap().contains(&hash), "{hash}");
    }

    #[test]
    fn a_link_leads_to_a_name_beside_it() {
        let script = link(b"javascript:alert(1)", false);
        assert_eq!(script, "./javascript%3Aalert%281%29");
        assert_eq!(link(b"//evil", true), "./%2F%2Fevil/");
        assert_eq!(link(b"\xff", false), "./%FF");
    }
}
