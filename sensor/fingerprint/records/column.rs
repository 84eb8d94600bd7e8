//! What an index says of its columns.

use super::kind::{ColumnKind, DateOrder};
use serde::{Deserialize, Serialize};

/// What a column is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// One value leads to one record, or hardly more: an account, an address of mail.
    Identifying,
    /// Counts together with others: a name, a date of birth.
    Supporting,
    /// So many records share its values that it means nothing by itself: a city. It counts only where a signature asks for it.
    Common,
}

impl Role {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identifying => "identifying",
            Self::Supporting => "supporting",
            Self::Common => "too common",
        }
    }
}

/// One column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// As its header says.
    pub name: String,
    /// What stands in it.
    pub kind: ColumnKind,
    /// Order of day and month of its dates.
    #[serde(default)]
    pub order: DateOrder,
    /// What it is good for.
    pub role: Role,
    /// Cells that hold a value.
    pub filled: u64,
    /// Distinct values, about.
    pub distinct: u64,
    /// How likely two records share the value, from 0 to 1.
    pub shared: f64,
    /// Which lengths its numbers have: a bit each, the last one for all longer ones.
    #[serde(default)]
    pub lengths: u64,
}

impl Column {
    /// Whether its values are in the table, so that a match may begin with them.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.role != Role::Common && self.filled > 0
    }
}
