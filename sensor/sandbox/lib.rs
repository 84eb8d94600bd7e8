//! Giving up every privilege that a running sensor does not need, and saying which fences stand.
//!
//! Owns: the change to an unprivileged user, capabilities, no-new-privileges, memory that cannot be dumped, Landlock and seccomp. Never
//! does: opening what needs privileges, which is done before; deciding whether a missing fence is good enough, which is the operator's
//! to say.
//!
//! A sensor parses whatever anybody sends. If a parser were ever taken over, it would find itself as a user who owns nothing, without
//! capabilities, with no files but signatures to read and records to write, no program that it could start, and no host that it could
//! connect to.
//!
//! What the kernel lacks is told as [`State::Absent`] and the rest is done; what is asked for and cannot be done (a user who does not
//! exist) is an error.

#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod privileges;

use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// What the process still needs.
#[derive(Clone, Debug, Default)]
pub struct SandboxOptions {
    /// The user to become when started as root; None for `egret`, or `nobody` where there is no such user.
    pub user: Option<String>,
    /// The group to become; None for the user's own.
    pub group: Option<String>,
    /// Files and directories that are read, also later: signatures, configuration. Of a file, its whole directory stays readable,
    /// since a new file of that name may take its place.
    pub readable: Vec<PathBuf>,
    /// Directories that are written to: records, state. One that does not exist is made, and given to the user.
    pub writable: Vec<PathBuf>,
    /// TCP ports that are listened on.
    pub listen_ports: Vec<u16>,
    /// TCP ports of other hosts that are connected to.
    pub connect_ports: Vec<u16>,
}

/// Whether a fence stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "why")]
pub enum State {
    /// It does.
    InForce,
    /// Only part of it, and why.
    Partial(String),
    /// It does not, and why.
    Absent(String),
}

/// One fence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fence {
    /// `user`, `capabilities`, `no-new-privileges`, `not-dumpable`, `landlock` or `seccomp`.
    pub name: &'static str,
    /// Whether it stands.
    #[serde(flatten)]
    pub state: State,
    /// What it comes to here, for people: "uid 64321 (egret)".
    pub detail: String,
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            State::InForce => write!(f, "{}: in force ({})", self.name, self.detail),
            State::Partial(why) => write!(f, "{}: partly in force ({}; {why})", self.name, self.detail),
            State::Absent(why) => write!(f, "{}: NOT in force ({why})", self.name),
        }
    }
}

/// What is in force, for logs, metrics and health.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sandbox {
    /// Each fence, whether it stands or not.
    pub fences: Vec<Fence>,
    /// What will not work because of them: paths that the user can't read.
    pub warnings: Vec<String>,
}

impl Sandbox {
    /// True when every fence stands in full.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.fences.iter().all(|fence| fence.state == State::InForce)
    }

    /// The fences that do not stand in full.
    pub fn missing(&self) -> impl Iterator<Item = &Fence> {
        self.fences.iter().filter(|fence| fence.state != State::InForce)
    }

    #[cfg(target_os = "linux")]
    fn add(&mut self, name: &'static str, state: State, detail: String) {
        self.fences.push(Fence { name, state, detail });
    }
}

/// Why privileges could not be given up as asked. The process must not go on with its work then.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are named by the messages that print them")]
pub enum SandboxError {
    /// Privileges belong to threads, and other threads would keep theirs.
    #[error(
        "internal error: privileges must be dropped before threads are started, and {threads} are running"
    )]
    Threads { threads: usize },
    /// No such user.
    #[error("there is no user {user:?}; create one (adduser --system --group {user}) or name another")]
    NoUser { user: String },
    /// No such group.
    #[error("there is no group {group:?}; create one (addgroup --system {group}) or name another")]
    NoGroup { group: String },
    /// Becoming root is no drop of privileges.
    #[error("the user to run as must not be root; name another")]
    Root,
    /// Another user was asked for without the power to become one.
    #[error(
        "cannot become the user {user}: this process was not started as root; start it as root or as {user}"
    )]
    NotRoot { user: String },
    /// The system refused.
    #[error("cannot {what}: {reason}")]
    System { what: &'static str, reason: String },
    /// A directory for records that the user can't write to.
    #[error(
        "{path}: cannot be written by {user}; give it to the user (chown {user} {path}) or choose another directory"
    )]
    NotWritable { path: String, user: String },
}

/// Gives up everything that `options` does not name, for good. Call it when the sockets are open and before any thread is started.
#[cfg(target_os = "linux")]
pub fn enter(options: &SandboxOptions) -> Result<Sandbox, SandboxError> {
    let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if threads > 1 {
        return Err(SandboxError::Threads { threads });
    }
    let mut sandbox = Sandbox::default();
    let target = privileges::target(options)?;
    files::prepare(options, target.as_ref())?;
    // Opened while everything can be.
    let rules = files::rules(options);
    privileges::drop(target.as_ref(), &mut sandbox)?;
    files::check(options, &mut sandbox)?;
    files::restrict(rules, &options.connect_ports, &mut sandbox);
    calls::restrict(&mut sandbox);
    Ok(sandbox)
}

/// Gives up nothing, and says so: these fences are Linux's.
#[cfg(not(target_os = "linux"))]
pub fn enter(_options: &SandboxOptions) -> Result<Sandbox, SandboxError> {
    const FENCES: [&str; 6] =
        ["user", "capabilities", "no-new-privileges", "not-dumpable", "landlock", "seccomp"];
    let fence = |name| Fence {
        name,
        state: State::Absent("this system is not Linux".to_owned()),
        detail: String::new(),
    };
    Ok(Sandbox { fences: FENCES.map(fence).to_vec(), warnings: Vec::new() })
}

/// Nothing given up, because the operator asked for that; for the health report.
#[must_use]
pub fn not_entered() -> Sandbox {
    let state = State::Absent("switched off in the configuration".to_owned());
    Sandbox { fences: vec![Fence { name: "sandbox", state, detail: String::new() }], warnings: Vec::new() }
}
