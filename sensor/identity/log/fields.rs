//! An entry of a log as names and values, whatever format it came in.

use crate::log::time::moment;
use egret_model::{IdentityLimits, MacAddress, Timestamp};
use std::collections::HashMap;
use std::net::IpAddr;

/// Names without case and separators (`TargetUserName`, `target_user_name` and `Target User Name` are one), with the first value
/// that each had.
#[derive(Debug)]
pub(super) struct Fields {
    values: HashMap<String, String>,
    most: usize,
    longest: usize,
}

impl Fields {
    /// None yet, and no more than these limits allow.
    pub(super) fn within(limits: &IdentityLimits) -> Self {
        Self { values: HashMap::new(), most: limits.log_fields, longest: limits.log_value_bytes }
    }

    pub(super) fn add(&mut self, name: &str, value: &str) {
        let value = value.trim().trim_matches('"');
        if value.is_empty() || value == "-" || value.len() > self.longest || self.values.len() >= self.most {
            return;
        }
        self.values.entry(plain(name)).or_insert_with(|| value.to_owned());
    }

    /// The value of the first of the names that has one.
    pub(super) fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.values.get(*name)).map(String::as_str)
    }

    /// Takes a value out.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.values.remove(name)
    }

    /// An address that somebody may have: not the machine's own, nor none.
    pub(super) fn ip(&self, names: &[&str]) -> Option<IpAddr> {
        names.iter().find_map(|name| {
            let ip = self.values.get(*name)?.trim_matches(['[', ']']).parse::<IpAddr>().ok()?.to_canonical();
            (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
        })
    }

    pub(super) fn mac(&self, names: &[&str]) -> Option<MacAddress> {
        names.iter().find_map(|name| mac(self.values.get(*name)?))
    }

    pub(super) fn time(&self, written: Timestamp) -> Option<Timestamp> {
        const TIMES: [&str; 14] = [
            "systemtime",
            "timestamp",
            "time",
            "timecreated",
            "eventtime",
            "eventcreatedtime",
            "dateandtime",
            "date",
            "datetime",
            "timegenerated",
            "eventreceivedtime",
            "at",
            "ts",
            "when",
        ];
        if let (Some(date), Some(time)) = (self.values.get("date"), self.values.get("time"))
            && let Some(at) = moment(&format!("{date} {time}"), written)
        {
            return Some(at);
        }
        TIMES.iter().find_map(|name| moment(self.values.get(*name)?, written))
    }
}

/// A name without separators and case.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(64).collect()
}

/// A link address, in any of its usual forms.
pub(super) fn mac(text: &str) -> Option<MacAddress> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !matches!(byte, b':' | b'-' | b'.'))
        .map(|byte| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let octets: Vec<u8> =
        digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |sum, digit| sum << 4 | digit)).collect();
    (digits.len() == 12).then(|| octets.try_into().ok().map(MacAddress)).flatten()
}
