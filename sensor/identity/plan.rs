//! The operator's own table of addresses: `ip,user[,host][,mac][,from][,to][,ports]` with a header.
//!
//! Owns: the format of `--users` and its errors. Never does: opening of files; combining evidence.

use egret_model::{MacAddress, Timestamp};
use ipnet::IpNet;
use std::collections::HashMap;
use std::net::IpAddr;
use thiserror::Error;

/// A line of the table that cannot be used. The others still hold.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PlanError {
    /// The header lacks a column that must be there.
    #[error(
        "line 1: the header has no column `{0}`; it needs `ip` and `user`, and may have host, mac, from, to, ports"
    )]
    MissingColumn(&'static str),
    /// The text is not CSV.
    #[error("line {line}: not a line of CSV: {reason}")]
    Csv {
        /// Line, from 1.
        line: u64,
        /// What the CSV reader says.
        reason: String,
    },
    /// A cell is not what its column asks for.
    #[error("line {line}: `{value}` is not {expected}")]
    Cell {
        /// Line, from 1.
        line: u64,
        /// The cell.
        value: String,
        /// What was expected, with an example.
        expected: &'static str,
    },
}

/// One line: an address or network that belongs to a user, a host or both, for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlanEntry {
    pub(crate) network: IpNet,
    pub(crate) user: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) mac: Option<MacAddress>,
    /// Only connections from these ports: a terminal server or a NAT gives each user some.
    pub(crate) ports: Option<(u16, u16)>,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

/// The whole table; the narrowest network that holds an address at a time decides.
#[derive(Clone, Debug, Default)]
pub struct AddressPlan {
    /// By prefix length, the narrowest first, then by network: a look-up costs one probe for each length in use. Lines of one
    /// network stand last line first, so that an addition at the end corrects what stands above.
    networks: Vec<(u8, HashMap<IpNet, Vec<PlanEntry>>)>,
    lines: usize,
}

impl AddressPlan {
    /// Parses the table. What is wrong is returned beside what is right.
    ///
    /// ```
    /// let (plan, errors) = egret_identity::AddressPlan::parse("ip,user\n10.0.0.0/24,alice\nnowhere,bob\n");
    /// assert_eq!(plan.len(), 1);
    /// assert_eq!(errors[0].to_string(), "line 3: `nowhere` is not an address or network such as 10.0.0.7 or 10.0.0.0/24");
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> (Self, Vec<PlanError>) {
        let mut errors = Vec::new();
        let mut entries = Vec::new();
        let text = text.trim_start_matches('\u{feff}');
        let mut reader =
            csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(text.as_bytes());
        let columns = match reader.headers() {
            Ok(header) => Columns::of(header),
            Err(error) => Err(PlanError::Csv { line: 1, reason: error.to_string() }),
        };
        let columns = match columns {
            Ok(columns) => columns,
            Err(error) => return (Self::default(), vec![error]),
        };
        for record in reader.records() {
            match record {
                Ok(record) => match columns.entry(&record) {
                    Ok(entry) => entries.push(entry),
                    Err(error) => errors.push(error),
                },
                Err(error) => errors.push(PlanError::Csv {
                    line: error.position().map_or(0, csv::Position::line),
                    reason: error.to_string(),
                }),
            }
        }
        (Self::of(entries), errors)
    }

    fn of(entries: Vec<PlanEntry>) -> Self {
        let mut plan = Self { networks: Vec::new(), lines: entries.len() };
        for entry in entries.into_iter().rev() {
            let length = entry.network.prefix_len();
            let place = match plan.networks.binary_search_by(|(other, _)| length.cmp(other)) {
                Ok(place) => place,
                Err(place) => {
                    plan.networks.insert(place, (length, HashMap::new()));
                    place
                }
            };
            if let Some((_, networks)) = plan.networks.get_mut(place) {
                networks.entry(entry.network.trunc()).or_default().push(entry);
            }
        }
        plan
    }

    /// Lines in force.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.lines
    }

    /// True without a line.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.lines == 0
    }

    /// The line for a connection from `port` of an address at a time.
    pub(crate) fn entry(&self, ip: IpAddr, port: Option<u16>, at: Timestamp) -> Option<&PlanEntry> {
        self.networks.iter().find_map(|(length, networks)| {
            let network = IpNet::new(ip, *length).ok()?.trunc();
            networks.get(&network)?.iter().find(|entry| {
                let fits = |(low, high)| port.is_some_and(|port| low <= port && port <= high);
                entry.from <= at && at <= entry.to && entry.ports.is_none_or(fits)
            })
        })
    }
}

struct Columns {
    ip: usize,
    user: usize,
    host: Option<usize>,
    mac: Option<usize>,
    from: Option<usize>,
    to: Option<usize>,
    ports: Option<usize>,
}

impl Columns {
    fn of(header: &csv::StringRecord) -> Result<Self, PlanError> {
        let position = |name: &str| header.iter().position(|cell| cell.eq_ignore_ascii_case(name));
        Ok(Self {
            ip: position("ip").ok_or(PlanError::MissingColumn("ip"))?,
            user: position("user").ok_or(PlanError::MissingColumn("user"))?,
            host: position("host"),
            mac: position("mac"),
            from: position("from"),
            to: position("to"),
            ports: position("ports"),
        })
    }

