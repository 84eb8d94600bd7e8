//! Metrics and health over HTTP, for the machine itself.
//!
//! Owns: the two pages. Never does: counting; anything that changes the sensor; secrets.

use super::condition::Condition;
use super::start::VERSION;
use crate::cli::clock::now;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use egret_model::{Timestamp, Vitals};
use egret_output::{METRICS_MEDIA_TYPE, ProcessFacts, metrics};
use egret_pipeline::live::LiveView;
use egret_sandbox::{Sandbox, State as Fence};
use serde_json::{Value, json};
use std::fs::File;
use std::net::TcpListener;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

/// Nanoseconds without a sign of life after which a thread counts as stuck (10 s).
pub(super) const STUCK_NS: i64 = 10_000_000_000;
/// Bytes of a page of memory where the system counts in pages.
const PAGE_BYTES: u64 = 4096;

/// What the pages are made of.
pub(super) struct Face {
    pub(super) view: LiveView,
    pub(super) condition: Arc<Mutex<Condition>>,
    pub(super) sandbox: Sandbox,
    pub(super) run: String,
    pub(super) began: Timestamp,
    pub(super) memory: Option<File>,
}

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, face: Arc<Face>) {
    let pages = Router::new()
        .route("/metrics", get(metrics_page))
        .route("/healthz", get(health_page))
        .with_state(face);
    let served = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => axum::serve(listener, pages).await,
        Err(error) => Err(error),
    };
    if let Err(error) = served {
        tracing::error!(%error, "metrics and health are not served any more");
    }
}

async fn metrics_page(State(face): State<Arc<Face>>) -> impl IntoResponse {
    let condition = face.condition.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let facts = ProcessFacts {
        version: VERSION.to_owned(),
        resident_bytes: face.memory.as_ref().and_then(resident_bytes),
        signatures: condition.signatures as u64,
        faults: condition.faults.len() as u64,
        reloads: condition.reloads,
        refused_reloads: condition.refused_reloads,
        fences: face.sandbox.fences.iter().map(|f| (f.name.to_owned(), f.state == Fence::InForce)).collect(),
    };
    ([(header::CONTENT_TYPE, METRICS_MEDIA_TYPE)], metrics(&face.view.vitals(), &facts))
}

async fn health_page(State(face): State<Arc<Face>>) -> impl IntoResponse {
    let condition = face.condition.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let vitals = face.view.vitals();
    let (status, mut page) = health(&vitals, &condition, &face.sandbox, now());
    page["run"] = json!(face.run);
    page["version"] = json!(VERSION);
    page["started_at"] = json!(face.began);
    let code = if status == "failing" { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (code, [(header::CONTENT_TYPE, "application/json")], format!("{page:#}\n"))
}

/// `ok`, `degraded` (it works, but not as it should) or `failing` (it does not), with all that is in force.
fn health(
    vitals: &Vitals,
    condition: &Condition,
    sandbox: &Sandbox,
    now: Timestamp,
) -> (&'static str, Value) {
    let stuck = vitals.last_beat.is_some_and(|beat| now.since(beat) > STUCK_NS);
    let mut reasons = Vec::new();
    if stuck {
        reasons.push("a thread has not been at work for more than ten seconds".to_owned());
    }
    for interface in vitals.interfaces.iter().filter(|interface| !interface.up) {
        reasons.push(format!("interface {}: {}", interface.name, interface.reason));
    }
    if vitals.load != "normal" {
        reasons.push(format!("overload: {}", vitals.load));
    }
    if vitals.records_lost > 0 {
        reasons.push(format!("{} records could not be written", vitals.records_lost));
    }
    reasons.extend(condition.faults.iter().cloned());
    reasons.extend(
        condition.restart_needed_for.iter().map(|key| format!("{key} has changed and needs a restart")),
    );
    reasons.extend(sandbox.missing().map(|fence| format!("sandbox: {fence}")));
    let status = match (stuck, reasons.is_empty()) {
        (true, _) => "failing",
        (false, false) => "degraded",
        (false, true) => "ok",
    };
    let page = json!({
        "status": status,
        "reasons": reasons,
        "load": vitals.load,
        "interfaces": vitals.interfaces,
        "signatures": condition,
        "sandbox": sandbox,
        "packet_account": vitals.packet_account,
        "in_flight": vitals.in_flight,
        "records_lost": vitals.records_lost,
    });
    (status, page)
}

/// The second field is the resident size, in pages (proc_pid_statm(5)).
fn resident_bytes(memory: &File) -> Option<u64> {
    let mut text = [0; 128];
    let length = memory.read_at(&mut text, 0).ok()?;
    let text = std::str::from_utf8(text.get(..length)?).ok()?;
    text.split(' ').nth(1)?.parse::<u64>().ok().map(|pages| pages * PAGE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use egret_model::InterfaceState;

    fn condition() -> Condition {
        Condition {
            signatures: 3,
            in_force_since: Timestamp::EPOCH,
            faults: Vec::new(),
            reloads: 0,
            refused_reloads: 0,
            restart_needed_for: Vec::new(),
        }
    }

    fn vitals() -> Vitals {
        Vitals {
            load: "normal".to_owned(),
            last_beat: Some(Timestamp::from_seconds(100)),
            ..Vitals::default()
        }
    }

    #[test]
    fn health_says_what_is_not_as_it_should_be() {
        let whole = Sandbox::default();
        let at = Timestamp::from_seconds(101);
        assert_eq!(health(&vitals(), &condition(), &whole, at).0, "ok");
        assert_eq!(health(&vitals(), &condition(), &whole, Timestamp::from_seconds(200)).0, "failing");
        let mut down = vitals();
        down.interfaces =
            vec![InterfaceState { name: "span0".to_owned(), up: false, reason: "does not exist".to_owned() }];
        let faulty = Condition { faults: vec!["x.toml:3:1: broken".to_owned()], ..condition() };
        for (vitals, condition, sandbox, says) in [
            (down, condition(), whole.clone(), "span0: does not exist"),
            (vitals(), faulty, whole.clone(), "x.toml:3:1"),
            (vitals(), condition(), egret_sandbox::not_entered(), "switched off"),
        ] {
            let (status, page) = health(&vitals, &condition, &sandbox, at);
            assert_eq!(status, "degraded");
            assert!(page["reasons"][0].as_str().unwrap().contains(says), "{page}");
        }
    }
}
