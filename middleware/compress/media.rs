//! Which media types are worth coding.

/// Whether answers of this media type get smaller when coded: the default rule.
///
/// Text of any kind, and the types beside it that are text or sparse bytes: JSON,
/// JavaScript, XML, YAML and what is built on them (`+json`, `+xml`, SVG), `WebAssembly`,
/// fonts and pictures that are not compressed in themselves. Not: JPEG, PNG, WebP,
/// WOFF, video, audio, archives, and bytes of an unknown kind.
///
/// ```
/// use gopuram_middleware::compress::is_compressible;
///
/// assert!(is_compressible("text/html"));
/// assert!(is_compressible("application/problem+json"));
/// assert!(!is_compressible("image/png"));
/// ```
///
/// `media_type` is without parameters; its case does not matter.
pub fn is_compressible(media_type: &str) -> bool {
    let Some((kind, name)) = media_type.split_once('/') else {
        return false;
    };
    let is = |word: &&str| name.eq_ignore_ascii_case(word);
    if kind.eq_ignore_ascii_case("text") {
        return true;
    }
    // `+json` and the like (RFC 6838, section 4.2.8).
    if let Some((_, suffix)) = name.rsplit_once('+') {
        return SUFFIXES.iter().any(|one| suffix.eq_ignore_ascii_case(one));
    }
    if kind.eq_ignore_ascii_case("application") {
        APPLICATION.iter().any(is)
    } else if kind.eq_ignore_ascii_case("font") {
        FONT.iter().any(is)
    } else if kind.eq_ignore_ascii_case("image") {
        IMAGE.iter().any(is)
    } else {
        false
    }
}

const SUFFIXES: [&str; 5] = ["json", "xml", "yaml", "json-seq", "text"];

const APPLICATION: [&str; 21] = [
    "json",
    "javascript",
    "xml",
    "wasm",
    "x-javascript",
    "ecmascript",
    "graphql",
    "json-seq",
    "jsonl",
    "ndjson",
    "x-ndjson",
    "rtf",
    "sql",
    "toml",
    "vnd.ms-fontobject",
    "x-font-ttf",
    "x-sh",
    "x-tex",
    "x-yaml",
    "xml-dtd",
    "yaml",
];

const FONT: [&str; 4] = ["collection", "otf", "sfnt", "ttf"];

const IMAGE: [&str; 4] = ["bmp", "vnd.microsoft.icon", "x-icon", "x-ms-bmp"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is() {
        for yes in [
            "text/html",
            "TEXT/Plain",
            "text/event-stream",
            "application/json",
            "Application/JavaScript",
            "application/wasm",
            "image/svg+xml",
            "image/SVG+XML",
            "application/problem+json",
            "application/vnd.api+json",
            "application/xhtml+xml",
            "font/ttf",
            "image/x-icon",
        ] {
            assert!(is_compressible(yes), "{yes}");
        }
    }

    #[test]
    fn what_is_compressed_already_is_not() {
        for no in [
            "image/png",
            "image/jpeg",
            "image/webp",
            "font/woff2",
            "video/mp4",
            "audio/ogg",
            "application/zip",
            "application/gzip",
            "application/pdf",
            "application/octet-stream",
            "application/grpc",
            "application/grpc+proto",
            "application/epub+zip",
            "multipart/byteranges",
            "json",
            "",
            "/",
        ] {
            assert!(!is_compressible(no), "{no}");
        }
    }
}
