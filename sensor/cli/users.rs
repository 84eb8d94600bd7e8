//! `egret users`: who the incidents are about.
//!
//! Owns: the arguments and the tables. Never does: sums, which are the store's.

use super::store::Place;
use super::{amount, status, view};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use egret_output::printable;
use egret_store::{IncidentFilter, Store, UserSummary};
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  egret users list --store monday.db
  egret users list --risk 60 --json
  egret users show alice

Where nobody is known to have used a host, the host or its address stands for the user.

Exit status: 0 done; 2 wrong usage, or nothing is known of the user.";

/// List and show users: what they sent, where they were seen, what is open about them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Users {
    #[command(flatten)]
    place: Place,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List users, the riskiest first.
    List(List),
    /// Show what is known of one user.
    Show(Show),
}

#[derive(Debug, Args)]
struct List {
    /// With at least this risk, 0 to 100.
    #[arg(long, value_name = "RISK", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=100))]
    risk: u8,

    /// At most so many; 0: all.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    limit: usize,

    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Show {
    /// The user, or a host or address, in any case.
    #[arg(value_name = "NAME")]
    name: String,

    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Lines of each table.
const MOST: usize = 20;

impl Users {
    pub(crate) fn run(&self) -> Result<u8> {
        let store = self.place.open()?;
        match &self.action {
            Action::List(list) => list.run(&store),
            Action::Show(show) => show.run(&store),
        }
    }
}

impl List {
    fn run(&self, store: &Store) -> Result<u8> {
        let users = store.users(self.risk, if self.limit == 0 { usize::MAX } else { self.limit })?;
        if self.json {
            for user in &users {
                println!("{}", object(user));
            }
            return Ok(status::DONE);
        }
        if users.is_empty() {
            println!("nobody");
            return Ok(status::DONE);
        }
        let mut table =
            view::table(&["who", "risk", "open", "incidents", "findings", "transfers", "bytes out", "last"]);
        for user in &users {
            table.add_row(vec![
                amount::shortened(&printable(&user.who), 40).into(),
                view::number(user.risk),
                view::number(user.open),
                view::number(user.incidents),
                view::number(amount::count(user.findings)),
                view::number(amount::count(user.transfers)),
                view::number(amount::bytes(user.bytes)),
                user.last_at.map(egret_model::Timestamp::to_the_second).unwrap_or_default().into(),
            ]);
        }
        println!("{table}");
        println!("{}", amount::of(users.len() as u64, "sender"));
        Ok(status::DONE)
    }
}

impl Show {
    fn run(&self, store: &Store) -> Result<u8> {
        let known = store.users(0, usize::MAX)?;
        let Some(user) = known.iter().find(|user| user.who.eq_ignore_ascii_case(&self.name)) else {
            bail!(
                "{}: nothing is known of a user or host of this name; `egret users list` shows all",
                self.name
            );
        };
        let by_user = IncidentFilter { user: Some(user.who.clone()), ..IncidentFilter::default() };
        let by_host = IncidentFilter { host: Some(user.who.clone()), ..IncidentFilter::default() };
        let mut incidents = store.incidents(&by_user)?;
        if !user.is_user {
            let of_host = store.incidents(&by_host)?;
            incidents.extend(of_host.into_iter().filter(|one| one.incident.user.is_none()));
        }
        let destinations = store.destinations(Some(&user.who), MOST)?;
        let places = store.whereabouts(&user.who, MOST)?;
        let devices = store.devices(&user.who, MOST)?;
        if self.json {
            let mut object = object(user);
            object["devices"] = devices
                .iter()
                .map(|one| json!({ "device": one.device, "ip": one.ip, "first_at": one.first_at, "last_at": one.last_at, "times": one.times }))
                .collect();
            object["incident_ids"] = incidents.iter().map(|one| one.incident.id.clone()).collect();
            object["destinations"] = destinations
                .iter()
                .map(|to| json!({ "destination": to.destination, "transfers": to.transfers, "bytes": to.bytes, "findings": to.findings, "last_hour": to.hour }))
                .collect();
            object["seen"] = places
                .iter()
                .map(|p| json!({ "host": p.host, "ip": p.ip, "domain": p.domain, "evidence": p.evidence, "first_at": p.first_at, "last_at": p.last_at, "times": p.times }))
                .collect();
            println!("{object:#}");
            return Ok(status::DONE);
        }
        println!(
            "{}: risk {} of 100, {} ({} open), {} out in {}",
            printable(&user.who),
            user.risk,
            amount::of(user.incidents, "incident"),
            user.open,
            amount::bytes(user.bytes),
            amount::of(user.transfers, "transfer")
        );
        view::heading("Incidents");
        let mut table = view::table(&["id", "risk", "severity", "what", "last", "state"]);
        view::widen(&mut table, 3);
        for one in incidents.iter().take(MOST) {
            table.add_row(vec![
                one.incident.id.get(..12).unwrap_or(&one.incident.id).into(),
                view::number(one.incident.risk),
                view::severity(one.incident.severity),
                amount::shortened(&printable(&one.incident.title), 160).into(),
                one.incident.last_at.to_the_second().into(),
                one.handling.verdict.map_or(one.handling.state.name(), |verdict| verdict.name()).into(),
            ]);
        }
        print_or_none(&table);
        view::heading("Destinations");
        let mut table = view::table(&["to", "findings", "transfers", "bytes"]);
        for to in &destinations {
            table.add_row(vec![
                amount::shortened(&printable(&to.destination), 60).into(),
                view::number(amount::count(to.findings)),
                view::number(amount::count(to.transfers)),
                view::number(amount::bytes(to.bytes)),
            ]);
        }
        print_or_none(&table);
        view::heading("Seen");
        let mut table = view::table(&["host", "address", "domain", "evidence", "from", "to", "times"]);
        for place in &places {
            table.add_row(vec![
                printable(&place.host).into(),
                printable(&place.ip).into(),
                printable(&place.domain).into(),
                place.evidence.as_str().into(),
                place.first_at.to_the_second().into(),
                place.last_at.to_the_second().into(),
                view::number(place.times),
            ]);
        }
        print_or_none(&table);
        view::heading("Devices, as they say themselves");
        let mut table = view::table(&["device", "address", "from", "to", "times"]);
        for one in &devices {
            table.add_row(vec![
                printable(&one.device).into(),
                printable(&one.ip).into(),
                one.first_at.to_the_second().into(),
                one.last_at.to_the_second().into(),
                view::number(one.times),
            ]);
        }
        print_or_none(&table);
        Ok(status::DONE)
    }
}

fn print_or_none(table: &comfy_table::Table) {
    if table.row_count() == 0 { println!("none") } else { println!("{table}") }
}

fn object(user: &UserSummary) -> serde_json::Value {
    json!({
        "who": user.who, "is_user": user.is_user, "risk": user.risk, "open": user.open, "incidents": user.incidents,
        "transfers": user.transfers, "bytes": user.bytes, "findings": user.findings, "last_at": user.last_at,
    })
}