    fn entry(&self, record: &csv::StringRecord) -> Result<PlanEntry, PlanError> {
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |column: Option<usize>| {
            column.and_then(|index| record.get(index)).filter(|value| !value.is_empty())
        };
        let wrong = |value: &str, expected| PlanError::Cell { line, value: value.to_owned(), expected };
        let ip = cell(Some(self.ip)).unwrap_or_default();
        let network = ip
            .parse::<IpNet>()
            .or_else(|_| ip.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| wrong(ip, "an address or network such as 10.0.0.7 or 10.0.0.0/24"))?;
        let mac = cell(self.mac)
            .map(|value| {
                parse_mac(value).ok_or_else(|| wrong(value, "a link address such as 02:00:5e:10:00:01"))
            })
            .transpose()?;
        let time = |column, default| {
            cell(column).map_or(Ok(default), |value| {
                parse_time(value)
                    .ok_or_else(|| wrong(value, "a time such as 2026-11-24T08:00:00Z or seconds since 1970"))
            })
        };
        let ports = cell(self.ports)
            .map(|value| {
                parse_ports(value).ok_or_else(|| wrong(value, "a range of ports such as 40000-40999"))
            })
            .transpose()?;
        Ok(PlanEntry {
            network,
            ports,
            user: cell(Some(self.user)).map(str::to_owned),
            host: cell(self.host).map(str::to_owned),
            mac,
            from: time(self.from, Timestamp::from_nanos(i64::MIN))?,
            to: time(self.to, Timestamp::MAX)?,
        })
    }
}

fn parse_ports(text: &str) -> Option<(u16, u16)> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
    (low <= high).then_some((low, high))
}

pub(crate) fn parse_mac(text: &str) -> Option<MacAddress> {
    let mut bytes = [0; 6];
    let mut parts = text.split([':', '-']);
    for byte in &mut bytes {
        *byte = u8::from_str_radix(parts.next()?, 16).ok()?;
    }
    parts.next().is_none().then_some(MacAddress(bytes))
}

pub(crate) fn parse_time(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return i64::try_from(time.as_nanosecond()).ok().map(Timestamp::from_nanos);
    }
    let seconds: f64 = text.parse().ok()?;
    let nanos = seconds * 1e9;
    #[expect(clippy::cast_possible_truncation, reason = "checked to lie within the range of i64")]
    (nanos.abs() < 9.2e18).then(|| Timestamp::from_nanos(nanos as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn the_narrowest_network_and_the_last_line_win() {
        let (plan, errors) = AddressPlan::parse(
            "ip,user,host\n10.0.0.0/8,everyone,\n10.1.2.3,alice,OLD\n10.1.2.3,alice,NEW\n10.1.0.0/16,site,\n",
        );
        assert_eq!(errors, []);
        let of =
            |ip: &str| plan.entry(ip.parse().unwrap(), None, at(0)).map(|e| (e.user.clone(), e.host.clone()));
        assert_eq!(of("10.1.2.3"), Some((Some("alice".into()), Some("NEW".into()))));
        assert_eq!(of("10.1.9.9"), Some((Some("site".into()), None)));
        assert_eq!(of("10.9.9.9"), Some((Some("everyone".into()), None)));
        assert_eq!(of("192.0.2.1"), None);
    }

    #[test]
    fn times_bound_an_entry() {
        let (plan, errors) = AddressPlan::parse(
            "IP,User,From,To\n10.0.0.1,alice,100,200.5\n10.0.0.1,bob,1970-01-01T00:03:21Z,\n",
        );
        assert_eq!(errors, []);
        let user = |s| plan.entry("10.0.0.1".parse().unwrap(), None, at(s)).and_then(|e| e.user.clone());
        assert_eq!(user(99), None);
        assert_eq!(user(150).as_deref(), Some("alice"));
        assert_eq!(user(201).as_deref(), Some("bob"));
    }

    #[test]
    fn ports_tell_the_users_of_one_address_apart() {
        let (plan, errors) = AddressPlan::parse(
            "ip,user,host,ports\n10.0.0.1,,TS1,\n10.0.0.1,alice,TS1,40000-40999\n10.0.0.1,bob,TS1,41000\n10.0.0.1,x,,9-1\n",
        );
        assert!(errors[0].to_string().contains("`9-1` is not a range of ports"), "{errors:?}");
        let user = |port| plan.entry("10.0.0.1".parse().unwrap(), port, at(0)).and_then(|e| e.user.clone());
        assert_eq!(user(Some(40_500)).as_deref(), Some("alice"));
        assert_eq!(user(Some(41_000)).as_deref(), Some("bob"));
        assert_eq!((user(Some(41_001)), user(None)), (None, None));
    }

    #[test]
    fn each_wrong_line_is_named_and_the_rest_is_kept() {
        let (plan, errors) = AddressPlan::parse(
            "ip,user,mac\n10.0.0.1,alice,02:00:5e:10:00:01\n10.0.0.2,bob,xx\n,carol,\n10.0.0.4,dave\n",
        );
        assert_eq!(plan.len(), 2);
        let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 2);
        assert!(said[0].starts_with("line 3: `xx` is not a link address"), "{said:?}");
        assert!(said[1].starts_with("line 4: `` is not an address"), "{said:?}");
    }

    #[test]
    fn a_table_without_its_columns_says_which() {
        let (plan, errors) = AddressPlan::parse("address,user\n10.0.0.1,alice\n");
        assert!(plan.is_empty());
        assert_eq!(errors, [PlanError::MissingColumn("ip")]);
    }
}
