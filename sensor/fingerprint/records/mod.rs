//! Records: rows of a table, any of which is recognised when it leaves by cells that stand near each other.
//!
//! Owns: the kinds of columns, the index, its building and changing, the search. Never does: opening of files.
//!
//! # How a record is found
//!
//! The index holds, in a table behind a filter, the keyed hash of each cell that is particular enough to lead to its row; and for
//! each row one masked number of four bytes a cell. The search goes through text for values of the kinds that can begin a match
//! (numbers, addresses of mail; dates and names only where a rule has nothing better), asks the table, and for the rows that it
//! names takes the masks off their other cells and looks whether the values around are among them.

mod amount;
mod build;
mod code;
mod column;
mod date;
mod index;
mod kind;
mod mail;
mod matcher;
mod rows;
mod rule;
mod survey;
#[cfg(test)]
mod tests;
mod words;

pub use build::Builder;
pub use column::{Column, Role};
pub use index::RecordIndex;
pub use kind::{ColumnKind, DateOrder};
pub use matcher::{RecordMatch, RecordMatcher, RecordScan, RecordScratch};
pub use rows::Rows;
pub use rule::{Rule, RuleError};
pub use survey::{Plan, Survey, SurveyOptions};
