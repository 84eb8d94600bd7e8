//! Which files can be reached, and which ports.
//!
//! Owns: Landlock rules, and that directories for records are there. Never does: users.

use crate::privileges::Target;
use crate::{Sandbox, SandboxError, SandboxOptions, State};
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, NetPort, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use nix::unistd::{AccessFlags, access, chown};
use std::fs;
use std::path::{Path, PathBuf};

/// The newest rights that are asked for; older kernels give what they have.
const NEWEST: ABI = ABI::V6;

/// What any sensor reads while it runs: time zones, its own figures, the size of its control group, and the counters of network
/// cards (which are links to where the devices are).
const ALWAYS_READABLE: [&str; 6] = [
    "/etc/localtime",
    "/usr/share/zoneinfo",
    "/proc/self",
    "/sys/fs/cgroup",
    "/sys/class/net",
    "/sys/devices",
];
/// Files that are written without being anybody's.
const ALWAYS_WRITABLE: [&str; 1] = ["/dev/null"];

/// Makes the directories that are missing, and gives them to the user.
pub(crate) fn prepare(options: &SandboxOptions, target: Option<&Target>) -> Result<(), SandboxError> {
    for path in &options.writable {
        if path.exists() {
            continue;
        }
        let failed = |reason: String| SandboxError::System { what: "make the directory for records", reason };
        let named = |error: &dyn std::fmt::Display| failed(format!("{}: {error}", path.display()));
        fs::create_dir_all(path).map_err(|error| named(&error))?;
        if let Some(target) = target {
            chown(path, Some(target.uid), Some(target.gid)).map_err(|error| named(&error))?;
        }
    }
    Ok(())
}

/// After the change of user: what was asked for must be possible.
pub(crate) fn check(options: &SandboxOptions, sandbox: &mut Sandbox) -> Result<(), SandboxError> {
    let user = nix::unistd::geteuid();
    let user =
        nix::unistd::User::from_uid(user).ok().flatten().map_or_else(|| user.to_string(), |user| user.name);
    for path in &options.writable {
        if access(path, AccessFlags::W_OK | AccessFlags::X_OK).is_err() {
            return Err(SandboxError::NotWritable { path: path.display().to_string(), user });
        }
    }
    for path in options.readable.iter().filter(|path| path.exists() || hidden(path)) {
        if access(path.as_path(), AccessFlags::R_OK).is_err() {
            sandbox.warnings.push(format!(
                "{}: {user} cannot read it, so a reload will fail; make it readable (chmod -R o+rX, or chgrp)",
                path.display()
            ));
        }
    }
    Ok(())
}

/// True where a directory on the way can't be passed, so that nothing is known of the path.
fn hidden(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
}

/// The rules, ready to be put in force.
pub(crate) fn rules(options: &SandboxOptions) -> Result<RulesetCreated, RulesetError> {
    let read = AccessFs::from_read(NEWEST) & !AccessFs::Execute;
    let write = (AccessFs::from_all(NEWEST) & !AccessFs::Execute)
        & !(AccessFs::MakeBlock | AccessFs::MakeChar | AccessFs::IoctlDev);
    let readable = options.readable.iter().map(|path| lasting(path)).chain(ALWAYS_READABLE.map(Path::new));
    let writable = options.writable.iter().map(PathBuf::as_path).chain(ALWAYS_WRITABLE.map(Path::new));
    let listened = options.listen_ports.iter().map(|port| Ok(NetPort::new(*port, AccessNet::BindTcp)));
    let connected = options.connect_ports.iter().map(|port| Ok(NetPort::new(*port, AccessNet::ConnectTcp)));
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp)?
        .scope(Scope::Signal)?
        .create()?
        .add_rules(path_beneath_rules(readable, read))?
        .add_rules(path_beneath_rules(writable, write))?
        .add_rules(listened.chain(connected).collect::<Vec<Result<NetPort, RulesetError>>>())
}

/// A rule is about a file that exists. Editors and deployment replace files by new ones of the same name, which a reload has to be
/// able to read: so the directory of a file is what may be read.
fn lasting(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !path.is_dir() => {
            if parent.as_os_str().is_empty() {
                Path::new(".")
            } else {
                parent
            }
        }
        _ => path,
    }
}

/// Puts the rules in force.
pub(crate) fn restrict(
    rules: Result<RulesetCreated, RulesetError>,
    connect_ports: &[u16],
    sandbox: &mut Sandbox,
) {
    let status = match rules.and_then(RulesetCreated::restrict_self) {
        Ok(status) => status,
        Err(error) => return sandbox.add("landlock", State::Absent(error.to_string()), String::new()),
    };
    let detail = if connect_ports.is_empty() {
        "only its own files and ports, no connection to any host".to_owned()
    } else {
        format!("only its own files and ports, connections to TCP ports {connect_ports:?} only")
    };
    let state = match (status.ruleset, status.landlock) {
        (RulesetStatus::FullyEnforced, _) => State::InForce,
        (RulesetStatus::PartiallyEnforced, LandlockStatus::Available { effective_abi, .. }) => {
            State::Partial(format!("the kernel has version {effective_abi:?} of it, older than {NEWEST:?}"))
        }
        (RulesetStatus::PartiallyEnforced, _) => State::Partial("the kernel has part of it".to_owned()),
        (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => {
            State::Absent("the kernel has it switched off (boot with lsm=landlock,…)".to_owned())
        }
        (RulesetStatus::NotEnforced, _) => {
            State::Absent("the kernel has no Landlock (5.13 and later do)".to_owned())
        }
    };
    sandbox.add("landlock", state, detail);
}
