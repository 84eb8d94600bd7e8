//! The fences, tried from inside: each case is a process of its own, with a single thread.
//!
//! What needs root says so aloud and is left out; the rest runs.

#![cfg_attr(not(target_os = "linux"), allow(unused, reason = "the fences are Linux's"))]

use egret_sandbox::{Sandbox, SandboxOptions, State, enter};
use std::fs;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Tells a child which case it is.
const CASE: &str = "EGRET_SANDBOX_CASE";
/// Where a child finds what is prepared for it.
const FOLDER: &str = "EGRET_SANDBOX_FOLDER";

/// Does something in a process of its own; the folder holds what was prepared.
type Case = fn(&Path);

const CASES: &[(&str, Case)] = &[
    ("privileges", privileges),
    ("files", files),
    ("network", network),
    ("programs", programs),
    ("memory", memory),
    ("threads", threads),
    ("unknown_user", unknown_user),
    ("not_writable", not_writable),
];

fn main() {
    if !cfg!(target_os = "linux") {
        println!("SKIPPED: the sandbox is for Linux");
        return;
    }
    if let Ok(case) = std::env::var(CASE) {
        let folder = PathBuf::from(std::env::var_os(FOLDER).expect("a folder"));
        let (_, run) = CASES.iter().find(|(name, _)| *name == case).expect("a case");
        return run(&folder);
    }
    for (name, _) in CASES {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // The unprivileged user passes through it.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("own folder");
        fs::create_dir(folder.path().join("signatures")).expect("own folder");
        fs::write(folder.path().join("signatures/own.toml"), "id").expect("own folder");
        fs::write(folder.path().join("signatures/new.toml"), "new").expect("own folder");
        fs::write(folder.path().join("secret"), "secret").expect("own folder");
        let child = std::env::current_exe().expect("this program");
        let output =
            Command::new(child).env(CASE, name).env(FOLDER, folder.path()).output().expect("a child");
        judge(name, &output);
        println!("test {name} ... ok");
    }
}

/// A child that tries to start a program is ended by the kernel; every other ends well.
fn judge(name: &str, output: &Output) {
    use std::os::unix::process::ExitStatusExt;
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if said.contains("SKIPPED") {
        let _ = writeln!(io::stderr(), "{said}");
    }
    match name {
        "programs" if !said.contains("SKIPPED") => {
            assert!(!output.status.success(), "a program was started: {said}");
            // Bad system call: 31 on all processors that seccomp is built for here.
            assert_eq!(output.status.signal(), Some(31), "{said}");
        }
        _ => assert!(output.status.success(), "{name}: {said}"),
    }
}

fn options(folder: &Path) -> SandboxOptions {
    SandboxOptions {
        user: is_root().then(|| "nobody".to_owned()),
        readable: vec![folder.join("signatures/own.toml")],
        writable: vec![folder.join("records")],
        listen_ports: vec![19_977],
        connect_ports: Vec::new(),
        ..SandboxOptions::default()
    }
}

fn entered(folder: &Path) -> Sandbox {
    let sandbox = enter(&options(folder)).expect("privileges can be dropped");
    for fence in sandbox.missing() {
        println!("SKIPPED: {fence}");
    }
    sandbox
}

fn stands(sandbox: &Sandbox, name: &str) -> bool {
    sandbox.fences.iter().any(|fence| fence.name == name && !matches!(fence.state, State::Absent(_)))
}

fn is_root() -> bool {
    status("Uid:").split_whitespace().nth(1) == Some("0")
}

/// A line of what the kernel says of this process.
fn status(field: &str) -> String {
    let text = fs::read_to_string("/proc/self/status").expect("proc");
    text.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default().trim().to_owned()
}

fn privileges(folder: &Path) {
    if !is_root() {
        println!("SKIPPED: not root, so there is no user to change from");
    }
    let was_root = is_root();
    let sandbox = entered(folder);
    let names: Vec<&str> = sandbox.fences.iter().map(|fence| fence.name).collect();
    assert_eq!(names, ["user", "capabilities", "no-new-privileges", "not-dumpable", "landlock", "seccomp"]);
    assert!(!status("Uid:").split_whitespace().any(|id| id == "0"));
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(status(set).trim_start_matches('0'), "", "{set}");
    }
    if was_root {
        assert_eq!(status("CapBnd:").trim_start_matches('0'), "");
        assert!(!status("Gid:").split_whitespace().any(|id| id == "0"));
        assert!(!status("Groups:").split_whitespace().any(|id| id == "0"));
    }
    assert_eq!(status("NoNewPrivs:"), "1");
    if stands(&sandbox, "seccomp") {
        assert_eq!(status("Seccomp:"), "2");
    }
    let json = serde_json::to_value(&sandbox).expect("facts in JSON");
    assert_eq!(json["fences"][1]["name"], "capabilities");
    assert_eq!(json["fences"][1]["state"], "in-force");
}

