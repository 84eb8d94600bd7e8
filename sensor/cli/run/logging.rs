//! The log of a running sensor, on standard error.
//!
//! Owns: its format and level. Never does: choosing what is logged; files (the service manager keeps logs).

use super::super::settings::{Log, LogFormat, LogLevel};
use std::io::{IsTerminal, stderr};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;

/// Starts logging, once a process.
pub(super) fn start(settings: &Log) {
    let level = match settings.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let lines = fmt().with_max_level(level).with_writer(stderr).with_target(false);
    match settings.format {
        LogFormat::Human => lines.with_ansi(stderr().is_terminal()).init(),
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(false).with_span_list(false).init();
        }
    }
}
