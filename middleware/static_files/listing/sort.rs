//! The order of a listing, and the links that change it.

use std::cmp::Ordering;
use std::fmt::{self, Write as _};

use crate::static_files::source::{Entry, EntryKind};

/// By what, and which way, a listing is sorted; directories always come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sort {
    by: Column,
    descending: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Modified,
    Name,
    Size,
}

impl Sort {
    /// What the query asks for; anything else in it is left alone.
    pub(super) fn of(query: &str) -> Self {
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

    pub(super) fn compare(self, a: &Entry, b: &Entry) -> Ordering {
        let size = |entry: &Entry| match entry.kind {
            EntryKind::Directory => 0,
            EntryKind::File(len) => len,
        };
        let files_last = |entry: &Entry| entry.kind != EntryKind::Directory;
        let by_name = || natural(&a.name, &b.name).then_with(|| a.name.cmp(&b.name));
        let by = match self.by {
            Column::Modified => a.modified.cmp(&b.modified),
            Column::Name => by_name(),
            Column::Size => size(a).cmp(&size(b)),
        };
        let by = if self.descending { by.reverse() } else { by };
        let kind = files_last(a).cmp(&files_last(b));
        kind.then(by).then_with(by_name)
    }

    /// The head of a column, with a link that sorts by it, or the other way round.
    pub(super) fn head(self, page: &mut String, column: Column) -> fmt::Result {
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

/// Names as people order them: numbers by their value, letters of ASCII without their case.
fn natural(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        let (number_a, rest_a) = number(a);
        let (number_b, rest_b) = number(b);
        let order = if rest_a.len() < a.len() && rest_b.len() < b.len() {
            (a, b) = (rest_a, rest_b);
            let lens = number_a.len().cmp(&number_b.len());
            lens.then_with(|| number_a.cmp(number_b))
        } else {
            let (Some((first_a, rest_a)), Some((first_b, rest_b))) =
                (a.split_first(), b.split_first())
            else {
                return a.len().cmp(&b.len());
            };
            (a, b) = (rest_a, rest_b);
            let lower = u8::to_ascii_lowercase;
            lower(first_a).cmp(&lower(first_b))
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// The digits that a name begins with, without leading zeros, and what follows them.
fn number(name: &[u8]) -> (&[u8], &[u8]) {
    let is_end = |b: &u8| !b.is_ascii_digit();
    let end = name.iter().position(is_end).unwrap_or(name.len());
    let (digits, rest) = name.split_at(end);
    let start = digits.iter().position(|b| *b != b'0').unwrap_or(end);
    (digits.get(start..).unwrap_or_default(), rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_stand_as_people_order_them() {
        let names = [
            "", "1.txt", "02", "2.txt", "10", "A", "a1", "a1b", "a2", "A10", "b", "\u{e9}",
        ];
        for (i, a) in names.iter().enumerate() {
            for (j, b) in names.iter().enumerate() {
                let order = natural(a.as_bytes(), b.as_bytes());
                assert_eq!(order, i.cmp(&j), "{a} {b}");
            }
        }
        assert_eq!(natural(b"a007", b"A7"), Ordering::Equal);
    }

    proptest! {
        #[test]
        fn it_is_an_order(names in proptest::collection::vec("[0-2aB.]{0,5}", 3)) {
            let order = |a: usize, b: usize| natural(names[a].as_bytes(), names[b].as_bytes());
            prop_assert_eq!(order(0, 1), order(1, 0).reverse());
            if order(0, 1).is_le() && order(1, 2).is_le() {
                prop_assert!(order(0, 2).is_le());
            }
        }
    }
}
