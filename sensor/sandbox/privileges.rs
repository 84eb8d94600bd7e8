//! Who the process is, and what it may do beyond other users.
//!
//! Owns: user, groups, capabilities, and that nothing brings them back. Never does: files.

use crate::{Sandbox, SandboxError, SandboxOptions, State};
use caps::{CapSet, CapsHashSet};
use nix::sys::prctl;
use nix::unistd::{Gid, Group, Uid, User, geteuid, getgroups, initgroups, setgroups, setresgid, setresuid};
use std::ffi::CString;

/// Who to become when nobody says.
const USERS: [&str; 2] = ["egret", "nobody"];

/// Who to become.
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) uid: Uid,
    pub(crate) gid: Gid,
    /// A group was named, so the user's other groups don't count.
    only_group: bool,
}

/// Who to become; None for a process that is nobody special and stays who it is.
pub(crate) fn target(options: &SandboxOptions) -> Result<Option<Target>, SandboxError> {
    let find = |name: &str| User::from_name(name).ok().flatten();
    let user = match &options.user {
        Some(name) => find(name).ok_or_else(|| SandboxError::NoUser { user: name.clone() })?,
        None if !geteuid().is_root() => return Ok(None),
        None => USERS
            .iter()
            .find_map(|name| find(name))
            .ok_or_else(|| SandboxError::NoUser { user: USERS[0].to_owned() })?,
    };
    if user.uid.is_root() {
        return Err(SandboxError::Root);
    }
    if !geteuid().is_root() {
        return if user.uid == geteuid() { Ok(None) } else { Err(SandboxError::NotRoot { user: user.name }) };
    }
    let group = match &options.group {
        Some(name) => {
            let found = Group::from_name(name).ok().flatten();
            Some(found.ok_or_else(|| SandboxError::NoGroup { group: name.clone() })?)
        }
        None => None,
    };
    let only_group = group.is_some();
    let gid = group.map_or(user.gid, |group| group.gid);
    Ok(Some(Target { name: user.name, uid: user.uid, gid, only_group }))
}

/// Becomes `target` and drops all capabilities.
pub(crate) fn drop(target: Option<&Target>, sandbox: &mut Sandbox) -> Result<(), SandboxError> {
    // While there is still the capability that it takes; a process that never had it has nothing to bring back either.
    let bounding = caps::clear(None, CapSet::Bounding);
    let ambient = caps::clear(None, CapSet::Ambient);
    match target {
        Some(target) => {
            become_user(target)?;
            sandbox.add(
                "user",
                State::InForce,
                format!("{}, uid {}, gid {}", target.name, target.uid, target.gid),
            );
        }
        None => sandbox.add("user", State::InForce, format!("uid {}, as started", geteuid())),
    }
    for set in [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable] {
        caps::clear(None, set)
            .map_err(|error| SandboxError::System { what: "drop capabilities", reason: error.to_string() })?;
    }
    let left = |set| caps::read(None, set).unwrap_or_default();
    let held: CapsHashSet = [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable, CapSet::Ambient]
        .into_iter()
        .flat_map(left)
        .collect();
    if !held.is_empty() {
        return Err(SandboxError::System { what: "drop capabilities", reason: format!("{held:?} are left") });
    }
    let state = match bounding.and(ambient) {
        Ok(()) => State::InForce,
        // None is held; with no-new-privileges none can come back.
        Err(_) if target.is_none() => State::InForce,
        Err(error) => State::Partial(format!("the bounding set stays: {error}")),
    };
    sandbox.add("capabilities", state, "none".to_owned());
    let state = |result: nix::Result<()>| match result {
        Ok(()) => State::InForce,
        Err(error) => State::Absent(error.to_string()),
    };
    sandbox.add(
        "no-new-privileges",
        state(prctl::set_no_new_privs()),
        "no program can give any back".to_owned(),
    );
    let undumpable = state(prctl::set_dumpable(false));
    sandbox.add("not-dumpable", undumpable, "memory stays out of core files and debuggers".to_owned());
    Ok(())
}

fn become_user(target: &Target) -> Result<(), SandboxError> {
    let failed = |what: &'static str| {
        move |error: nix::Error| SandboxError::System { what, reason: error.to_string() }
    };
    if target.only_group {
        setgroups(&[target.gid]).map_err(failed("set the groups"))?;
    } else {
        let name = CString::new(target.name.as_str())
            .map_err(|error| SandboxError::System { what: "set the groups", reason: error.to_string() })?;
        initgroups(&name, target.gid).map_err(failed("set the groups"))?;
    }
    setresgid(target.gid, target.gid, target.gid).map_err(failed("set the group"))?;
    setresuid(target.uid, target.uid, target.uid).map_err(failed("set the user"))?;
    // Believed when seen.
    let groups = getgroups().unwrap_or_default();
    if setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).is_ok()
        || groups.contains(&Gid::from_raw(0))
    {
        return Err(SandboxError::System { what: "leave root behind", reason: "it came back".to_owned() });
    }
    Ok(())
}
