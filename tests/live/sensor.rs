//! A running `egret run`, and what others send past it.

use crate::network::{FAR_ADDRESS, Network, SENSOR_ADDRESS, SENSOR_END, is_there, run, skipped};
use crate::support;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

/// Long enough for anything that will ever happen.
const FOREVER: Duration = Duration::from_secs(60);

/// A process that is ended, by its number, when its owner goes.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// Sends it a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        run(Command::new("kill").args([&format!("-{name}"), &self.0.id().to_string()]));
    }

    /// Waits for its end and gives its exit status; None if a signal ended it.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        self.0.wait().expect("a child").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `egret run` at the sensor's end of the cable.
pub(crate) struct Sensor {
    pub(crate) process: Running,
    /// Its folder of records.
    pub(crate) records: PathBuf,
    log: Option<BufReader<ChildStderr>>,
    /// What it said until it was ready.
    pub(crate) said: String,
}

impl Sensor {
    /// Starts it and waits until it captures.
    pub(crate) fn start(network: &Network, records: &Path, arguments: &[&str]) -> Self {
        // The namespace's `ip` is replaced by the sensor, so the child's number is the sensor's.
        let mut command = network.inside(env!("CARGO_BIN_EXE_egret"));
        command.args([
            "run",
            "--interface",
            SENSOR_END,
            "--internal",
            &format!("{FAR_ADDRESS}/32"),
            "--output",
        ]);
        command
            .arg(records)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the sensor starts");
        let mut log = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut said = String::new();
        let records = records.to_owned();
        while !said.lines().any(|line| line.contains("started")) {
            let bytes = log.read_line(&mut said).expect("a log in UTF-8");
            assert!(bytes > 0, "the sensor ended: {said}");
        }
        Self { process: Running(child), records, log: Some(log), said }
    }

    /// Ends it as a service manager would, and gives its last summary. The log is read to its end.
    pub(crate) fn stop(mut self) -> Value {
        self.process.signal("TERM");
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.log.take().expect("a log"), &mut rest)
            .expect("a log in UTF-8");
        assert_eq!(self.process.ended(), Some(0), "{rest}");
        let summary = fs::read(self.records.join("summary.json")).expect("a summary");
        let summary: Value = serde_json::from_slice(&summary).expect("a summary in JSON");
        let account = &summary["packet_account"];
        let sum: u64 =
            ["processed", "dropped_by_kernel"].iter().filter_map(|key| account[key].as_u64()).sum();
        let shed: u64 =
            account["shed"].as_object().into_iter().flatten().filter_map(|(_, n)| n.as_u64()).sum();
        assert_eq!(
            account["received"].as_u64(),
            Some(sum + shed),
            "packets are not accounted for: {account}"
        );
        summary
    }

    /// A line of what the kernel says of the process.
    pub(crate) fn status(&self, field: &str) -> String {
        let text =
            fs::read_to_string(format!("/proc/{}/status", self.process.0.id())).expect("a running process");
        text.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default().trim().to_owned()
    }

    /// Waits until `enough` holds of its records, or has waited forever.
    pub(crate) fn wait_for(&self, what: &str, enough: impl Fn(&Path) -> bool) {
        wait_for(what, || enough(&self.records));
    }
}

/// Waits until `holds` does; fails when it never does.
#[expect(clippy::disallowed_methods, reason = "a test that waits for others must give up some time")]
pub(crate) fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < FOREVER, "waited for {what} in vain");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The whole lines of all files of one kind in a folder of records, the rotated ones too, by name.
pub(crate) fn records(folder: &Path, kind: &str) -> Vec<Value> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    files.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(kind)));
    files.sort();
    let mut found = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| text.get(..=end).unwrap_or_default());
        found.extend(whole.lines().map(|line| {
            serde_json::from_str::<Value>(line)
                .unwrap_or_else(|error| panic!("{}: {error}: {line}", path.display()))
        }));
    }
    found
}

/// Servers for HTTP, mail and files at the sensor's end.
pub(crate) struct Servers {
    _process: Running,
    pub(crate) have_ftp: bool,
}

impl Servers {
    /// Starts them, with a folder below `folder` for what FTP takes; None, said aloud, where Python is missing.
    pub(crate) fn start(network: &Network, folder: &Path) -> Option<Self> {
        for tool in ["python3", "curl", "tcpdump"] {
            if !is_there(tool) {
                skipped(&format!("`egret run` was not tested with real traffic: `{tool}` is not installed"));
                return None;
            }
        }
        let folder = folder.join("served");
        fs::create_dir_all(&folder).expect("own folder");
        // Debian's pyftpdlib belongs to Debian's Python.
        let python = if Path::new("/usr/bin/python3").exists() { "/usr/bin/python3" } else { "python3" };
        let mut command = network.inside(python);
        command
            .arg("-W")
            .arg("ignore")
            .arg(support::file("tests/live/servers.py"))
            .arg(SENSOR_ADDRESS)
            .arg(folder);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("Python starts");
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let process = Running(child);
        output.read_line(&mut line).expect("servers that say that they are ready");
        assert!(line.starts_with("ready"), "the servers did not start: {line:?}");
        let have_ftp = line.trim() == "ready";
        if !have_ftp {
            skipped("FTP past a running sensor was not tested: python3-pyftpdlib is not installed");
        }
        Some(Self { _process: process, have_ftp })
    }
}

/// A file with `rows` social security numbers that nobody else's file has.
pub(crate) fn patients(folder: &Path, name: &str, rows: u32, first: u32) -> PathBuf {
    let mut text = String::from("patient,social security number,ward\n");
    for row in 0..rows {
        let number = first + row;
        let (area, group, serial) = (101 + number / 97 % 500, 11 + number % 80, 1001 + number % 8000);
        text.push_str(&format!("Patient {number},{area:03}-{group:02}-{serial:04},west\n"));
    }
    let path = folder.join(name);
    fs::write(&path, text).expect("a temporary file");
    path
}

/// A curl at the far end that must succeed.
pub(crate) fn curl(network: &Network, arguments: &[&str]) {
    let mut command = network.outside("curl");
    run(command
        .args(["--silent", "--show-error", "--fail", "--max-time", "60", "--output", "/dev/null"])
        .args(arguments));
}

/// Sends a mail with an attachment, as Python's own client does.
pub(crate) fn mail(network: &Network, attachment: &Path) {
    const CLIENT: &str = "
import smtplib, sys
from email.message import EmailMessage
message = EmailMessage()
message['From'], message['To'], message['Subject'] = 'alice@corp.example', 'bob@other.example', 'the list'
message.set_content('See the attachment.')
message.add_attachment(open(sys.argv[2]).read(), subtype='csv', filename='patients.csv')
with smtplib.SMTP(sys.argv[1], 25, local_hostname='alice-lt', timeout=60) as server:
    server.send_message(message)
";
    run(network.outside("python3").args(["-c", CLIENT, SENSOR_ADDRESS]).arg(attachment));
}
