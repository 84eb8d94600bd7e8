//! `[[except]]`: what its owner has decided to let pass, for a reason and until a day.
//!
//! Owns: checking of exceptions, and whether one holds for a transfer. Never does: suppression itself; what is excepted is
//! counted still.

use super::{
    check::Placed,
    problem::Fault,
    schema::{self, Names},
};
use egret_model::Timestamp;
use ipnet::IpNet;
use std::{net::IpAddr, str::FromStr as _, sync::Arc};
use toml::Spanned;

/// One exception of a signature.
#[derive(Clone, Debug)]
pub struct Exception {
    /// Why it was made.
    pub reason: Arc<str>,
    /// Its last day, as written: `2027-06-30`.
    pub until: Arc<str>,
    /// The first moment at which it no longer holds.
    pub ends_at: Timestamp,
    destinations: Vec<Place>,
    senders: Vec<Place>,
    files: Vec<String>,
    /// Texts of matches, compared as values are.
    pub(crate) texts: Vec<String>,
    /// Keyed tokens of values, see [`crate::ValueKey`].
    pub(crate) values: Vec<String>,
}

/// A name, the end of a name, or a network.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Name(String),
    /// With its leading full stop.
    Suffix(String),
    Network(IpNet),
}

/// A transfer as exceptions see it.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// Name of the receiver, where the protocol gave one; a port is ignored.
    pub destination: Option<&'a str>,
    /// Its address.
    pub destination_ip: IpAddr,
    /// User who sent, where attributed.
    pub user: Option<&'a str>,
    /// Host that sent, where attributed.
    pub host: Option<&'a str>,
    /// Its address.
    pub sender_ip: IpAddr,
    /// Path of the object: the last part is the name of a file.
    pub object: &'a str,
}

/// Checks the exceptions of a signature or an override.
pub(crate) fn check(exceptions: &[Spanned<schema::Except>]) -> Result<Vec<Exception>, Placed> {
    exceptions.iter().map(one).collect()
}

fn one(except: &Spanned<schema::Except>) -> Result<Exception, Placed> {
    let span = except.span();
    let except = except.get_ref();
    let missing = |what: &str, fix: &str| Err((span.clone(), Fault::new(what, fix)));
    let Some(reason) = except.reason.as_ref().filter(|reason| !reason.get_ref().trim().is_empty()) else {
        return missing(
            "an exception needs a reason",
            "add reason = \"…\": who agreed to it, and where that is written",
        );
    };
    let Some(until) = &except.until else {
        return missing(
            "an exception needs an end date",
            "add until = 2027-06-30: the last day on which it holds",
        );
    };
    let (written, ends_at) = last_day(until)?;
    let by_text = except.text.is_some() || except.value.is_some();
    let by_transfer = except.destination.is_some() || except.sender.is_some() || except.file.is_some();
    if !by_text && !by_transfer {
        return missing("an exception says what it is for", "add destination, sender, file or text");
    }
    if by_text && by_transfer {
        return missing(
            "text and value can't be joined with destination, sender or file",
            "write two [[except]], each with its reason",
        );
    }
    Ok(Exception {
        reason: reason.get_ref().trim().into(),
        until: written.into(),
        ends_at,
        destinations: places(except.destination.as_ref())?,
        senders: places(except.sender.as_ref())?,
        files: names(except.file.as_ref())?.into_iter().map(|name| name.to_lowercase()).collect(),
        texts: names(except.text.as_ref())?,
        values: names(except.value.as_ref())?,
    })
}

fn last_day(until: &Spanned<toml::value::Datetime>) -> Result<(String, Timestamp), Placed> {
    let given = until.get_ref();
    let day = given.date.filter(|_| given.time.is_none()).and_then(|date| {
        let begin = Timestamp::of_day(
            i16::try_from(date.year).ok()?,
            date.month.try_into().ok()?,
            date.day.try_into().ok()?,
        )?;
        Some(begin.plus(DAY_NS))
    });
    let fault = || Fault::new("the end of an exception is a day", "write it as until = 2027-06-30");
    day.map(|ends| (given.to_string(), ends)).ok_or_else(|| (until.span(), fault()))
}

