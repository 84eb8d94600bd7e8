//! What stands in the columns of a table, found out by one pass over it before the index is built.
//!
//! Owns: the kinds of columns and what each is good for. Never does: keeping values; it keeps hashes for as long as it counts.

use super::{
    code,
    column::{Column, Role},
    date,
    kind::{self, ColumnKind, DateOrder},
};
use crate::IndexError;
use siphasher::sip::SipHasher13;
use std::collections::{HashMap, HashSet};

/// Rows of which every value is compared with every other, at most; of more, one in two, four, eight are taken.
const SAMPLE: usize = 1 << 16;
/// Chance that two records share a value, from which a column is too common to mean anything.
const COMMON: f64 = 0.01;
/// Chance that two records share a value, up to which one value leads to one record; in small tables one pair may.
const IDENTIFYING: f64 = 0.000_2;
/// Shortest number that identifies, characters.
const IDENTIFYING_LENGTH: usize = 5;
/// Share of all numbers of a length that a column may hold and still identify: of a dense range any number is one.
const DENSE: f64 = 0.05;
/// Words in a header that speak of names.
const NAMES: [&str; 18] = [
    "name",
    "patient",
    "surname",
    "holder",
    "contact",
    "person",
    "employee",
    "customer",
    "client",
    "attending",
    "vorname",
    "nom",
    "apellido",
    "cognome",
    "member",
    "owner",
    "doctor",
    "user",
];

/// What the owner of a table decides.
#[derive(Clone, Debug, Default)]
pub struct SurveyOptions {
    /// Kinds of columns by name; None leaves the column out.
    pub kinds: Vec<(String, Option<ColumnKind>)>,
}

/// What a table is to become.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The columns of the index.
    pub columns: Vec<Column>,
    /// For each of them, its place in the table.
    pub(crate) places: Vec<usize>,
    /// Rows seen.
    pub rows: u64,
}

/// Looks at a table row by row.
#[derive(Debug)]
pub struct Survey {
    columns: Vec<Tally>,
    rows: u64,
}

#[derive(Debug, Default)]
struct Tally {
    name: String,
    filled: u64,
    emails: u64,
    dates: u64,
    numbers: u64,
    amounts: u64,
    decimals: u64,
    names: u64,
    day_first: u64,
    month_first: u64,
    /// Numbers that are digits alone, by length.
    plain: [u64; 20],
    short: u64,
    sample: Vec<u64>,
    step: u64,
    distinct: HashSet<u64>,
    level: u32,
}

impl Survey {
    /// A survey of a table with this header.
    #[must_use]
    pub fn new(header: &[String]) -> Self {
        let tally = |name: &String| Tally { name: name.clone(), step: 1, ..Tally::default() };
        Self { columns: header.iter().map(tally).collect(), rows: 0 }
    }

    /// The next row.
    pub fn row(&mut self, cells: &[String]) {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.take(cell.trim(), self.rows);
        }
        self.rows += 1;
    }

    /// What the table is to become.
    pub fn plan(self, options: &SurveyOptions) -> Result<Plan, IndexError> {
        if self.rows == 0 {
            return Err(IndexError::Table("the table has no rows".into()));
        }
        let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        if let Some((unknown, _)) = options.kinds.iter().find(|(name, _)| !names.contains(&name.as_str())) {
            let message = format!("there is no column `{unknown}`; there are {}", names.join(", "));
            return Err(IndexError::Table(message));
        }
        let given: HashMap<&str, Option<ColumnKind>> =
            options.kinds.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
        let (mut columns, mut places) = (Vec::new(), Vec::new());
        for (place, tally) in self.columns.iter().enumerate() {
            let kind = match given.get(tally.name.as_str()) {
                Some(None) => continue,
                Some(Some(kind)) => *kind,
                None if tally.filled == 0 => continue,
                None => tally.kind(),
            };
            columns.push(tally.column(kind));
            places.push(place);
        }
        if columns.is_empty() {
            return Err(IndexError::Table("no column is left that holds values".into()));
        }
        Ok(Plan { columns, places, rows: self.rows })
    }
}

impl Tally {
    fn take(&mut self, cell: &str, row: u64) {
        if cell.is_empty() {
            return;
        }
        self.filled += 1;
        let mut form = Vec::new();
        let mut is = |kind| kind::form(kind, DateOrder::DayFirst, cell, &mut form);
        self.emails += u64::from(cell.contains('@') && is(ColumnKind::Email));
        let order = date::order_of(cell);
        let is_date = is(ColumnKind::Date) || order == Some(DateOrder::MonthFirst);
        self.dates += u64::from(is_date && cell.len() <= 32);
        self.day_first += u64::from(order == Some(DateOrder::DayFirst));
        self.month_first += u64::from(order == Some(DateOrder::MonthFirst));
        let digits = cell.bytes().filter(u8::is_ascii_digit).count();
        let letters = cell.chars().filter(|c| c.is_alphabetic()).count();
        let numeric = digits > 0 && letters == 0;
        self.amounts += u64::from(numeric && is(ColumnKind::Amount));
        self.decimals += u64::from(numeric && has_decimals(cell));
        let one_word = !cell.contains(' ') || digits * 2 >= letters;
        let mut number = Vec::new();
        if digits > 0 && cell.is_ascii() && one_word && code::form(cell.as_bytes(), &mut number) {
            self.numbers += 1;
            self.short += u64::from(number.len() < IDENTIFYING_LENGTH);
            if letters == 0
                && let Some(count) = self.plain.get_mut(number.len())
            {
                *count += 1;
            }
        }
        self.names += u64::from(looks_like_a_name(cell));
        self.sample(SipHasher13::new().hash(cell.to_lowercase().as_bytes()), row);
    }

