//! The search for records in text.
//!
//! Owns: which values of a text lead to rows, and which other cells of a row stand around. Never does: decisions beyond the
//! rules; keeping of text.
//!
//! Text comes as a window over a stream. What is found depends on the text alone, not on the windows, as long as each shows
//! [`RecordMatcher::reach`] bytes before and behind the span that is searched (less at the ends of the stream).

use super::{
    amount, code, date,
    index::{LEADING_LENGTH, RecordIndex},
    kind::{ColumnKind, Found},
    mail,
    rule::{Compiled, Rule, RuleError},
    words,
};
use crate::key::Hasher;
use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    sync::Arc,
};

/// Text whose values are listed at once, bytes.
const PAGE: u64 = 256;
/// Bytes that a value may be long, or may look at around it.
const VALUE: usize = 256;

/// The lengths of numbers that lead to rows.
const LEADING_LENGTHS: u64 = !((1 << LEADING_LENGTH) - 1);

/// One record found by one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordMatch {
    /// Which rule, by number.
    pub rule: u32,
    /// Where its cells stand, from the first to the last, bytes of the window.
    pub range: Range<usize>,
    /// Tells the record from all others.
    pub record: u64,
    /// The cells, a bit for each column of the set.
    pub columns: u64,
    /// Few and weak cells: it may be chance.
    pub doubtful: bool,
}

/// Sets of records and the rules by which they are looked for. Shared by all workers.
#[derive(Debug, Default)]
pub struct RecordMatcher {
    groups: Vec<Group>,
    reach: usize,
    rules: u32,
}

/// Sets with one key: a value is hashed once for all of them.
#[derive(Debug)]
struct Group {
    value: Hasher,
    sets: Vec<Set>,
    /// Kinds that lead to rows of any set, and the lengths of such numbers.
    kinds: Vec<ColumnKind>,
    leading: u64,
    /// Lengths of all numbers of all sets.
    lengths: u64,
}

#[derive(Debug)]
struct Set {
    index: Arc<RecordIndex>,
    number: u32,
    rules: Vec<(u32, Compiled)>,
    leads: u64,
}

/// What is known of one stream's records. Empty at its start.
#[derive(Debug, Default)]
pub struct RecordScan {
    /// Rules that each record has matched, a bit for each rule of its set.
    matched: BTreeMap<(u32, u32), u64>,
}

impl RecordScan {
    /// Ready for another stream.
    pub fn clear(&mut self) {
        self.matched.clear();
    }
}

/// Memory that searches share.
#[derive(Debug, Default)]
pub struct RecordScratch {
    form: Vec<u8>,
    leads: Vec<Lead>,
    pages: HashMap<(usize, ColumnKind, u64), Vec<Value>>,
}

/// A value that leads to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Lead {
    owner: usize,
    start: usize,
    end: usize,
    group: usize,
    set: usize,
    row: u32,
    column: usize,
}

/// A value of a text. Places are absolute.
#[derive(Clone, Copy, Debug)]
struct Value {
    start: u64,
    end: u64,
    cell: u32,
}

/// A window over a stream.
#[derive(Clone, Copy)]
struct Window<'a> {
    text: &'a [u8],
    base: u64,
}

impl RecordMatcher {
    /// True without any rule: there is nothing to search for.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Bytes before and behind a searched span that decide about it.
    #[must_use]
    pub const fn reach(&self) -> usize {
        self.reach
    }

    /// Adds a rule for a set; the rule's number.
    pub fn add(&mut self, index: &Arc<RecordIndex>, rule: &Rule) -> Result<u32, RuleError> {
        let compiled = Compiled::new(rule, index)?;
        let number = self.rules;
        let probe = index.hashers.value.bytes(b"");
        let at = self.groups.iter().position(|group| group.value.bytes(b"") == probe).unwrap_or_else(|| {
            let value = index.hashers.value;
            self.groups.push(Group { value, sets: Vec::new(), kinds: Vec::new(), leading: 0, lengths: 0 });
            self.groups.len() - 1
        });
        let sets: usize = self.groups.iter().map(|group| group.sets.len()).sum();
        let Some(group) = self.groups.get_mut(at) else { return Err(RuleError::NothingLeads) };
        group.take(index, u32::try_from(sets).unwrap_or(u32::MAX), number, compiled);
        self.rules += 1;
        // A character takes four bytes at most; a page may begin before what is asked for.
        self.reach = self.reach.max(index.within() * 4 + 2 * VALUE + PAGE as usize);
        Ok(number)
    }