/// Nanoseconds of a day.
const DAY_NS: i64 = 86_400_000_000_000;

fn names(given: Option<&Spanned<Names>>) -> Result<Vec<String>, Placed> {
    let Some(given) = given else { return Ok(Vec::new()) };
    let names: Vec<String> = given.get_ref().each().map(|name| name.trim().to_owned()).collect();
    if names.is_empty() || names.iter().any(|name| name.chars().all(|c| matches!(c, '*' | '?' | '.'))) {
        let fault = Fault::new(
            "this would except everything",
            "name what is excepted; `enabled = false` in an override switches off",
        );
        return Err((given.span(), fault));
    }
    Ok(names)
}

fn places(given: Option<&Spanned<Names>>) -> Result<Vec<Place>, Placed> {
    let place = |name: String| {
        if let Ok(network) = IpNet::from_str(&name) {
            return Place::Network(network);
        }
        if let Ok(address) = IpAddr::from_str(&name) {
            return Place::Network(address.into());
        }
        let name = name.to_lowercase();
        let suffix = name.strip_prefix('*').unwrap_or(&name);
        if suffix.starts_with('.') { Place::Suffix(suffix.to_owned()) } else { Place::Name(name) }
    };
    Ok(names(given)?.into_iter().map(place).collect())
}

impl Place {
    fn is(&self, names: &[Option<&str>], address: IpAddr) -> bool {
        let any = |accept: &dyn Fn(&str) -> bool| {
            names.iter().flatten().any(|name| accept(&without_port(name).to_lowercase()))
        };
        match self {
            Self::Network(network) => network.contains(&address),
            Self::Name(expected) => any(&|name| name == expected),
            Self::Suffix(suffix) => {
                any(&|name| name.ends_with(suffix.as_str()) || Some(name) == suffix.strip_prefix('.'))
            }
        }
    }
}

fn without_port(name: &str) -> &str {
    match name.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => name,
    }
}

impl Exception {
    /// Whether it is for transfers like this one, whatever the day. Never for exceptions of texts and values.
    #[must_use]
    pub fn covers(&self, of: &Circumstances<'_>) -> bool {
        let asked = [!self.destinations.is_empty(), !self.senders.is_empty(), !self.files.is_empty()];
        asked.contains(&true)
            && (!asked[0]
                || self.destinations.iter().any(|place| place.is(&[of.destination], of.destination_ip)))
            && (!asked[1] || self.senders.iter().any(|place| place.is(&[of.user, of.host], of.sender_ip)))
            && (!asked[2] || {
                let name = of.object.rsplit('/').next().unwrap_or_default().to_lowercase();
                self.files.iter().any(|pattern| fits(pattern.as_bytes(), name.as_bytes()))
            })
    }

    /// Whether it names this token of a value, see [`crate::ValueKey`].
    #[must_use]
    pub fn names_value(&self, token: &str) -> bool {
        self.values.iter().any(|value| value == token)
    }

    /// Whether it holds at that time; unknown times are within.
    #[must_use]
    pub fn holds_at(&self, at: Option<Timestamp>) -> bool {
        at.is_none_or(|at| at < self.ends_at)
    }

    /// What it is for, in words.
    #[must_use]
    pub fn subject(&self) -> String {
        let places = |places: &[Place]| {
            let shown = places.iter().map(|place| match place {
                Place::Name(name) | Place::Suffix(name) => name.clone(),
                Place::Network(network) => network.to_string(),
            });
            shown.collect::<Vec<_>>().join(", ")
        };
        let mut parts = Vec::new();
        if !self.destinations.is_empty() {
            parts.push(format!("to {}", places(&self.destinations)));
        }
        if !self.senders.is_empty() {
            parts.push(format!("from {}", places(&self.senders)));
        }
        if !self.files.is_empty() {
            parts.push(format!("in files {}", self.files.join(", ")));
        }
        if !self.texts.is_empty() || !self.values.is_empty() {
            parts.push(format!("{} named values", self.texts.len() + self.values.len()));
        }
        parts.join(", ")
    }
}