    fn sample(&mut self, hash: u64, row: u64) {
        if row.is_multiple_of(self.step) {
            self.sample.push(hash);
            if self.sample.len() > SAMPLE {
                // Every second one stays, as if the step had been twice as wide from the start.
                self.step *= 2;
                let mut keep = false;
                self.sample.retain(|_| {
                    keep = !keep;
                    keep
                });
            }
        }
        if hash.trailing_zeros() >= self.level && self.distinct.insert(hash) && self.distinct.len() > SAMPLE {
            self.level += 1;
            let level = self.level;
            self.distinct.retain(|hash| hash.trailing_zeros() >= level);
        }
    }

    fn kind(&self) -> ColumnKind {
        let most = |count: u64| count * 10 >= self.filled * 9;
        let header = self.name.to_lowercase();
        let speaks_of_names = NAMES.iter().any(|word| header.contains(word));
        if most(self.emails) {
            ColumnKind::Email
        } else if most(self.dates) {
            ColumnKind::Date
        } else if most(self.amounts) && self.decimals * 2 >= self.filled {
            ColumnKind::Amount
        } else if most(self.numbers) {
            ColumnKind::Number
        } else if most(self.names) || speaks_of_names && self.names * 2 >= self.filled {
            ColumnKind::Name
        } else {
            ColumnKind::Text
        }
    }

    fn column(&self, kind: ColumnKind) -> Column {
        let distinct = (self.distinct.len() as u64) << self.level;
        let shared = shared(&self.sample);
        let order =
            if self.month_first > self.day_first { DateOrder::MonthFirst } else { DateOrder::DayFirst };
        let one_pair = 2.0 / (self.sample.len() as f64 * (self.sample.len() as f64 - 1.0)).max(1.0);
        let identifies = match kind {
            ColumnKind::Email => true,
            ColumnKind::Number => self.short * 2 < self.numbers.max(1) && !self.is_dense(distinct),
            ColumnKind::Amount | ColumnKind::Date | ColumnKind::Name | ColumnKind::Text => false,
        };
        let role = if shared > COMMON {
            Role::Common
        } else if identifies && shared <= IDENTIFYING.max(one_pair) {
            Role::Identifying
        } else {
            Role::Supporting
        };
        let name = self.name.clone();
        Column { name, kind, order, role, filled: self.filled, distinct, shared, lengths: 0 }
    }

    /// Whether any number of the commonest length is likely to be in the column.
    fn is_dense(&self, distinct: u64) -> bool {
        let (length, count) =
            self.plain.iter().enumerate().max_by_key(|(_, count)| **count).unwrap_or((0, &0));
        let here = distinct as f64 * *count as f64 / self.filled.max(1) as f64;
        *count * 2 > self.filled && here > DENSE * 10_f64.powi(i32::try_from(length).unwrap_or(20))
    }
}

/// How likely two of the values are the same.
fn shared(sample: &[u64]) -> f64 {
    let mut sorted = sample.to_vec();
    sorted.sort_unstable();
    let pairs: f64 =
        sorted.chunk_by(|a, b| a == b).map(|same| same.len() as f64 * (same.len() as f64 - 1.0)).sum();
    let all = sample.len() as f64 * (sample.len() as f64 - 1.0);
    if all > 0.0 { pairs / all } else { 0.0 }
}

fn has_decimals(cell: &str) -> bool {
    let part = cell.rsplit(['.', ',']).next().unwrap_or_default();
    part.len() < cell.len() && matches!(part.len(), 1 | 2) && cell.matches(['.', ',']).count() < 4
}

/// Two to five words of letters with capitals, or one after a header that says so.
fn looks_like_a_name(cell: &str) -> bool {
    let words: Vec<&str> = cell.split([' ', ',', '.', '-']).filter(|word| !word.is_empty()).collect();
    let is_name = |word: &&str| {
        word.chars().all(|c| c.is_alphabetic() || matches!(c, '\'' | '\u{2019}'))
            && word.chars().next().is_some_and(char::is_uppercase)
    };
    (2..=5).contains(&words.len())
        && words.iter().filter(|word| is_name(word)).count() + 1 >= words.len()
        && words.iter().filter(|word| is_name(word)).count() >= 2
        || words.len() == 1 && words.iter().all(is_name)
}
