//! Lists.

use everstep_core::{Epoch, Shard, Status, Timestamp};

use super::sample::{ONE, TWO, acquire, commit, moved, new, row};
use super::{Place, open};
use crate::{Cursor, Error, ExecutionRow, ListFilter, Reopened, Store, Write};

/// Forty executions of two definitions and two versions in two shards; every fourth closed, several started in the same millisecond.
fn fill(store: &dyn Store) -> Vec<ExecutionRow> {
    let mut rows = Vec::new();
    for shard in [ONE, TWO] {
        let epoch = acquire(store, shard);
        for number in 0..20_u64 {
            let definition = if number % 3 == 0 { "ship" } else { "pay" };
            let begun = ExecutionRow {
                definition: definition.to_owned(),
                version: (number % 2).to_string(),
                attributes: attributes(number),
                reopened: number.is_multiple_of(5).then_some(Reopened {
                    count: 2,
                    last: Timestamp(number),
                }),
                ..row(1_000 + number / 4, number, shard)
            };
            commit(store, shard, epoch, vec![new(begun.clone())]);
            rows.push(match number % 4 {
                3 => close(store, shard, epoch, &begun, Status::Succeeded),
                2 if number % 3 == 0 => close(store, shard, epoch, &begun, Status::Failed),
                _ => begun,
            });
        }
    }
    rows
}

/// A third has none, the others a team, and some a customer too.
fn attributes(number: u64) -> std::collections::BTreeMap<String, String> {
    let team = (number % 3 != 1).then_some(("team", number % 2));
    let customer = number.is_multiple_of(5).then_some(("customer", number));
    team.into_iter()
        .chain(customer)
        .map(|(key, value)| (key.to_owned(), value.to_string()))
        .collect()
}

fn close(
    store: &dyn Store,
    shard: Shard,
    epoch: Epoch,
    begun: &ExecutionRow,
    status: Status,
) -> ExecutionRow {
    let (closed, write) = moved(begun, status);
    commit(store, shard, epoch, vec![write]);
    closed
}

/// What the filter should find, in order.
fn expected(rows: &[ExecutionRow], filter: &ListFilter) -> Vec<ExecutionRow> {
    let mut found: Vec<_> = rows
        .iter()
        .filter(|row| filter.matches(row))
        .cloned()
        .collect();
    found.sort_by_key(|row| (row.started, row.id));
    if !filter.oldest_first {
        found.reverse();
    }
    found
}

fn all_pages(store: &dyn Store, filter: &ListFilter, limit: usize) -> Vec<ExecutionRow> {
    let mut rows = Vec::new();
    let mut cursor: Option<Cursor> = None;
    loop {
        let page = store.list(filter, cursor.as_ref(), limit).expect("lists");
        assert!(page.rows.len() <= limit);
        rows.extend(page.rows);
        cursor = page.next;
        if cursor.is_none() {
            return rows;
        }
    }
}

#[expect(
    clippy::too_many_lines,
    reason = "one scenario, read from top to bottom"
)]
fn all_filters() -> Vec<ListFilter> {
    let any = ListFilter::default;
    let text = |text: &str| Some(text.to_owned());
    let attribute = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter();
        pairs
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect::<Vec<_>>()
    };
    let mut filters = vec![
        any(),
        ListFilter {
            definition: text("pay"),
            ..any()
        },
        ListFilter {
            definition: text("ship"),
            statuses: vec![Status::Failed, Status::Running],
            ..any()
        },
        ListFilter {
            definition: text("pa"),
            ..any()
        },
        ListFilter {
            statuses: vec![Status::Running],
            ..any()
        },
        ListFilter {
            statuses: vec![Status::Succeeded, Status::Failed, Status::Succeeded],
            ..any()
        },
        ListFilter {
            statuses: vec![Status::Stopped],
            ..any()
        },
        ListFilter {
            name: text("order-7"),
            ..any()
        },
        ListFilter {
            name_prefix: text("order-1"),
            definition: text("pay"),
            ..any()
        },
        ListFilter {
            attributes: attribute(&[("team", "0")]),
            ..any()
        },
        ListFilter {
            attributes: attribute(&[("team", "1"), ("customer", "5")]),
            ..any()
        },
        ListFilter {
            attributes: attribute(&[("team", "0")]),
            definition: text("pay"),
            statuses: vec![Status::Succeeded, Status::Running],
            started_after: Some(Timestamp(1_001)),
            ..any()
        },
        ListFilter {
            attributes: attribute(&[("tea", "m0")]),
            ..any()
        },
        ListFilter {
            version: text("1"),
            ..any()
        },
        ListFilter {
            started_after: Some(Timestamp(1_002)),
            ..any()
        },
        ListFilter {
            started_before: Some(Timestamp(1_002)),
            ..any()
        },
        ListFilter {
            started_after: Some(Timestamp(1_001)),
            started_before: Some(Timestamp(1_002)),
            definition: text("pay"),
            ..any()
        },
        ListFilter {
            started_after: Some(Timestamp(1_003)),
            started_before: Some(Timestamp(1_002)),
            ..any()
        },
        ListFilter {
            started_after: Some(Timestamp(9_999)),
            ..any()
        },
    ];
    let turned: Vec<_> = filters
        .iter()
        .cloned()
        .map(|filter| ListFilter {
            oldest_first: true,
            ..filter
        })
        .collect();
    filters.extend(turned);
    filters
}

