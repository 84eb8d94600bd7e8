//! A directory as LDIF (RFC 2849): people, computers, and groups that list their members.

use super::table::distinguished;
use super::{Entry, FileFault, kind_named, moment};
use crate::account::Kind;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use egret_model::Person;
use std::collections::HashMap;

/// True for text that begins as LDIF does: a version, or a distinguished name.
pub(super) fn looks_so(text: &str) -> bool {
    let first = text.lines().find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
    let first = first.to_ascii_lowercase();
    first.starts_with("version:") || first.starts_with("dn:")
}

/// One record: attributes in lower case, with their values.
type Record = Vec<(String, String)>;

pub(super) fn parse(text: &str) -> (Vec<Entry>, Vec<FileFault>) {
    let (records, faults) = records(text);
    let mut entries = Vec::new();
    // Members by group, by their distinguished names or account names.
    let mut member_of: HashMap<String, Vec<String>> = HashMap::new();
    for record in &records {
        for (attribute, value) in record {
            if matches!(attribute.as_str(), "member" | "uniquemember" | "memberuid")
                && let Some(group) = values(record, "cn").next().or_else(|| values(record, "dn").next())
            {
                member_of.entry(value.to_lowercase()).or_default().push(distinguished(group));
            }
        }
    }
    for record in &records {
        let Some(mut entry) = entry(record) else { continue };
        let names = values(record, "dn").map(str::to_lowercase).chain([entry.user.to_lowercase()]);
        for group in names.filter_map(|name| member_of.get(&name)).flatten() {
            if !entry.person.groups.contains(group) {
                entry.person.groups.push(group.clone());
            }
        }
        entries.push(entry);
    }
    (entries, faults)
}

fn values<'a>(record: &'a Record, attribute: &'static str) -> impl Iterator<Item = &'a str> {
    record.iter().filter(move |(name, _)| name == attribute).map(|(_, value)| value.as_str())
}

fn entry(record: &Record) -> Option<Entry> {
    let first = |names: &[&'static str]| names.iter().find_map(|name| values(record, name).next());
    let is = |class: &str| values(record, "objectclass").any(|known| known.eq_ignore_ascii_case(class));
    if is("group") || is("groupofnames") || is("posixgroup") {
        return None;
    }
    let user = first(&["samaccountname", "uid"])?.to_owned();
    let kind =
        if is("computer") { Some(Kind::Machine) } else { first(&["employeetype"]).and_then(kind_named) };
    let aliases =
        ["userprincipalname", "mail", "proxyaddresses"].iter().flat_map(|name| values(record, name));
    Some(Entry {
        user,
        aliases: aliases
            .map(|alias| alias.trim_start_matches("SMTP:").trim_start_matches("smtp:").to_owned())
            .collect(),
        kind,
        person: Person {
            name: first(&["displayname", "cn"]).map(str::to_owned),
            department: first(&["department", "departmentnumber", "ou"]).map(str::to_owned),
            manager: first(&["manager"]).map(distinguished),
            groups: values(record, "memberof").map(distinguished).collect(),
            employment_ends: first(&["employmentend", "employeeenddate", "accountexpires"]).and_then(moment),
        },
    })
}

fn records(text: &str) -> (Vec<Record>, Vec<FileFault>) {
    let (mut records, mut faults) = (Vec::new(), Vec::new());
    let mut record = Record::new();
    for (number, line) in unfolded(text) {
        if line.is_empty() {
            if !record.is_empty() {
                records.push(std::mem::take(&mut record));
            }
            continue;
        }
        match attribute(&line) {
            Some((name, value)) => record.push((name, value)),
            None => faults
                .push(FileFault { line: number, message: format!("`{}` is no line of LDIF", head(&line)) }),
        }
    }
    if !record.is_empty() {
        records.push(record);
    }
    (records, faults)
}

/// The first characters of a line, to be shown.
fn head(line: &str) -> String {
    line.chars().take(40).collect()
}

/// Lines with their numbers; those that begin with a blank go on the one before (note 2 of the RFC). Comments are left out.
fn unfolded(text: &str) -> Vec<(u64, String)> {
    let mut lines: Vec<(u64, String)> = Vec::new();
    let mut comment = false;
    for (number, line) in (1_u64..).zip(text.lines()) {
        let line = line.trim_end_matches('\r');
        match line.strip_prefix(' ') {
            Some(_) if comment => {}
            Some(rest) => match lines.last_mut() {
                Some((_, last)) => last.push_str(rest),
                None => lines.push((number, rest.to_owned())),
            },
            None => {
                comment = line.starts_with('#');
                if !comment {
                    lines.push((number, line.to_owned()));
                }
            }
        }
    }
    lines
}

/// `name: value`, `name:: base64`; options of the name (`;lang-de`) are left out. Values elsewhere (`:<`) are none.
fn attribute(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    let name = name.split(';').next()?.trim().to_ascii_lowercase();
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.') {
        return None;
    }
    let value = match value.strip_prefix(':') {
        Some(encoded) => String::from_utf8_lossy(&STANDARD.decode(encoded.trim()).ok()?).into_owned(),
        None => value.strip_prefix('<').map_or(value, |_| "").trim_start().to_owned(),
    };
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_computers_and_groups_are_read() {
        let text = "version: 1\n# people\n#  and more\n\ndn: CN=Alice Smith,OU=Staff,DC=corp\nobjectClass: user\n\
                    sAMAccountName: asmith\ndisplayName:: QWxpY2UgU23DrXRo\ndepart\n ment: Fin\n ance\nmanager: CN=Bob\\, Jr,OU=Staff\n\
                    memberOf: CN=VPN users,OU=Groups\naccountExpires: 133801920000000000\n\n\
                    dn: CN=LT,OU=PCs\nobjectClass: user\nobjectClass: computer\nsAMAccountName: LT$\n\n\
                    dn: CN=Leavers,OU=Groups\nobjectClass: group\ncn: Leavers\nmember: cn=alice smith,OU=Staff,DC=corp\n\nnonsense\n";
        assert!(looks_so(text));
        let (entries, faults) = parse(text);
        let [alice, machine] = entries.as_slice() else { panic!("{entries:?}") };
        assert_eq!(alice.person.name.as_deref(), Some("Alice Sm\u{ed}th"));
        assert_eq!(alice.person.department.as_deref(), Some("Finance"));
        assert_eq!(alice.person.manager.as_deref(), Some("Bob, Jr"));
        assert_eq!(alice.person.groups, ["VPN users", "Leavers"]);
        assert!(alice.person.employment_ends.is_some());
        assert_eq!(machine.kind, Some(Kind::Machine));
        assert_eq!(faults.len(), 1);
        assert!(faults[0].to_string().ends_with("`nonsense` is no line of LDIF"), "{faults:?}");
    }
}
