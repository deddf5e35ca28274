//! Typed indices and the tables they index, so that ids of different things cannot be mixed up. Never interprets what it holds.

use std::hash::Hash;
use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

use rustc_hash::FxHashMap;

/// A typed index into a [`Table`].
pub trait Id: Copy {
    /// The index of row `n`.
    fn of(n: usize) -> Self;
    /// The row number.
    fn row(self) -> usize;
}

/// Declares typed indices.
#[macro_export]
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);
        impl $crate::table::Id for $name {
            fn of(n: usize) -> Self { Self(u32::try_from(n).unwrap_or(u32::MAX)) }
            fn row(self) -> usize { self.0 as usize }
        }
    )*};
}

/// A growing table whose rows are named by typed indices.
#[derive(Clone, Debug)]
pub struct Table<K, T> {
    rows: Vec<T>,
    key: PhantomData<K>,
}

impl<K, T> Default for Table<K, T> {
    fn default() -> Self {
        Self { rows: Vec::new(), key: PhantomData }
    }
}

impl<K: Id, T> Table<K, T> {
    /// Adds a row.
    pub fn push(&mut self, row: T) -> K {
        self.rows.push(row);
        K::of(self.rows.len() - 1)
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// No rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// All indices in order.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = K> + use<K, T> {
        (0..self.rows.len()).map(K::of)
    }

    /// All rows in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (K, &T)> {
        self.rows.iter().enumerate().map(|(n, row)| (K::of(n), row))
    }

    /// The rows, given up.
    #[must_use]
    pub fn into_rows(self) -> Vec<T> {
        self.rows
    }

    /// The rows as a slice.
    #[must_use]
    pub fn rows(&self) -> &[T] {
        &self.rows
    }
}

impl<K: Id, T> FromIterator<T> for Table<K, T> {
    fn from_iter<I: IntoIterator<Item = T>>(rows: I) -> Self {
        Self { rows: rows.into_iter().collect(), key: PhantomData }
    }
}

impl<K: Id, T> Index<K> for Table<K, T> {
    type Output = T;
    #[expect(clippy::indexing_slicing, reason = "an id is only made by pushing a row, and rows are never removed")]
    fn index(&self, id: K) -> &T {
        &self.rows[id.row()]
    }
}

impl<K: Id, T> IndexMut<K> for Table<K, T> {
    #[expect(clippy::indexing_slicing, reason = "an id is only made by pushing a row, and rows are never removed")]
    fn index_mut(&mut self, id: K) -> &mut T {
        &mut self.rows[id.row()]
    }
}

/// A table in which equal rows share one index.
#[derive(Clone, Debug)]
pub struct Interner<K, T> {
    table: Table<K, T>,
    known: FxHashMap<T, K>,
}

impl<K, T> Default for Interner<K, T> {
    fn default() -> Self {
        Self { table: Table::default(), known: FxHashMap::default() }
    }
}

impl<K: Id, T: Clone + Eq + Hash> Interner<K, T> {
    /// The index of `row`, which is added when it is new.
    pub fn intern(&mut self, row: T) -> K {
        if let Some(id) = self.known.get(&row) {
            return *id;
        }
        let id = self.table.push(row.clone());
        self.known.insert(row, id);
        id
    }

    /// The index of `row`, when it is known.
    #[must_use]
    pub fn find(&self, row: &T) -> Option<K> {
        self.known.get(row).copied()
    }

    /// The rows.
    #[must_use]
    pub fn table(&self) -> &Table<K, T> {
        &self.table
    }
}

impl<K: Id, T: Clone + Eq + Hash> Index<K> for Interner<K, T> {
    type Output = T;
    fn index(&self, id: K) -> &T {
        &self.table[id]
    }
}