pub fn filters(place: &dyn Place) {
    let store = open(place);
    let rows = fill(&*store);
    for filter in all_filters() {
        let page = store.list(&filter, None, 1_000).expect("lists");
        assert_eq!(page.rows, expected(&rows, &filter), "{filter:?}");
        assert_eq!(
            page.next, None,
            "a list that fits has no next page: {filter:?}"
        );
    }
}

pub fn pages(place: &dyn Place) {
    let store = open(place);
    let rows = fill(&*store);
    for filter in all_filters() {
        for limit in [1, 3, 7, 40] {
            assert_eq!(
                all_pages(&*store, &filter, limit),
                expected(&rows, &filter),
                "{limit} a page: {filter:?}"
            );
        }
    }
}

pub fn pages_under_change(place: &dyn Place) {
    let store = open(place);
    let rows = fill(&*store);
    let epoch = acquire(&*store, ONE);
    for oldest_first in [false, true] {
        let filter = ListFilter {
            oldest_first,
            ..ListFilter::default()
        };
        let steady = expected(&rows, &filter);
        let first = store.list(&filter, None, 5).expect("lists");
        // The cursor's own row goes, others change their status, and one that is older than all and one that is newer appear.
        let at_cursor = first.rows.last().cloned().expect("a page of five");
        let purged = Write::Purge {
            start: super::sample::start(&at_cursor).key,
            row: at_cursor.clone(),
            expires: None,
        };
        let shard = at_cursor.id.shard();
        let epoch_of_row = if shard == ONE {
            epoch
        } else {
            acquire(&*store, shard)
        };
        commit(&*store, shard, epoch_of_row, vec![purged]);
        for begun in steady.iter().filter(|row| {
            row.status == Status::Running && row.id.shard() == ONE && **row != at_cursor
        }) {
            let (_, away) = moved(begun, Status::TimedOut);
            let (_, back) = moved(
                &ExecutionRow {
                    status: Status::TimedOut,
                    ..begun.clone()
                },
                Status::Running,
            );
            commit(&*store, ONE, epoch, vec![away]);
            commit(&*store, ONE, epoch, vec![back]);
        }
        let late = [row(1, 900, ONE), row(9_000, 901, ONE)];
        commit(&*store, ONE, epoch, late.iter().cloned().map(new).collect());
        let mut seen = first.rows;
        let mut cursor = first.next;
        while let Some(at) = cursor {
            let page = store.list(&filter, Some(&at), 5).expect("lists");
            seen.extend(page.rows);
            cursor = page.next;
        }
        seen.retain(|row| !late.contains(row));
        assert_eq!(
            seen, steady,
            "what was there all along is seen once, in order"
        );
        let cleaning = late.iter().cloned().map(|row| Write::Purge {
            start: super::sample::start(&row).key,
            row,
            expires: None,
        });
        commit(&*store, ONE, epoch, cleaning.collect());
        commit(&*store, shard, epoch_of_row, vec![new(at_cursor)]);
    }
}

pub fn cursors_are_bound(place: &dyn Place) {
    let store = open(place);
    fill(&*store);
    let pay = ListFilter {
        definition: Some("pay".to_owned()),
        ..ListFilter::default()
    };
    let cursor = store
        .list(&pay, None, 2)
        .expect("lists")
        .next
        .expect("more than two");
    let same = ListFilter {
        definition: Some("pay".to_owned()),
        ..ListFilter::default()
    };
    store
        .list(&same, Some(&cursor), 2)
        .expect("an equal filter is the same list");
    let mut others = all_filters();
    others.retain(|filter| *filter != pay);
    for filter in others {
        let answer = store.list(&filter, Some(&cursor), 2);
        assert!(matches!(answer, Err(Error::InvalidCursor)), "{filter:?}");
    }
    let mut cut = cursor.0.to_vec();
    cut.pop();
    let mut newer = cursor.0.to_vec();
    newer.iter_mut().take(1).for_each(|version| *version += 1);
    for forged in [Vec::new(), vec![0; 40], cut, newer] {
        let answer = store.list(&pay, Some(&Cursor(forged.into())), 2);
        assert!(matches!(answer, Err(Error::InvalidCursor)), "{answer:?}");
    }
}
