use std::collections::BTreeMap;

use everstep_engine::{Agent, Alias, Code, Error, FunctionConfig, Options, Revision, Runtime};

use crate::world::World;

fn revision(function: &str, revision: &str) -> Revision {
    let part = str::to_owned;
    Revision {
        function: part(function),
        revision: part(revision),
        config: FunctionConfig {
            runtime: Runtime::Python,
            runtime_name: part("python3.12"),
            handler: part("app.handler"),
            role: String::new(),
            description: String::new(),
            timeout_s: 3,
            memory_mb: 128,
            environment: BTreeMap::new(),
            durable: None,
            log_format: part("Text"),
            architecture: part("x86_64"),
            layers: Vec::new(),
            dead_letter: None,
            stored: BTreeMap::new(),
            scaling: Default::default(),
        },
        code: Code::Folder { path: part("code") },
        modified_ms: 1,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_and_aliases_name_revisions_that_never_change() {
    let world = World::new(Options::default());
    let handle = &world.handle;
    let create = |r| handle.create_function(revision("f", r), BTreeMap::new());
    create("r1").await.expect("created");
    let again = create("r2").await;
    assert!(matches!(again, Err(Error::EntryExists { .. })), "{again:?}");
    let unused = handle.revision("f/r2").await;
    assert!(
        matches!(unused, Err(Error::UnknownEntry { .. })),
        "{unused:?}"
    );
    let (one, _) = handle.publish_version("f", "first").await.expect("one");
    let (same, _) = handle.publish_version("f", "").await.expect("the same");
    let unchanged = revision("f", "r2");
    handle.add_revision(unchanged, None).await.expect("new");
    let (again, _) = handle.publish_version("f", "").await.expect("no change");
    assert_eq!(again, 1);
    let mut changed = revision("f", "r3");
    changed.config.handler = "app.other".to_owned();
    let outdated = handle.add_revision(changed.clone(), Some("r1")).await;
    assert!(matches!(outdated, Err(Error::EntryChanged { .. })));
    let gone = handle.revision("f/r3").await;
    assert!(matches!(gone, Err(Error::UnknownEntry { .. })), "{gone:?}");
    handle.add_revision(changed, Some("r2")).await.expect("new");
    let (two, record) = handle.publish_version("f", "second").await.expect("two");
    assert_eq!((one, same, two), (1, 1, 2));
    assert_eq!(record.versions.len(), 2);
    let live = Alias {
        version: "1".to_owned(),
        description: String::new(),
        revision: "a1".to_owned(),
        weights: BTreeMap::new(),
    };
    let change = handle.change_function("f", |record| {
        record.aliases.insert("live".to_owned(), live.clone());
        Ok(())
    });
    change.await.expect("changed");
    for (qualifier, version, revision) in [
        (None, "$LATEST", "r3"),
        (Some("$LATEST"), "$LATEST", "r3"),
        (Some("1"), "1", "r1"),
        (Some("2"), "2", "r3"),
        (Some("live"), "1", "r1"),
    ] {
        let found = handle.resolve("f", qualifier).await.expect("resolved");
        assert_eq!(
            (&*found.version, &*found.revision.revision),
            (version, revision)
        );
    }
    for (name, qualifier) in [("f", "3"), ("f", "dead"), ("g", "$LATEST")] {
        let missing = handle.resolve(name, Some(qualifier)).await;
        assert!(matches!(missing, Err(Error::UnknownEntry { .. })));
    }
    handle.delete_function("f").await.expect("deleted");
    assert!(handle.functions().await.expect("read").is_empty());
    let kept = handle.revision("f/r1").await.expect("executions run on it");
    assert_eq!(kept.address(), "f/r1");
}

#[test]
fn an_alias_sends_each_version_its_share() {
    let share = |share: f64| serde_json::Number::from_f64(share).expect("a number");
    let alias = Alias {
        version: "1".to_owned(),
        description: String::new(),
        revision: String::new(),
        weights: [("2".to_owned(), share(0.25)), ("3".to_owned(), share(0.5))].into(),
    };
    let quarter = u64::MAX / 4;
    for (chance, version) in [
        (0, "2"),
        (quarter - 1, "2"),
        (quarter + (1 << 12), "3"),
        (2 * quarter, "3"),
        (3 * quarter + (1 << 12), "1"),
        (u64::MAX, "1"),
    ] {
        assert_eq!(alias.route(chance), version, "{chance}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_made_at_once_are_all_kept() {
    let world = World::new(Options::default());
    let handle = &world.handle;
    let created = handle.create_function(revision("f", "r1"), BTreeMap::new());
    created.await.expect("created");
    let changes: Vec<_> = (0..16)
        .map(|n| {
            let handle = handle.clone();
            tokio::spawn(async move {
                let tag = move |record: &mut everstep_engine::FunctionRecord| {
                    record.tags.insert(format!("t{n}"), String::new());
                    Ok(())
                };
                handle.change_function("f", tag).await
            })
        })
        .collect();
    for change in changes {
        change.await.expect("no panic").expect("changed");
    }
    assert_eq!(handle.function("f").await.expect("read").tags.len(), 16);
    let refused = handle.change_function("f", |_| Err(Error::InvalidToken));
    assert_eq!(refused.await, Err(Error::InvalidToken));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_have_names() {
    let world = World::new(Options::default());
    let agent = |url: &str| Agent::at("writer".to_owned(), url.to_owned(), String::new());
    for url in ["http://one", "http://two"] {
        assert!(world.handle.put_agent(&agent(url)).await.expect("put"));
    }
    assert!(
        !world
            .handle
            .put_agent(&agent("http://two"))
            .await
            .expect("put")
    );
    let found = world.handle.agent("writer").await.expect("read");
    assert_eq!(found, agent("http://two"));
    assert_eq!(world.handle.agents().await.expect("read"), [found]);
    let nobody = world.handle.agent("nobody").await;
    assert!(matches!(nobody, Err(Error::UnknownEntry { .. })));

    let at = async |url: &str| world.handle.agent_at(url).await.expect("read");
    assert_eq!(at("http://two").await.as_deref(), Some("writer"));
    assert_eq!(at("http://one").await, None);
    world.handle.remove_agent("writer").await.expect("removed");
    assert_eq!(at("http://two").await, None);
    assert_eq!(world.handle.agents().await.expect("read"), []);
}
