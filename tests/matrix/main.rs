//! Every source of a representation, in every coding, under every condition and range, through every
//! stack of representation layers: each answer is what RFC 9110 says.
//!
//! What is expected is computed from the sections named in [`conditions`] and from what a plain
//! request was answered, never from what a layer does.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod conditions;
mod oracle;
mod sources;

use gopuram::Stack;
use gopuram::middleware::compress::{Brotli, Gzip, Zstd};
use gopuram::middleware::{
    Cache, Compress, Conditional, ContentLength, ContentType, Digest, Etag, Head, Range,
};
use gopuram::testing::{Client, Served};
use http::Method;

use oracle::Cell;
use sources::{Coding, Source};

fn compress() -> Compress {
    Compress::with((Gzip::default(), Brotli::default(), Zstd::default()))
}

/// Asks one source in all ways, around which is one stack.
async fn cells<S: Served>(stack: &str, source: Source, app: S) {
    let client = Client::new(app);
    for coding in Coding::ALL {
        for method in [Method::GET, Method::HEAD] {
            for condition in conditions::ALL {
                let cell = Cell {
                    stack,
                    source,
                    coding,
                    method: &method,
                    condition,
                };
                cell.check(&client).await;
            }
        }
    }
}

/// Whoever has no ranges, conditions and `HEAD` of its own gets them from the layers.
#[tokio::test]
async fn a_small_dynamic_body() {
    let app = sources::dynamic();
    let stack = Stack::new()
        .with(Head::default())
        .with(compress())
        .with(Range::new())
        .with(Conditional::default());
    cells(
        "head compress range conditional",
        Source::Dynamic,
        stack.app(app),
    )
    .await;
}

/// With a cache around it, what is selected is what is stored: ranges are cut from that, coded or not.
#[tokio::test]
async fn a_small_dynamic_body_that_is_cached() {
    let stack = Stack::new()
        .with(Head::default())
        .with(Cache::default())
        .with(Digest::default())
        .with(compress())
        .with(Range::new())
        .with(Conditional::default())
        .with(Etag::default())
        .with(ContentType::default());
    let all = "head cache digest compress range conditional etag content_type";
    cells(all, Source::Cached, stack.app(sources::dynamic())).await;
}

/// The tag is made by a layer, the type and the length too.
#[tokio::test]
async fn a_small_dynamic_body_without_a_tag_of_its_own() {
    let stack = Stack::new()
        .with(Head::default())
        .with(Digest::default())
        .with(compress())
        .with(Range::new())
        .with(Conditional::default())
        .with(Etag::default())
        .with(ContentType::default())
        .with(ContentLength::default());
    let all = "head digest compress range conditional etag content_type content_length";
    cells(all, Source::Dynamic, stack.app(sources::untagged())).await;
}

#[tokio::test]
async fn a_stream() {
    let app = sources::stream();
    let stack = Stack::new()
        .with(Head::default())
        .with(compress())
        .with(Range::new())
        .with(Conditional::default());
    cells(
        "head compress range conditional",
        Source::Stream,
        stack.app(app),
    )
    .await;
}

/// Files have ranges, conditions and `HEAD` of their own: with the layers around them nothing changes.
macro_rules! files {
    ($($name:ident: $source:expr, $app:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            let dir = sources::Dir::new();
            let app = |dir: &sources::Dir| $app(dir);
            cells("compress", $source, Stack::new().with(compress()).app(app(&dir))).await;
            let stack = Stack::new().with(Head::default()).with(compress());
            cells("head compress", $source, stack.app(app(&dir))).await;
            let stack = Stack::new().with(compress()).with(Range::new());
            cells("compress range", $source, stack.app(app(&dir))).await;
            let stack = Stack::new().with(compress()).with(Conditional::default());
            cells("compress conditional", $source, stack.app(app(&dir))).await;
            let stack = Stack::new()
                .with(Head::default())
                .with(compress())
                .with(Range::new())
                .with(Conditional::default());
            cells("head compress range conditional", $source, stack.app(app(&dir))).await;
        }
    )*};
}

files! {
    a_file: Source::File, sources::file;
    a_file_in_memory: Source::File, sources::hot_file;
    a_file_with_siblings: Source::Sibling, sources::sibling;
    a_file_in_the_binary: Source::File, sources::embedded;
}
