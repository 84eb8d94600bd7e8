//! Incidents from the store in their native form, with what analysts made of them.
//!
//! Owns: the field `handling`. Never does: changing a field of the record.

use egret_model::{Case, Handling};
use serde_json::{Value, json};

/// An incident's record as one line of JSON, with a field `handling`.
#[must_use]
pub fn json_line(record: &str, handling: &Handling) -> String {
    let handling = handling_json(handling);
    match record.trim_end().strip_suffix('}') {
        // The record stays byte for byte as it was written.
        Some(open) => format!("{open},\"handling\":{handling}}}"),
        None => record.to_owned(),
    }
}

/// An incident with all that belongs to it as one object: its record, `handling`, `transfer_records` and `finding_records`.
pub fn case_json(case: &Case) -> Result<Value, serde_json::Error> {
    let mut object: Value = serde_json::from_str(&case.record)?;
    object["handling"] = handling_json(&case.handling);
    let parsed = |records: &[String]| -> Result<Vec<Value>, serde_json::Error> {
        records.iter().map(|record| serde_json::from_str(record)).collect()
    };
    object["transfer_records"] = Value::Array(parsed(&case.transfer_records)?);
    object["finding_records"] = Value::Array(parsed(&case.finding_records)?);
    Ok(object)
}

fn handling_json(handling: &Handling) -> Value {
    let notes: Vec<Value> = handling
        .notes
        .iter()
        .map(|note| json!({ "at": note.at, "author": note.author, "text": note.text }))
        .collect();
    json!({
        "state": handling.state.name(), "verdict": handling.verdict.map(egret_model::Verdict::name),
        "assignee": handling.assignee, "updated_at": handling.updated_at, "notes": notes,
    })
}
