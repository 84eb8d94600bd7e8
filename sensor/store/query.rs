//! Finding what is in the store.
//!
//! Owns: filters and what they mean. Never does: changes.

use crate::{Manifest, Store, StoreError};
use egret_model::{
    Case, CaseState, FindingView, Handling, IncidentView, Note, Severity, Timestamp, TransferView, Verdict,
};
use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};
use serde::de::DeserializeOwned;

/// Which incidents. Everything that is given must hold.
#[derive(Clone, Debug, Default)]
pub struct IncidentFilter {
    /// Open or closed.
    pub state: Option<CaseState>,
    /// At least this severe.
    pub severity: Option<Severity>,
    /// At least this risk.
    pub risk: Option<u8>,
    /// The user, in any case.
    pub user: Option<String>,
    /// The host, in any case.
    pub host: Option<String>,
    /// Part of the destination.
    pub destination: Option<String>,
    /// The kind.
    pub kind: Option<String>,
    /// Who works on it.
    pub assignee: Option<String>,
    /// Nobody works on it.
    pub unassigned: bool,
    /// Something of it happened at this time or later.
    pub since: Option<Timestamp>,
    /// Something of it happened before.
    pub until: Option<Timestamp>,
    /// A word in its record: a signature, a file name, an address.
    pub text: Option<String>,
    /// In which order.
    pub order: Order,
    /// At most so many.
    pub limit: Option<usize>,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The most urgent first.
    #[default]
    Risk,
    /// The latest first.
    Latest,
    /// The earliest first.
    Earliest,
}

/// An incident in a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What the sensor said.
    pub incident: IncidentView,
    /// The same as JSON, as it was written.
    pub record: String,
    /// What analysts have made of it; without their notes.
    pub handling: Handling,
}

/// A run.
#[derive(Clone, Debug)]
pub struct RunRow {
    /// Its id: the same for the same inputs.
    pub id: String,
    /// Its inputs.
    pub manifest: Manifest,
    /// When it began, by the clock.
    pub began_at: Timestamp,
    /// When it ended; None while it goes on, or when it was cut off.
    pub ended_at: Option<Timestamp>,
    /// Its summary as JSON, once it has ended.
    pub summary: Option<String>,
}

impl IncidentFilter {
    fn conditions(&self) -> (String, Vec<Value>) {
        let mut conditions = Vec::new();
        let mut values = Vec::new();
        let mut add = |condition: &'static str, value: Option<Value>| {
            if let Some(value) = value {
                conditions.push(condition);
                values.push(value);
            }
        };
        let text = |text: &Option<String>| text.clone().map(Value::Text);
        add("state = ?", self.state.map(|state| Value::Text(state.name().to_owned())));
        add("severity >= ?", self.severity.map(|severity| Value::Integer(severity as i64)));
        add("risk >= ?", self.risk.map(|risk| Value::Integer(risk.into())));
        add("user = ?", text(&self.user));
        add("host = ?", text(&self.host));
        add("instr(lower(destination), lower(?)) > 0", text(&self.destination));
        add("kind = ?", text(&self.kind));
        add("assignee = ?", text(&self.assignee));
        add("last_at >= ?", self.since.map(|at| Value::Integer(at.nanos())));
        add("first_at < ?", self.until.map(|at| Value::Integer(at.nanos())));
        add("instr(lower(record), lower(?)) > 0", text(&self.text));
        if self.unassigned {
            conditions.push("assignee IS NULL");
        }
        let mut clause = String::new();
        for (index, condition) in conditions.iter().enumerate() {
            clause.push_str(if index == 0 { " WHERE " } else { " AND " });
            clause.push_str(condition);
        }
        (clause, values)
    }
}

const COLUMNS: &str = "id, record, state, verdict, assignee, updated_at";