/// Whether a name fits a pattern with `*` and `?`, in time proportional to both lengths.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(sign) if *sign == b'?' || Some(sign) == name.get(n) => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|sign| *sign == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exception(text: &str) -> Result<Exception, Fault> {
        let except: Spanned<schema::Except> =
            toml::from_str::<Wrapped>(&format!("[e]\n{text}")).expect("TOML").e;
        one(&except).map_err(|(_, fault)| fault)
    }

    #[derive(serde::Deserialize)]
    struct Wrapped {
        e: Spanned<schema::Except>,
    }

    const MOMENT: Circumstances<'_> = Circumstances {
        destination: Some("upload.EHR.example:8080"),
        destination_ip: IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 7)),
        user: Some("alice"),
        host: Some("ALICE-LT"),
        sender_ip: IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 2, 3)),
        object: "form/file/Report-7.CSV",
    };

    #[test]
    fn each_condition_given_must_hold() {
        for (text, covered) in [
            ("destination = \"upload.ehr.example\"", true),
            ("destination = \"ehr.example\"", false),
            ("destination = [\"other.example\", \".ehr.example\"]", true),
            ("destination = \"*.ehr.example\"", true),
            ("destination = \"203.0.113.0/24\"", true),
            ("destination = \"203.0.113.8\"", false),
            ("sender = \"Alice\"", true),
            ("sender = \"alice-lt\"", true),
            ("sender = \"10.0.0.0/8\"", true),
            ("sender = \"bob\"", false),
            ("file = \"report-?.csv\"", true),
            ("file = \"*.xlsx\"", false),
            ("file = \"*.csv\"\nsender = \"alice\"\ndestination = \".example\"", true),
            ("file = \"*.csv\"\nsender = \"bob\"", false),
            ("text = \"4111\"", false),
        ] {
            let exception = exception(&format!("{text}\nreason = \"r\"\nuntil = 2027-06-30\n")).expect(text);
            assert_eq!(exception.covers(&MOMENT), covered, "{text}");
            assert!(!exception.subject().is_empty());
        }
    }

    #[test]
    fn its_last_day_is_the_one_given() {
        let exception = exception("sender = \"x\"\nreason = \"r\"\nuntil = 2027-06-30\n").expect("complete");
        let end = Timestamp::of_day(2027, 7, 1).expect("a day");
        assert!(
            exception.holds_at(Some(end.plus(-1)))
                && !exception.holds_at(Some(end))
                && exception.holds_at(None)
        );
        assert_eq!(&*exception.until, "2027-06-30");
    }

    #[test]
    fn reason_end_and_subject_are_obligatory() {
        for (text, message) in [
            ("sender = \"x\"\nuntil = 2027-06-30", "needs a reason"),
            ("sender = \"x\"\nreason = \" \"\nuntil = 2027-06-30", "needs a reason"),
            ("sender = \"x\"\nreason = \"r\"", "needs an end date"),
            ("sender = \"x\"\nreason = \"r\"\nuntil = 2027-06-30T10:00:00Z", "is a day"),
            ("reason = \"r\"\nuntil = 2027-06-30", "says what it is for"),
            ("sender = \"*\"\nreason = \"r\"\nuntil = 2027-06-30", "except everything"),
            ("sender = []\nreason = \"r\"\nuntil = 2027-06-30", "except everything"),
            ("sender = \"x\"\ntext = \"y\"\nreason = \"r\"\nuntil = 2027-06-30", "can't be joined"),
        ] {
            let fault = exception(text).expect_err(text);
            assert!(fault.message.contains(message), "{text}: {}", fault.message);
        }
    }

    #[test]
    fn patterns_of_names() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b", false),
            ("?", "", false),
            ("*.log", "x.log.gz", false),
            ("**x", "yx", true),
        ] {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
        let long = "a".repeat(20_000);
        assert!(!fits(format!("{}b", "*a".repeat(100)).as_bytes(), long.as_bytes()));
    }
}
