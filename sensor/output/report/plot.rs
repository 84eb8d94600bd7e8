//! Plots over time, as numbers for inline SVG.
//!
//! Owns: scales, bars and marks. Never does: text of anybody else's.

use super::Hour;
use egret_model::{Case, Severity, Timestamp};

/// Width and height of the plot's own coordinates.
pub(super) const WIDTH: f64 = 1000.0;
pub(super) const HEIGHT: f64 = 150.0;
/// Left and right of it, for labels.
const MARGIN: f64 = 8.0;
/// Height left for the labels of the axis.
const AXIS: f64 = 18.0;
/// Bars at most; hours are put together where there are more.
const BARS: i64 = 180;
/// Least time that a plot spans, nanoseconds (a day): otherwise an hour would fill half of it.
const LEAST_SPAN_NS: i64 = 24 * HOUR_NS;
const HOUR_NS: i64 = 3_600_000_000_000;

/// A plot: what left as bars, incidents as dots whose height is their risk.
#[derive(Debug, Default)]
pub(super) struct Plot {
    pub(super) bars: Vec<Bar>,
    pub(super) dots: Vec<Dot>,
    pub(super) ticks: Vec<Tick>,
    /// Bytes of the highest bar.
    pub(super) most: u64,
}

#[derive(Debug)]
pub(super) struct Bar {
    pub(super) x: String,
    pub(super) y: String,
    pub(super) width: String,
    pub(super) height: String,
    pub(super) at: Timestamp,
    pub(super) bytes: u64,
}

#[derive(Debug)]
pub(super) struct Dot {
    pub(super) x: String,
    pub(super) y: String,
    pub(super) severity: Severity,
    /// Index of its case.
    pub(super) case: usize,
}

#[derive(Debug)]
pub(super) struct Tick {
    pub(super) x: String,
    pub(super) anchor: &'static str,
    pub(super) label: String,
}

impl Plot {
    /// Of hours in order of time, and of cases with their indices.
    pub(super) fn new<'a>(hours: &[Hour], cases: impl Iterator<Item = (usize, &'a Case)>) -> Self {
        let cases: Vec<(usize, &Case)> = cases.collect();
        let times = hours
            .iter()
            .flat_map(|hour| [hour.at, hour.at.plus(HOUR_NS)])
            .chain(cases.iter().map(|(_, case)| case.incident.first_at));
        let (Some(first), Some(last)) = (times.clone().min(), times.max()) else { return Self::default() };
        let span = last.since(first);
        // What is shorter stands in the middle, on a whole hour.
        let before = (LEAST_SPAN_NS - span).max(0) / 2 / HOUR_NS * HOUR_NS;
        let scale = Scale { first: first.plus(-before), span: span.max(LEAST_SPAN_NS) };
        let mut plot = Self { ticks: scale.ticks(), ..Self::default() };
        plot.add_bars(hours, &scale);
        plot.dots = cases
            .iter()
            .map(|(index, case)| Dot {
                x: number(scale.x(case.incident.first_at)),
                y: number(height(f64::from(case.incident.risk) / 100.0)),
                severity: case.incident.severity,
                case: *index,
            })
            .collect();
        plot
    }

    fn add_bars(&mut self, hours: &[Hour], scale: &Scale) {
        let per_bar = (scale.span / HOUR_NS / BARS + 1) * HOUR_NS;
        let mut sums: Vec<(Timestamp, u64)> = Vec::new();
        for hour in hours {
            let begins = scale.first.plus(hour.at.since(scale.first).div_euclid(per_bar) * per_bar);
            match sums.last_mut() {
                Some((at, bytes)) if *at == begins => *bytes = bytes.saturating_add(hour.bytes),
                _ => sums.push((begins, hour.bytes)),
            }
        }
        self.most = sums.iter().map(|(_, bytes)| *bytes).max().unwrap_or_default();
        let most = (self.most.max(1) as f64).ln_1p();
        self.bars = sums
            .into_iter()
            .map(|(at, bytes)| {
                // Uploads differ by orders of magnitude: a linear scale would show one bar.
                let top = height((bytes as f64).ln_1p() / most);
                let (left, right) = (scale.x(at), scale.x(at.plus(per_bar)));
                Bar {
                    x: number(left),
                    y: number(top),
                    width: number((right - left - 0.6).max(1.0)),
                    height: number(HEIGHT - AXIS - top),
                    at,
                    bytes,
                }
            })
            .collect();
    }
}

struct Scale {
    first: Timestamp,
    span: i64,
}

impl Scale {
    fn x(&self, at: Timestamp) -> f64 {
        MARGIN + (WIDTH - 2.0 * MARGIN) * (at.since(self.first) as f64 / self.span as f64).clamp(0.0, 1.0)
    }

    fn ticks(&self) -> Vec<Tick> {
        let long = self.span > 48 * HOUR_NS;
        (0..=4)
            .map(|quarter| {
                let at = self.first.plus(self.span / 4 * quarter);
                let text = at.to_the_second();
                Tick {
                    x: number(self.x(at)),
                    anchor: match quarter {
                        0 => "start",
                        4 => "end",
                        _ => "middle",
                    },
                    label: text.get(..if long { 10 } else { 16 }).unwrap_or(&text).to_owned(),
                }
            })
            .collect()
    }
}

/// From the bottom, 0, to the top, 1.
fn height(part: f64) -> f64 {
    let room = HEIGHT - AXIS - 8.0;
    8.0 + room * (1.0 - part.clamp(0.0, 1.0))
}

fn number(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stay_within_the_plot_whatever_the_times() {
        for hours in [
            vec![],
            vec![Hour { at: Timestamp::EPOCH, bytes: 0 }],
            vec![
                Hour { at: Timestamp::EPOCH, bytes: 1 },
                Hour { at: Timestamp::from_seconds(3600), bytes: u64::MAX },
            ],
            (0..5000)
                .map(|hour| Hour { at: Timestamp::from_seconds(hour * 3600), bytes: 1 << (hour % 40) })
                .collect(),
            vec![
                Hour { at: Timestamp::from_nanos(i64::MIN), bytes: 7 },
                Hour { at: Timestamp::from_nanos(i64::MAX - HOUR_NS), bytes: 7 },
            ],
        ] {
            let plot = Plot::new(&hours, std::iter::empty());
            assert!(plot.bars.len() <= usize::try_from(BARS + 1).unwrap());
            for bar in &plot.bars {
                let [x, y, width, height] =
                    [&bar.x, &bar.y, &bar.width, &bar.height].map(|text| text.parse::<f64>().unwrap());
                assert!((0.0..=WIDTH).contains(&x) && (0.0..=HEIGHT).contains(&y), "{bar:?}");
                assert!(width >= 0.0 && height >= 0.0 && y + height <= HEIGHT, "{bar:?}");
            }
        }
    }
}