    /// Finds records by values that begin in `span` of a window whose first byte stands at `base` of its stream. At most `most`
    /// records are remembered in one stream.
    pub fn find(
        &self,
        (text, base): (&[u8], u64),
        span: Range<usize>,
        most: usize,
        scan: &mut RecordScan,
        scratch: &mut RecordScratch,
        sink: &mut dyn FnMut(RecordMatch),
    ) {
        if span.is_empty() {
            return;
        }
        scratch.leads.clear();
        scratch.pages.clear();
        for (at, group) in self.groups.iter().enumerate() {
            group.leads(text, span.clone(), at, scratch);
        }
        // In order of places, so that it makes no difference where spans end.
        scratch.leads.sort_unstable();
        let leads = std::mem::take(&mut scratch.leads);
        let window = Window { text, base };
        for lead in &leads {
            let Some(set) = self.groups.get(lead.group).and_then(|group| group.sets.get(lead.set)) else {
                continue;
            };
            let known = scan.matched.get(&(set.number, lead.row)).copied();
            if known == Some(set.all_rules()) || known.is_none() && scan.matched.len() >= most {
                continue;
            }
            let group = self.groups.get(lead.group);
            let found =
                group.map_or(0, |group| group.verify(set, lead, window, known.unwrap_or(0), scratch, sink));
            if found != 0 {
                *scan.matched.entry((set.number, lead.row)).or_default() |= found;
            }
        }
        scratch.leads = leads;
    }
}

impl Set {
    /// The bits of all its rules.
    fn all_rules(&self) -> u64 {
        (0..self.rules.len()).fold(0, |bits, at| bits | 1 << at.min(63))
    }
}

impl Group {
    fn take(&mut self, index: &Arc<RecordIndex>, number: u32, rule: u32, compiled: Compiled) {
        for (at, column) in index.columns().iter().enumerate() {
            if compiled.leads >> at & 1 != 0 {
                if !self.kinds.contains(&column.kind) {
                    self.kinds.push(column.kind);
                }
                self.leading |= column.lengths & (LEADING_LENGTHS | code::LETTERS_FIRST);
            }
            self.lengths |= column.lengths;
        }
        let set = match self.sets.iter_mut().find(|set| Arc::ptr_eq(&set.index, index)) {
            Some(set) => set,
            None => {
                self.sets.push(Set { index: Arc::clone(index), number, rules: Vec::new(), leads: 0 });
                self.sets.last_mut().expect("one was pushed")
            }
        };
        set.leads |= compiled.leads;
        set.rules.push((rule, compiled));
    }

    /// The values in `span` that lead to rows.
    fn leads(&self, text: &[u8], span: Range<usize>, group: usize, scratch: &mut RecordScratch) {
        let RecordScratch { form, leads, .. } = scratch;
        for kind in &self.kinds {
            values(*kind, text, span.clone(), self.leading, form, &mut |owner, range, form| {
                let hash = self.value.bytes(form);
                for (at, set) in self.sets.iter().enumerate() {
                    for row in set.index.rows(hash) {
                        let leading =
                            set.index.columns().iter().enumerate().filter(|(column, known)| {
                                set.leads >> column & 1 != 0 && known.kind == *kind
                            });
                        for (column, _) in leading {
                            if set.index.cell(row, column) == Some(hash as u32) {
                                leads.push(Lead {
                                    owner,
                                    start: range.start,
                                    end: range.end,
                                    group,
                                    set: at,
                                    row,
                                    column,
                                });
                            }
                        }
                    }
                }
            });
        }
    }

    /// Looks for the other cells of a row around the value that led to it. The rules that hold now, beside those in `known`.
    fn verify(
        &self,
        set: &Set,
        lead: &Lead,
        window: Window<'_>,
        known: u64,
        scratch: &mut RecordScratch,
        sink: &mut dyn FnMut(RecordMatch),
    ) -> u64 {
        let open = || {
            set.rules
                .iter()
                .enumerate()
                .filter(|(at, (_, rule))| known >> at & 1 == 0 && rule.leads >> lead.column & 1 != 0)
        };
        let wanted = open().fold(0, |bits, (_, (_, rule))| bits | rule.columns());
        if wanted == 0 {
            return 0;
        }
        let around = window.around(lead.start..lead.end, set.index.within());
        let mut found = vec![(lead.column, window.base + lead.start as u64..window.base + lead.end as u64)];
        let mut bits = 1 << lead.column;
        let mut columns: Vec<usize> =
            (0..set.index.columns().len()).filter(|at| wanted >> at & 1 != 0 && *at != lead.column).collect();
        let cost = |at: &usize| set.index.columns().get(*at).map_or(0, |column| column.kind.cost());
        columns.sort_by_key(cost);
        for column in columns {
            if open().all(|(_, (_, rule))| rule.is_sure(bits)) {
                break;
            }
            if let Some(place) = self.nearest(set, lead, column, window, &around, &found, scratch) {
                bits |= 1 << column;
                found.push((column, place));
            }
        }
        let mut matched = 0;
        for (at, (number, rule)) in open().filter(|(_, (_, rule))| rule.holds(bits)) {
            let part = || {
                found.iter().filter(|(column, _)| rule.columns() >> column & 1 != 0).map(|(_, place)| place)
            };
            let start = part().map(|place| place.start).min().unwrap_or(0).saturating_sub(window.base);
            let end = part().map(|place| place.end).max().unwrap_or(0).saturating_sub(window.base);
            let (Ok(start), Ok(end)) = (usize::try_from(start), usize::try_from(end)) else { continue };
            let columns = bits & rule.columns();
            let record = u64::from(set.number) << 32 | u64::from(lead.row);
            let doubtful = rule.is_doubtful(columns);
            sink(RecordMatch { rule: *number, range: start..end, record, columns, doubtful });
            matched |= 1 << at.min(63);
        }
        matched
    }

