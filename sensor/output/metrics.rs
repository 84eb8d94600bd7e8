//! Metrics of a running sensor, in the text format that Prometheus reads (OpenMetrics 1.0).
//!
//! Owns: names, help and units of metrics. Never does: counting; serving.

use egret_model::{Coverage, LATENCY_BOUNDS_NS, Latency, Vitals};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::fmt;

/// The media type of what [`metrics`] gives.
pub const METRICS_MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the process knows beside the vitals of its inspection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessFacts {
    /// Version of the program.
    pub version: String,
    /// Resident memory, bytes; None where the system does not tell.
    pub resident_bytes: Option<u64>,
    /// Signatures in force.
    pub signatures: u64,
    /// Faults in the files that were read last: with any, what they replace stays in force.
    pub faults: u64,
    /// Times at which files were read again and put in force.
    pub reloads: u64,
    /// Times at which a fault kept what was in force.
    pub refused_reloads: u64,
    /// Fences of the sandbox, and whether each stands in full.
    pub fences: Vec<(String, bool)>,
}

/// The metrics as text.
#[must_use]
pub fn metrics(vitals: &Vitals, facts: &ProcessFacts) -> String {
    let mut registry = Registry::with_prefix("egret");
    registry.register_collector(Box::new(Snapshot { vitals: vitals.clone(), facts: facts.clone() }));
    let mut text = String::new();
    encode(&mut text, &registry).expect("a string takes all that is written to it");
    text
}

#[derive(Debug)]
struct Snapshot {
    vitals: Vitals,
    facts: ProcessFacts,
}

/// Labelled values of one metric.
type Labelled<'a> = Vec<(&'a str, u64)>;

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let out = &mut encoder;
        self.packets(out)?;
        self.content(out)?;
        self.records(out)?;
        self.process(out)
    }
}

impl Snapshot {
    fn packets(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let account = &self.vitals.packet_account;
        counter(
            out,
            "packets_received",
            "Packets that the kernel accepted for the sensor, those it dropped included",
            account.received,
        )?;
        let outcomes = vec![
            ("processed", account.processed),
            ("dropped_by_kernel", account.dropped_by_kernel),
            ("shed_new_flows", account.shed.new_flows),
        ];
        counters(out, "packets", "Packets by what became of them", "outcome", &outcomes)?;
        gauge(
            out,
            "packets_waiting",
            "Packets in the kernel's buffers and the sensor's queues",
            account.waiting,
        )?;
        counter(
            out,
            "interface_dropped_packets",
            "Packets that an interface dropped before the kernel saw them",
            account.dropped_by_interface,
        )?;
        counter(out, "captured_bytes", "Bytes of captured frames", self.vitals.summary.bytes)?;
        let interfaces: Labelled<'_> =
            self.vitals.interfaces.iter().map(|i| (i.name.as_str(), u64::from(i.up))).collect();
        gauges(out, "interface_up", "1 while the interface is captured", "interface", &interfaces)?;
        let load = match self.vitals.load.as_str() {
            "shedding" => 2,
            "strained" => 1,
            _ => 0,
        };
        gauge(
            out,
            "load",
            "0 normal, 1 large containers are not unpacked, 2 new flows are not followed either",
            load,
        )?;
        let depths: Labelled<'_> = self.vitals.queues.iter().map(|q| (q.queue.as_str(), q.depth)).collect();
        gauges(out, "queue_depth", "Batches that wait in a queue between threads", "queue", &depths)?;
        let capacities: Labelled<'_> =
            self.vitals.queues.iter().map(|q| (q.queue.as_str(), q.capacity)).collect();
        gauges(out, "queue_capacity", "Batches that a queue takes", "queue", &capacities)
    }

    fn content(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Coverage { inspected_bytes, encrypted, gap, over_limit, unsupported, malformed, dropped } =
            self.vitals.summary.coverage;
        let states = vec![
            ("inspected", inspected_bytes),
            ("encrypted", encrypted),
            ("gap", gap),
            ("over_limit", over_limit),
            ("unsupported", unsupported),
            ("malformed", malformed),
            ("dropped", dropped),
        ];
        // Not counters: bytes of a transfer count as inspected until its end tells otherwise.
        gauges(
            out,
            "payload_bytes",
            "Payload bytes since the start, inspected or not and why",
            "state",
            &states,
        )?;
        counter(out, "flows", "Flows followed", self.vitals.summary.flows)?;
        gauge(out, "flows_open", "Flows that are being followed", self.vitals.in_flight.flows)?;
        gauge(
            out,
            "transfers_open",
            "Transfers that have begun and not ended",
            self.vitals.in_flight.transfers,
        )?;
        gauge(
            out,
            "reassembly_bytes",
            "Bytes held because bytes before them have not come",
            self.vitals.in_flight.reassembly_bytes,
        )
    }

