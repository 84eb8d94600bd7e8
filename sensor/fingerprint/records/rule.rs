//! Which columns of a record must stand near each other.
//!
//! Owns: rules, and by which columns a match of each is begun. Never does: searching.

use super::{
    column::{Column, Role},
    index::RecordIndex,
    kind::ColumnKind,
};

/// Which columns must stand near each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// One that identifies and any other that is not too common; where none identifies, three.
    Sensible,
    /// All of the first, and one of the second unless that is empty.
    Columns {
        /// Every one of these.
        all: Vec<String>,
        /// At least one of these.
        any: Vec<String>,
    },
}

/// Why a rule can't be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleError {
    /// The set has no such column.
    NoColumn(String),
    /// None of the columns leads to a record.
    NothingLeads,
}

/// A rule in terms of the columns of one index, a bit for each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compiled {
    all: u64,
    any: u64,
    /// Columns that count, of which at least `least` are needed.
    counted: u64,
    least: u32,
    /// Of these at least one.
    strong: u64,
    /// Every match holds one of these, so that the search begins with them.
    pub(crate) leads: u64,
}

impl Compiled {
    pub(crate) fn new(rule: &Rule, index: &RecordIndex) -> Result<Self, RuleError> {
        match rule {
            Rule::Sensible => sensible(index.columns()),
            Rule::Columns { all, any } => asked(index, all, any),
        }
    }

    /// Every column that may play a part.
    pub(crate) const fn columns(&self) -> u64 {
        self.all | self.any | self.counted
    }

    /// Whether these columns are enough.
    pub(crate) const fn holds(&self, found: u64) -> bool {
        found & self.all == self.all
            && (self.any == 0 || found & self.any != 0)
            && (found & self.counted).count_ones() >= self.least
            && (self.strong == 0 || found & self.strong != 0)
    }

    /// Whether no further column could make the match surer.
    pub(crate) const fn is_sure(&self, found: u64) -> bool {
        self.holds(found) && !self.is_doubtful(found)
    }

    /// Whether a match of these columns may be chance: the fewest that the sensible rule takes.
    pub(crate) const fn is_doubtful(&self, found: u64) -> bool {
        self.least > 0 && found.count_ones() < 3 && (found & self.strong).count_ones() < 2
    }
}

fn bit(column: usize) -> u64 {
    1 << column.min(63)
}

fn sensible(columns: &[Column]) -> Result<Compiled, RuleError> {
    let with = |wanted: &dyn Fn(&Column) -> bool| {
        columns
            .iter()
            .enumerate()
            .filter(|(_, column)| wanted(column))
            .fold(0, |bits, (at, _)| bits | bit(at))
    };
    let counted = with(&Column::leads);
    let strong = with(&|column| column.leads() && column.role == Role::Identifying);
    if counted == 0 {
        return Err(RuleError::NothingLeads);
    }
    let least = if strong != 0 { 2 } else { 3 };
    let least = least.min(counted.count_ones());
    let leads = if strong == 0 { counted } else { strong };
    Ok(Compiled { all: 0, any: 0, counted, least, strong, leads })
}

fn asked(index: &RecordIndex, all: &[String], any: &[String]) -> Result<Compiled, RuleError> {
    let place = |name: &String| {
        let at = index.columns().iter().position(|column| column.name == *name);
        at.ok_or_else(|| RuleError::NoColumn(name.clone()))
    };
    let all = all.iter().map(place).collect::<Result<Vec<usize>, _>>()?;
    let any = any.iter().map(place).collect::<Result<Vec<usize>, _>>()?;
    // Every match holds each of `all`, and one of `any`: the cheapest of these ways to begin is taken.
    let mut ways: Vec<Vec<usize>> = all.iter().map(|column| vec![*column]).collect();
    ways.extend((!any.is_empty()).then(|| any.clone()));
    let cost =
        |way: &Vec<usize>| way.iter().map(|at| index.columns().get(*at).map_or(u64::MAX, cost_of)).max();
    let leads = |way: &Vec<usize>| way.iter().all(|at| index.columns().get(*at).is_some_and(Column::leads));
    let best = ways.into_iter().filter(leads).min_by_key(cost).ok_or(RuleError::NothingLeads)?;
    let bits = |columns: &[usize]| columns.iter().fold(0, |bits, at| bits | bit(*at));
    Ok(Compiled { all: bits(&all), any: bits(&any), counted: 0, least: 0, strong: 0, leads: bits(&best) })
}

/// What it costs to begin with a column: how often text holds such values, and how many rows each leads to.
fn cost_of(column: &Column) -> u64 {
    let rows = column.filled / column.distinct.max(1);
    u64::from(column.kind.cost()) * (4 + rows) + u64::from(column.kind == ColumnKind::Amount) * 100
}
