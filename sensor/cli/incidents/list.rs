//! `egret incidents list`.
//!
//! Owns: the table. Never does: ranking, which is the store's order.

use super::{Filter, short};
use crate::cli::{amount, status, view};
use anyhow::Result;
use clap::{Args, ValueEnum};
use egret_output::{json_line, printable};
use egret_store::{Listed, Order, Store};

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    filter: Filter,

    /// In which order.
    #[arg(long, value_name = "ORDER", default_value = "risk")]
    sort: Sort,

    /// At most so many; 0: all.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    limit: usize,

    /// Print the records as JSON, one a line, with what analysts made of them.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Sort {
    /// The most urgent first.
    Risk,
    /// The latest first.
    Latest,
    /// The earliest first.
    Earliest,
}

impl List {
    pub(super) fn run(&self, store: &Store) -> Result<u8> {
        let order = match self.sort {
            Sort::Risk => Order::Risk,
            Sort::Latest => Order::Latest,
            Sort::Earliest => Order::Earliest,
        };
        let query = self.filter.to_query(order, Some(self.limit).filter(|limit| *limit > 0));
        let found = store.incidents(&query)?;
        if self.json {
            for Listed { record, handling, .. } in &found {
                println!("{}", json_line(record, handling));
            }
            return Ok(status::DONE);
        }
        if found.is_empty() {
            println!("no incident matches");
            return Ok(status::DONE);
        }
        println!("{}", table(&found));
        let all = store.count(&query)?;
        if all > found.len() as u64 {
            println!("{} of {}; --limit shows more", found.len(), amount::of(all, "incident"));
        } else {
            println!("{}", amount::of(all, "incident"));
        }
        Ok(status::DONE)
    }
}

fn table(found: &[Listed]) -> comfy_table::Table {
    let mut table = view::table(&["id", "risk", "severity", "who", "what", "last", "state"]);
    view::widen(&mut table, 4);
    for Listed { incident, handling, .. } in found {
        let who = match (&incident.user, &incident.host) {
            (Some(user), Some(host)) => format!("{}\n{}", printable(user), printable(host)),
            _ => printable(incident.who()).into_owned(),
        };
        let state = match (&handling.verdict, &handling.assignee) {
            (Some(verdict), _) => verdict.name().to_owned(),
            (None, Some(assignee)) => format!("{}\n{}", handling.state.name(), printable(assignee)),
            (None, None) => handling.state.name().to_owned(),
        };
        table.add_row(vec![
            short(&incident.id).into(),
            view::number(incident.risk),
            view::severity(incident.severity),
            amount::shortened(&who, 60).into(),
            amount::shortened(&printable(&incident.title), 160).into(),
            incident.last_at.to_the_second().into(),
            state.into(),
        ]);
    }
    table
}