impl Store {
    /// Incidents that match.
    pub fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<Listed>, StoreError> {
        let (clause, mut values) = filter.conditions();
        let order = match filter.order {
            Order::Risk => "risk DESC, severity DESC, first_at, id",
            Order::Latest => "last_at DESC, id",
            Order::Earliest => "first_at, id",
        };
        let limit = filter.limit.and_then(|limit| i64::try_from(limit).ok()).unwrap_or(-1);
        values.push(Value::Integer(limit));
        let query = format!("SELECT {COLUMNS} FROM incident{clause} ORDER BY {order} LIMIT ?");
        let mut statement = self.connection.prepare_cached(&query)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(listed(row)?);
        }
        Ok(found)
    }

    /// How many match, whatever the filter's limit.
    pub fn count(&self, filter: &IncidentFilter) -> Result<u64, StoreError> {
        let (clause, values) = filter.conditions();
        let mut statement =
            self.connection.prepare_cached(&format!("SELECT count(*) FROM incident{clause}"))?;
        Ok(statement.query_row(params_from_iter(values), |row| row.get(0))?)
    }

    /// The full id of the one incident whose id begins with `part`; `i-` may be left out.
    pub fn resolve(&self, part: &str) -> Result<String, StoreError> {
        let bare = part.strip_prefix("i-").unwrap_or(part).to_ascii_lowercase();
        let unknown = || StoreError::Unknown { id: part.to_owned() };
        if bare.is_empty() || !bare.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(unknown());
        }
        let (from, to) = (format!("i-{bare}"), format!("i-{bare}g"));
        let mut statement =
            self.connection.prepare_cached("SELECT id FROM incident WHERE id >= ? AND id < ? LIMIT 100")?;
        let found = statement.query_map((from, to), |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
        match found.as_slice() {
            [] => Err(unknown()),
            [one] => Ok(one.clone()),
            several => Err(StoreError::Ambiguous { id: part.to_owned(), count: several.len() }),
        }
    }

    /// An incident with everything that belongs to it.
    pub fn case(&self, id: &str) -> Result<Case, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM incident WHERE id = ?");
        let mut statement = self.connection.prepare_cached(&query)?;
        let mut rows = statement.query([id])?;
        let row = rows.next()?.ok_or_else(|| StoreError::Unknown { id: id.to_owned() })?;
        let Listed { incident, record, mut handling } = listed(row)?;
        handling.notes = self.notes(id)?;
        let mut transfers: Vec<(TransferView, String)> = self.members("transfer", id)?;
        transfers.sort_by(|(a, _), (b, _)| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
        let (transfers, transfer_records) = transfers.into_iter().unzip();
        let (findings, finding_records): (Vec<FindingView>, _) =
            self.members("finding", id)?.into_iter().unzip();
        Ok(Case { incident, record, handling, transfers, findings, transfer_records, finding_records })
    }

    /// Runs that filled the store, the earliest first.
    pub fn runs(&self) -> Result<Vec<RunRow>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id, manifest, began_at, ended_at, summary FROM run ORDER BY seq")?;
        let mut rows = statement.query([])?;
        let mut runs = Vec::new();
        while let Some(row) = rows.next()? {
            let id: String = row.get(0)?;
            runs.push(RunRow {
                manifest: parse(&id, &row.get::<_, String>(1)?)?,
                began_at: Timestamp::from_nanos(row.get(2)?),
                ended_at: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_nanos),
                summary: row.get(4)?,
                id,
            });
        }
        Ok(runs)
    }

    /// Incident records of a run by its id, as they were written, in order of ids.
    pub fn records_of_run(&self, id: &str) -> Result<Vec<(String, String)>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT incident.id, incident.record FROM incident JOIN run ON incident.run = run.seq WHERE run.id = ? ORDER BY incident.id",
        )?;
        Ok(statement.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
    }

    fn notes(&self, id: &str) -> Result<Vec<Note>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT at, author, text FROM note WHERE incident = ? ORDER BY seq")?;
        let notes = statement.query_map([id], |row| {
            Ok(Note { at: Timestamp::from_nanos(row.get(0)?), author: row.get(1)?, text: row.get(2)? })
        })?;
        Ok(notes.collect::<Result<_, _>>()?)
    }

    fn members<T: DeserializeOwned>(
        &self,
        table: &str,
        incident: &str,
    ) -> Result<Vec<(T, String)>, StoreError> {
        let query = format!(
            "SELECT {table}.id, record FROM member JOIN {table} ON member.id = {table}.id WHERE member.incident = ? ORDER BY 1"
        );
        let mut statement = self.connection.prepare_cached(&query)?;
        let mut rows = statement.query([incident])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let record: String = row.get(1)?;
            found.push((parse(&row.get::<_, String>(0)?, &record)?, record));
        }
        Ok(found)
    }
}

fn listed(row: &Row<'_>) -> Result<Listed, StoreError> {
    let id: String = row.get(0)?;
    let record: String = row.get(1)?;
    let verdict: Option<String> = row.get(3)?;
    Ok(Listed {
        incident: parse(&id, &record)?,
        record,
        handling: Handling {
            state: CaseState::parse(&row.get::<_, String>(2)?).unwrap_or_default(),
            verdict: verdict.as_deref().and_then(Verdict::parse),
            assignee: row.get(4)?,
            updated_at: Timestamp::from_nanos(row.get(5)?),
            notes: Vec::new(),
        },
    })
}

fn parse<T: DeserializeOwned>(id: &str, record: &str) -> Result<T, StoreError> {
    serde_json::from_str(record).map_err(|reason| StoreError::Record { id: id.to_owned(), reason })
}