fn files(folder: &Path) {
    let sandbox = entered(folder);
    assert!(sandbox.warnings.is_empty(), "{:?}", sandbox.warnings);
    let signature = folder.join("signatures/own.toml");
    assert_eq!(fs::read_to_string(&signature).expect("readable"), "id");
    assert!(fs::write(&signature, "changed").is_err());
    let records = folder.join("records");
    fs::write(records.join("a.jsonl.new"), "{}\n").expect("writable");
    fs::rename(records.join("a.jsonl.new"), records.join("a.jsonl")).expect("rotation");
    fs::remove_file(records.join("a.jsonl")).expect("rotation");
    assert!(fs::read_to_string("/proc/self/statm").is_ok());
    if stands(&sandbox, "landlock") {
        assert!(fs::read(folder.join("secret")).is_err());
        // A file that takes the place of another can be read at the next reload: someone else put it there before.
        assert_eq!(fs::read_to_string(folder.join("signatures/new.toml")).expect("readable"), "new");
        assert!(fs::read("/etc/hostname").is_err() && fs::read_dir("/usr").is_err());
    }
}

fn network(folder: &Path) {
    // Bound before: it stays.
    let before = TcpListener::bind("127.0.0.1:0").expect("a port");
    let there = before.local_addr().expect("an address");
    let sandbox = entered(folder);
    let own = TcpListener::bind("127.0.0.1:19977");
    assert!(own.is_ok() || own.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse));
    // Nothing is resolved or sent to find out that a socket can be made.
    UdpSocket::bind("127.0.0.1:0").expect("a socket");
    if stands(&sandbox, "landlock") && landlock_knows_ports(&sandbox) {
        assert_eq!(
            TcpStream::connect(there).map_err(|e| e.kind()).err(),
            Some(io::ErrorKind::PermissionDenied)
        );
        let other = TcpListener::bind("127.0.0.1:19978").map_err(|e| e.kind()).err();
        assert_eq!(other, Some(io::ErrorKind::PermissionDenied));
    }
}

fn landlock_knows_ports(sandbox: &Sandbox) -> bool {
    sandbox.fences.iter().any(|fence| fence.name == "landlock" && fence.state == State::InForce)
}

fn programs(folder: &Path) {
    let sandbox = entered(folder);
    if !stands(&sandbox, "seccomp") {
        println!("SKIPPED: no seccomp, so programs are not refused");
        return;
    }
    use std::os::unix::process::CommandExt;
    let error = Command::new("/bin/true").exec();
    println!("refused only: {error}");
}

fn memory(folder: &Path) {
    let sandbox = entered(folder);
    // Ordinary work goes on: memory, threads, time, standard output.
    let blocks: Vec<Vec<u8>> = (1..20).map(|size| vec![1; size << 20]).collect();
    let sum: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = blocks.iter().map(|block| scope.spawn(|| block.len())).collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread")).sum()
    });
    assert_eq!(sum, 190 << 20);
    std::thread::sleep(std::time::Duration::from_millis(1));
    println!("{sandbox:?}");
}

fn threads(folder: &Path) {
    std::thread::scope(|scope| {
        let (hold, held) = std::sync::mpsc::channel::<()>();
        scope.spawn(move || held.recv());
        let error =
            enter(&options(folder)).expect_err("another thread would keep its privileges").to_string();
        assert!(error.contains("before threads"), "{error}");
        drop(hold);
    });
}

fn unknown_user(folder: &Path) {
    let wrong = SandboxOptions { user: Some("no-such-user-here".to_owned()), ..options(folder) };
    let error = enter(&wrong).expect_err("nobody of that name").to_string();
    assert!(error.contains("no-such-user-here") && error.contains("adduser"), "{error}");
    let root = SandboxOptions { user: Some("root".to_owned()), ..options(folder) };
    assert!(enter(&root).expect_err("root is no drop").to_string().contains("must not be root"));
}

fn not_writable(folder: &Path) {
    if !is_root() {
        println!("SKIPPED: not root, so no directory belongs to another user");
        return;
    }
    fs::create_dir(folder.join("records")).expect("own folder");
    let error = enter(&options(folder)).expect_err("the directory is root's").to_string();
    assert!(error.contains("chown nobody"), "{error}");
}