    /// The place of a row's cell around a value, the nearest that no other cell of the row stands in.
    #[expect(clippy::too_many_arguments, reason = "one look at a cell in all its coordinates")]
    fn nearest(
        &self,
        set: &Set,
        lead: &Lead,
        column: usize,
        window: Window<'_>,
        around: &Range<u64>,
        taken: &[(usize, Range<u64>)],
        scratch: &mut RecordScratch,
    ) -> Option<Range<u64>> {
        let cell = set.index.cell(lead.row, column)?;
        let kind = set.index.columns().get(column)?.kind;
        let (start, end) = (window.base + lead.start as u64, window.base + lead.end as u64);
        let mut best: Option<(u64, Range<u64>)> = None;
        for page in around.start / PAGE..=around.end.saturating_sub(1) / PAGE {
            let RecordScratch { form, pages, .. } = &mut *scratch;
            let values = pages
                .entry((lead.group, kind, page))
                .or_insert_with(|| self.page(kind, window, page * PAGE..(page + 1) * PAGE, form));
            for value in values.iter().filter(|value| value.cell == cell) {
                let place = value.start..value.end;
                let free =
                    taken.iter().all(|(_, other)| place.end <= other.start || other.end <= place.start);
                let inside = around.start <= place.start && place.end <= around.end;
                let gap = place.start.saturating_sub(end).max(start.saturating_sub(place.end));
                if free && inside && best.as_ref().is_none_or(|(least, _)| gap < *least) {
                    best = Some((gap, place));
                }
            }
        }
        best.map(|(_, place)| place)
    }

    /// Every value of a kind that begins in a page.
    fn page(&self, kind: ColumnKind, window: Window<'_>, page: Range<u64>, form: &mut Vec<u8>) -> Vec<Value> {
        let relative = |place: u64| {
            usize::try_from(place.saturating_sub(window.base)).unwrap_or(usize::MAX).min(window.text.len())
        };
        let mut found = Vec::new();
        values(
            kind,
            window.text,
            relative(page.start)..relative(page.end),
            self.lengths,
            form,
            &mut |_, range, form| {
                found.push(Value {
                    start: window.base + range.start as u64,
                    end: window.base + range.end as u64,
                    cell: self.value.bytes(form) as u32,
                });
            },
        );
        found
    }
}

impl Window<'_> {
    /// The places within so many characters before and behind a range.
    fn around(&self, range: Range<usize>, characters: usize) -> Range<u64> {
        let begins = |byte: &u8| byte & 0xc0 != 0x80;
        let before = self.text.get(..range.start).unwrap_or_default();
        let after = self.text.get(range.end..).unwrap_or_default();
        let back = before.iter().rev().enumerate().filter(|(_, byte)| begins(byte)).nth(characters);
        let on = after.iter().enumerate().filter(|(_, byte)| begins(byte)).nth(characters);
        let start = range.start - back.map_or(before.len(), |(at, _)| at).min(characters * 4);
        let end = range.end + on.map_or(after.len(), |(at, _)| at).min(characters * 4);
        self.base + start as u64..self.base + end as u64
    }
}

/// Hands on every value of a kind that begins in a span, with its form.
fn values(
    kind: ColumnKind,
    text: &[u8],
    span: Range<usize>,
    lengths: u64,
    form: &mut Vec<u8>,
    sink: &mut Found<'_>,
) {
    form.clear();
    form.push(kind.tag());
    match kind {
        ColumnKind::Number => code::find(text, span, lengths, form, sink),
        ColumnKind::Amount => amount::find(text, span, form, sink),
        ColumnKind::Date => date::find(text, span, form, sink),
        ColumnKind::Email => mail::find(text, span, form, sink),
        ColumnKind::Name => words::find_names(text, span, form, sink),
        ColumnKind::Text => words::find_texts(text, span, form, sink),
    }
}
