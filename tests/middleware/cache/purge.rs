//! What an application tells its cache to forget.

use std::convert::Infallible;
use std::sync::Arc;

use super::support::{Count, ok, rig_with, settle};
use gopuram::Stack;
use gopuram::middleware::Body;
use gopuram::middleware::cache::{Cache, Purge};
use gopuram::testing::Client;
use http::{Method, Request};
use tokio::sync::Semaphore;
use tower::service_fn;

const FRESH: &str = "cache-control: max-age=60";

#[tokio::test]
async fn what_carries_a_tag_is_forgotten() {
    let cache = Cache::in_memory(1 << 20);
    let handle = cache.handle();
    let answers = [
        ok(&[FRESH, "surrogate-key: all one"], "1"),
        ok(&[FRESH, "cache-tag: all, two"], "2"),
        ok(&[FRESH], "3"),
    ];
    let rig = rig_with(cache, answers);
    let all = async || {
        for target in ["/1", "/2", "/3"] {
            rig.ask(Method::GET, target, &[]).await;
        }
        rig.origin.count()
    };
    assert_eq!(all().await, 3);
    assert_eq!(handle.purge_tag("none").await.unwrap(), 0);
    assert_eq!(all().await, 3);
    assert_eq!(handle.purge_tag("one").await.unwrap(), 1);
    assert_eq!(all().await, 4);
    assert_eq!(handle.purge_tag("two").await.unwrap(), 1);
    assert_eq!(all().await, 5);
    assert_eq!(handle.purge_all().await.unwrap(), 3);
    assert_eq!(all().await, 8);
}

#[tokio::test]
async fn purges_of_others_do_not_keep_a_response_out() {
    for (purge, calls) in [
        (Purge::Tag("other".into()), 1),
        (Purge::Tag("one".into()), 2),
        (Purge::Prefix("http://localhost/b".into()), 1),
        (Purge::Prefix("http://localhost/a".into()), 2),
    ] {
        let cache = Cache::in_memory(1 << 20);
        let handle = cache.handle();
        let gate = Arc::new(Semaphore::new(0));
        let (inner, count) = (Arc::clone(&gate), Count::default());
        let counted = count.clone();
        let app = service_fn(move |_: Request<Body>| {
            counted.add();
            let gate = Arc::clone(&inner);
            async move {
                gate.acquire().await.unwrap().forget();
                let res = ok(&[FRESH, "surrogate-key: one"], "1");
                Ok::<_, Infallible>(res.map(Body::from))
            }
        });
        let client = Client::in_process(Stack::new().with(cache).app(app));
        let first = tokio::spawn(client.get("/a").into_future());
        settle().await;
        match &purge {
            Purge::Tag(tag) => handle.purge_tag(tag).await.unwrap(),
            Purge::Prefix(prefix) => handle.purge_prefix(prefix).await.unwrap(),
            _ => unreachable!(),
        };
        gate.add_permits(2);
        first.await.unwrap();
        client.get("/a").await;
        assert_eq!(count.get(), calls, "{purge:?}");
    }
}

#[tokio::test]
async fn what_has_a_uri_or_its_beginning_is_forgotten() {
    let cache = Cache::in_memory(1 << 20);
    let handle = cache.handle();
    let rig = rig_with(cache, [ok(&[FRESH, "vary: foo"], "a")]);
    let targets = ["/a", "/a?b", "/ab", "/c"];
    let all = async || {
        for target in targets {
            rig.ask(Method::GET, target, &[]).await;
        }
        rig.origin.count()
    };
    assert_eq!(all().await, 4);
    rig.ask(Method::GET, "/a", &["foo: 1"]).await;
    let purged = handle.purge_url("HTTP://Localhost:80/a").await;
    assert_eq!(purged.unwrap(), 2, "all variants");
    assert_eq!(all().await, 6);
    assert_eq!(handle.purge_prefix("http://localhost/a").await.unwrap(), 3);
    assert_eq!(all().await, 9);
    assert_eq!(handle.purge_url("http://localhost/none").await.unwrap(), 0);
}
