//! A directory as CSV with a header.

use super::{Entry, FileFault, kind_named, moment};
use egret_model::Person;

/// Headers by what they hold, as directories and personnel systems name them, without separators.
const USER: &[&str] =
    &["user", "username", "samaccountname", "account", "accountname", "uid", "login", "userid"];
const NAME: &[&str] = &["name", "displayname", "fullname", "cn"];
const ALIASES: &[&str] =
    &["mail", "email", "emailaddress", "userprincipalname", "upn", "aliases", "proxyaddresses"];
const DEPARTMENT: &[&str] = &["department", "dept", "departmentnumber", "orgunit", "organizationalunit"];
const MANAGER: &[&str] = &["manager", "supervisor", "linemanager"];
const GROUPS: &[&str] = &["groups", "group", "memberof", "roles"];
const END: &[&str] = &[
    "end",
    "employmentend",
    "employmentends",
    "enddate",
    "terminationdate",
    "lastday",
    "leavingdate",
    "accountexpires",
    "accountexpirationdate",
];
const KIND: &[&str] = &["type", "kind", "employeetype", "accounttype"];

pub(super) fn parse(text: &str) -> (Vec<Entry>, Vec<FileFault>) {
    let first = text.lines().next().unwrap_or_default();
    let delimiter = if first.matches(';').count() > first.matches(',').count() { b';' } else { b',' };
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let fault = |line: u64, message: String| FileFault { line, message };
    let headers: Vec<String> = match reader.headers() {
        Ok(headers) => headers.iter().map(plain).collect(),
        Err(error) => return (Vec::new(), vec![fault(1, format!("not CSV: {error}"))]),
    };
    if !headers.iter().any(|header| USER.contains(&header.as_str())) {
        let message = "the header has no column `user` (or sAMAccountName, uid, login); it may also have name, mail, department, \
                       manager, groups, end, type";
        return (Vec::new(), vec![fault(1, message.to_owned())]);
    }
    let (mut entries, mut faults) = (Vec::new(), Vec::new());
    for record in reader.records() {
        match record {
            Err(error) => {
                faults.push(fault(
                    error.position().map_or(0, csv::Position::line),
                    format!("not CSV: {error}"),
                ));
            }
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                match entry(&headers, &record) {
                    Ok(entry) => entries.push(entry),
                    Err(message) => faults.push(fault(line, message)),
                }
            }
        }
    }
    (entries, faults)
}

/// True with a column that tells more of a person than the account.
pub(super) fn has_columns(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    first
        .split([',', ';'])
        .map(plain)
        .any(|header| [DEPARTMENT, MANAGER, GROUPS, END].iter().any(|names| names.contains(&header.as_str())))
}

/// A header without separators and case: `Employment end` is `employmentend`.
fn plain(header: &str) -> String {
    header.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn entry(headers: &[String], record: &csv::StringRecord) -> Result<Entry, String> {
    let cells = |names: &'static [&'static str]| {
        headers
            .iter()
            .zip(record)
            .filter(move |(header, cell)| names.contains(&header.as_str()) && !cell.is_empty())
            .map(|(_, cell)| cell)
    };
    let cell = |names| cells(names).next();
    let text = |names| cell(names).map(str::to_owned);
    let list = |cell: &str| -> Vec<String> {
        cell.split([';', '|']).map(str::trim).filter(|item| !item.is_empty()).map(distinguished).collect()
    };
    let user = text(USER).ok_or("no account name")?;
    // The account may be told with its domain.
    let user = user.rsplit_once('\\').map_or(user.clone(), |(_, user)| user.to_owned());
    let employment_ends = match cell(END) {
        None | Some("0" | "9223372036854775807" | "never" | "Never") => None,
        Some(end) => Some(moment(end).ok_or_else(|| format!("`{end}` is no day such as 2026-12-31"))?),
    };
    let aliases = cells(ALIASES)
        .flat_map(|cell| cell.split([';', '|', ' ']))
        .map(|alias| alias.trim_start_matches("SMTP:").trim_start_matches("smtp:").to_owned())
        .filter(|alias| !alias.is_empty())
        .collect();
    Ok(Entry {
        user,
        aliases,
        kind: cell(KIND).and_then(kind_named),
        person: Person {
            name: text(NAME),
            department: text(DEPARTMENT),
            manager: cell(MANAGER).map(distinguished),
            groups: cells(GROUPS).flat_map(list).collect(),
            employment_ends,
        },
    })
}

/// The name in a distinguished name (RFC 4514), or the text as it is.
pub(super) fn distinguished(text: &str) -> String {
    let text = text.trim();
    let Some((attribute, rest)) = text.split_once('=') else { return text.to_owned() };
    if !["cn", "uid", "ou"].iter().any(|known| known.eq_ignore_ascii_case(attribute.trim())) {
        return text.to_owned();
    }
    let mut name = String::new();
    let mut characters = rest.chars();
    while let Some(c) = characters.next() {
        match c {
            ',' | '+' => break,
            '\\' => name.extend(characters.next()),
            c => name.push(c),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_exports_are_known_and_faults_are_told() {
        let (entries, faults) = parse(
            "SamAccountName;DisplayName;Manager;MemberOf;AccountExpires\n\
             CORP\\alice;Alice;\"CN=Bob\\, Jr,OU=Staff\";CN=VPN,OU=x|CN=Vendors,OU=y;never\n;x;;;\ncarol;;;;someday\n",
        );
        let [alice] = entries.as_slice() else { panic!("{entries:?}") };
        assert_eq!((alice.user.as_str(), alice.person.manager.as_deref()), ("alice", Some("Bob, Jr")));
        assert_eq!(alice.person.groups, ["VPN", "Vendors"]);
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["line 3: no account name", "line 4: `someday` is no day such as 2026-12-31"]);
        assert!(parse("name,department\nx,y\n").1[0].message.contains("no column `user`"));
    }
}
