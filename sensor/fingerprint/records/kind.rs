//! The kinds of columns, and the one form of each value in which a cell and a text meet.
//!
//! Owns: the kinds and the way from a cell to its form. Never does: hashing; searching of text.

use super::{amount, code, date, mail, words};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnKind {
    /// Numbers that name something, letters among them or not: accounts, cards, ids, telephone numbers. Separators and leading
    /// zeros make no difference.
    Number,
    /// Quantities with decimals: `1,234.50` and `1.234,5` are one.
    Amount,
    /// Dates, however written.
    Date,
    /// E-mail addresses.
    Email,
    /// Names of people: `O'Brien, J.`, `J OBRIEN` and `John O'Brien` are one.
    Name,
    /// Anything else: its first words.
    Text,
}

impl ColumnKind {
    /// Every kind by the name that people use.
    pub const NAMES: [(&'static str, Self); 6] = [
        ("number", Self::Number),
        ("amount", Self::Amount),
        ("date", Self::Date),
        ("email", Self::Email),
        ("name", Self::Name),
        ("text", Self::Text),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    /// What sets the forms of one kind apart from those of others.
    pub(crate) const fn tag(self) -> u8 {
        match self {
            Self::Number => b'n',
            Self::Amount => b'a',
            Self::Date => b'd',
            Self::Email => b'e',
            Self::Name => b'p',
            Self::Text => b't',
        }
    }

    /// What it costs to look for values of this kind in all text, by comparison.
    pub(crate) const fn cost(self) -> u32 {
        match self {
            Self::Number | Self::Email => 1,
            Self::Date | Self::Amount => 2,
            Self::Name => 8,
            Self::Text => 10,
        }
    }
}

/// In which order the day and the month of a column's dates stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DateOrder {
    /// 28/12/1996.
    #[default]
    DayFirst,
    /// 12/28/1996.
    MonthFirst,
}

/// Takes the values of a text: the place by which a value belongs to a span (its range may begin before), its range, its form.
pub(crate) type Found<'a> = dyn FnMut(usize, Range<usize>, &[u8]) + 'a;

/// Writes the form of a cell behind its tag. False for a cell that has none: empty, or not of the kind.
pub(crate) fn form(kind: ColumnKind, order: DateOrder, cell: &str, form: &mut Vec<u8>) -> bool {
    form.clear();
    form.push(kind.tag());
    match kind {
        ColumnKind::Number => code::form(cell.as_bytes(), form),
        ColumnKind::Amount => amount::form(cell, form),
        ColumnKind::Date => date::form(cell.trim(), order, form),
        ColumnKind::Email => mail::form(cell.trim().as_bytes(), form),
        ColumnKind::Name => words::name_form(cell, form),
        ColumnKind::Text => words::text_form(cell, form),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: ColumnKind, cell: &str) -> Option<String> {
        let mut written = Vec::new();
        form(kind, DateOrder::DayFirst, cell, &mut written)
            .then(|| String::from_utf8(written).expect("forms are UTF-8"))
    }

    #[test]
    fn what_is_written_differently_meets() {
        for (kind, ways) in [
            (ColumnKind::Name, &["O'Brien, J.", "J OBRIEN", "John O’BRIEN", "Mr. J. O'Brien Jr."][..]),
            (ColumnKind::Name, &["José Núñez", "NUNEZ, JOSE", "Jose Maria Nunez"]),
            (ColumnKind::Number, &["3781 732435 08917", "3781-7324-3508-917", "378173243508917"]),
            (ColumnKind::Number, &["00123456", "123456", "123-456"]),
            (ColumnKind::Number, &["DE59 4050 0000 1234", "de5940500000 1234"]),
            (
                ColumnKind::Date,
                &[
                    "1996-12-28",
                    "28.12.1996",
                    "28/12/96",
                    "28 Dec 1996",
                    "December 28, 1996",
                    "19961228",
                    "1996-12-28 00:00:00",
                ],
            ),
            (ColumnKind::Amount, &["1,234.50", "1234.5", "1.234,50", "1 234,5", "USD 1'234.50"]),
            (ColumnKind::Email, &["A.Lee@Corp.example", " a.lee@corp.example"]),
            (ColumnKind::Text, &["12 High Street", "12, HIGH  STREET", "12 high-street"]),
        ] {
            let forms: Vec<Option<String>> = ways.iter().map(|way| of(kind, way)).collect();
            assert!(forms[0].is_some() && forms.iter().all(|form| *form == forms[0]), "{ways:?}: {forms:?}");
        }
    }

    #[test]
    fn what_differs_stays_apart() {
        for (kind, one, other) in [
            (ColumnKind::Name, "John Smith", "John Smithers"),
            (ColumnKind::Number, "123456", "1234560"),
            (ColumnKind::Date, "1996-12-28", "1996-12-27"),
            (ColumnKind::Amount, "12.5", "125"),
        ] {
            assert_ne!(of(kind, one), of(kind, other));
        }
        for (kind, cell) in [
            (ColumnKind::Name, " - "),
            (ColumnKind::Date, "soon"),
            (ColumnKind::Date, "1996-13-28"),
            (ColumnKind::Number, "n/a"),
            (ColumnKind::Email, "at home"),
            (ColumnKind::Amount, "none"),
            (ColumnKind::Text, "?"),
        ] {
            assert_eq!(of(kind, cell), None, "{cell}");
        }
    }
}