    fn records(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let summary = &self.vitals.summary;
        counter(out, "transfers", "Transfers recorded", summary.transfers)?;
        let findings: Labelled<'_> =
            self.vitals.findings_by_signature.iter().map(|(id, count)| (id.as_str(), *count)).collect();
        counters(out, "findings", "Findings by signature", "signature", &findings)?;
        counter(out, "sightings", "Pieces of identity evidence", summary.sightings)?;
        counter(out, "incidents", "Incidents raised", summary.incidents)?;
        counter(out, "records_lost", "Records that could not be written", self.vitals.records_lost)?;
        latency(out, &self.vitals.latency)
    }

    fn process(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        if let Some(bytes) = self.facts.resident_bytes {
            gauge(out, "memory_resident_bytes", "Resident memory", bytes)?;
        }
        gauge(out, "signatures", "Signatures in force", self.facts.signatures)?;
        gauge(
            out,
            "configuration_faults",
            "Faults in files read last, for which the old ones stay in force",
            self.facts.faults,
        )?;
        let reloads = vec![("in_force", self.facts.reloads), ("refused", self.facts.refused_reloads)];
        counters(out, "reloads", "Times at which files were read again", "outcome", &reloads)?;
        let fences: Labelled<'_> =
            self.facts.fences.iter().map(|(name, stands)| (name.as_str(), u64::from(*stands))).collect();
        gauges(out, "sandbox_fence", "1 where the fence stands in full", "fence", &fences)?;
        let version = [(self.facts.version.as_str(), 1)];
        gauges(out, "build", "The program", "version", &version)
    }
}

fn counter(out: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    ConstCounter::new(value).encode(out.encode_descriptor(name, help, None, MetricType::Counter)?)
}

fn gauge(out: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    ConstGauge::new(value).encode(out.encode_descriptor(name, help, None, MetricType::Gauge)?)
}

fn counters(
    out: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &str,
    values: &[(&str, u64)],
) -> fmt::Result {
    let metric = out.encode_descriptor(name, help, None, MetricType::Counter)?;
    family(metric, label, values, |metric, value| ConstCounter::new(value).encode(metric))
}

fn gauges(
    out: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &str,
    values: &[(&str, u64)],
) -> fmt::Result {
    let metric = out.encode_descriptor(name, help, None, MetricType::Gauge)?;
    family(metric, label, values, |metric, value| ConstGauge::new(value).encode(metric))
}

fn family(
    mut metric: MetricEncoder<'_>,
    label: &str,
    values: &[(&str, u64)],
    write: impl Fn(MetricEncoder<'_>, u64) -> fmt::Result,
) -> fmt::Result {
    for (name, value) in values {
        write(metric.encode_family(&[(label, *name)])?, *value)?;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "seconds of a histogram need no exact nanoseconds")]
fn latency(out: &mut DescriptorEncoder<'_>, latency: &Latency) -> fmt::Result {
    let bounds = LATENCY_BOUNDS_NS.iter().map(|bound| *bound as f64 / 1e9).chain([f64::INFINITY]);
    let buckets: Vec<(f64, u64)> = bounds.zip(latency.buckets).collect();
    let help = "From the packet that ended a transfer to its record in the file";
    let mut metric = out.encode_descriptor("record_latency_seconds", help, None, MetricType::Histogram)?;
    metric.encode_histogram::<NoLabelSet>(latency.sum_ns as f64 / 1e9, latency.count(), &buckets, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use egret_model::{InterfaceState, QueueDepth};

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let mut vitals = Vitals { load: "strained".to_owned(), ..Vitals::default() };
        vitals.packet_account.received = 12;
        vitals.packet_account.dropped_by_kernel = 5;
        vitals.summary.coverage.gap = 77;
        vitals.findings_by_signature = vec![("records/a \"b\"".to_owned(), 3)];
        vitals.interfaces =
            vec![InterfaceState { name: "span0".to_owned(), up: true, reason: String::new() }];
        vitals.queues = vec![QueueDepth { queue: "correlator".to_owned(), depth: 2, capacity: 9 }];
        vitals.latency.observe(4_000_000);
        vitals.latency.observe(150_000_000);
        let facts = ProcessFacts {
            version: "1.2.3".to_owned(),
            fences: vec![("seccomp".to_owned(), false)],
            ..ProcessFacts::default()
        };
        let text = metrics(&vitals, &facts);
        for line in [
            "egret_packets_received_total 12",
            "egret_packets_total{outcome=\"dropped_by_kernel\"} 5",
            "egret_payload_bytes{state=\"gap\"} 77",
            "egret_findings_total{signature=\"records/a \\\"b\\\"\"} 3",
            "egret_interface_up{interface=\"span0\"} 1",
            "egret_load 1",
            "egret_queue_depth{queue=\"correlator\"} 2",
            "egret_record_latency_seconds_bucket{le=\"0.005\"} 1",
            "egret_record_latency_seconds_bucket{le=\"0.1\"} 1",
            "egret_record_latency_seconds_bucket{le=\"0.2\"} 2",
            "egret_record_latency_seconds_bucket{le=\"+Inf\"} 2",
            "egret_sandbox_fence{fence=\"seccomp\"} 0",
            "egret_build{version=\"1.2.3\"} 1",
        ] {
            assert!(text.lines().any(|told| told == line), "`{line}` is not in:\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
