//! The catalogue.

use bytes::Bytes;

use super::{Place, open};
use crate::Error;

const ENTRY: &str = "function/hello/$LATEST";

pub fn compare_and_set(place: &dyn Place) {
    let store = open(place);
    let value = |text: &'static str| Some(Bytes::from_static(text.as_bytes()));
    assert_eq!(store.catalogue(ENTRY).expect("reads"), None);
    let early = store.catalogue_put(ENTRY, Some(1), value("x"));
    assert!(
        matches!(early, Err(Error::RevisionConflict { found: None })),
        "{early:?}"
    );
    assert_eq!(
        store
            .catalogue_put(ENTRY, None, value("one"))
            .expect("writes"),
        1
    );
    let twice = store.catalogue_put(ENTRY, None, value("again"));
    assert!(
        matches!(twice, Err(Error::RevisionConflict { found: Some(1) })),
        "{twice:?}"
    );
    assert_eq!(
        store
            .catalogue_put(ENTRY, Some(1), value("two"))
            .expect("writes"),
        2
    );
    let late = store.catalogue_put(ENTRY, Some(1), value("three"));
    assert!(
        matches!(late, Err(Error::RevisionConflict { found: Some(2) })),
        "{late:?}"
    );
    drop(store);
    let store = open(place);
    assert_eq!(
        store.catalogue(ENTRY).expect("reads"),
        Some((2, Bytes::from_static(b"two")))
    );
    let wrong = store.catalogue_put(ENTRY, Some(7), None);
    assert!(
        matches!(wrong, Err(Error::RevisionConflict { found: Some(2) })),
        "{wrong:?}"
    );
    assert_eq!(
        store.catalogue_put(ENTRY, Some(2), None).expect("deletes"),
        3
    );
    assert_eq!(store.catalogue(ENTRY).expect("reads"), None);
    assert_eq!(
        store.catalogue_put(ENTRY, None, value("")).expect("writes"),
        1
    );
    assert_eq!(
        store.catalogue(ENTRY).expect("reads"),
        Some((1, Bytes::new()))
    );
}

pub fn scan(place: &dyn Place) {
    let store = open(place);
    for key in ["b/2", "a/1", "b/1", "b", "b/10", "c", "bb", "b/é"] {
        store
            .catalogue_put(key, None, Some(Bytes::from(key.to_owned())))
            .expect("writes");
    }
    let keys = |prefix| {
        let rows = store.catalogue_scan(prefix).expect("scans");
        assert!(
            rows.iter()
                .all(|(key, revision, value)| *revision == 1 && key.as_bytes() == value)
        );
        rows.into_iter().map(|(key, _, _)| key).collect::<Vec<_>>()
    };
    assert_eq!(keys("b/"), ["b/1", "b/10", "b/2", "b/é"]);
    assert_eq!(keys("b"), ["b", "b/1", "b/10", "b/2", "b/é", "bb"]);
    assert_eq!(keys("").len(), 8);
    assert_eq!(keys("zzz"), Vec::<String>::new());
}
