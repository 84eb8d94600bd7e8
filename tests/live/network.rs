//! Two network namespaces with a cable between them.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Says why a test, or a part of it, is not run; past the test runner, which would keep it to itself.
pub(crate) fn skipped(reason: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {reason}");
}

/// A namespace for those who send and one in which the sensor stands, with the cable's ends `out0` and `in0`.
pub(crate) struct Network {
    outside: String,
    inside: String,
}

/// The cable's end at the sensor, and the other.
pub(crate) const SENSOR_END: &str = "in0";
pub(crate) const FAR_END: &str = "out0";
/// Their addresses.
pub(crate) const SENSOR_ADDRESS: &str = "10.77.0.2";
pub(crate) const FAR_ADDRESS: &str = "10.77.0.1";

static MADE: AtomicU32 = AtomicU32::new(0);

impl Network {
    /// Two namespaces with the cable; None, said aloud, where the machine has no such thing.
    pub(crate) fn with_cable() -> Option<Self> {
        let network = Self::without_cable()?;
        network.plug();
        Some(network)
    }

    /// Two namespaces and no cable yet.
    pub(crate) fn without_cable() -> Option<Self> {
        for tool in ["ip", "tcpreplay", "ethtool"] {
            if !is_there(tool) {
                skipped(&format!(
                    "live capture was not tested: `{tool}` is not installed (make packages-test)"
                ));
                return None;
            }
        }
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = |end: &str| format!("egret-{}-{number}-{end}", std::process::id());
        let network = Self { outside: name("out"), inside: name("in") };
        for namespace in [&network.outside, &network.inside] {
            let made = Command::new("ip").args(["netns", "add", namespace]).output().expect("ip starts");
            if !made.status.success() {
                let reason = String::from_utf8_lossy(&made.stderr).trim().to_owned();
                skipped(&format!(
                    "live capture was not tested: this process may not make network namespaces ({reason}); run as root"
                ));
                return None;
            }
            // Nothing on the cable but what a test sends.
            let quiet = "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6";
            run(Command::new("ip").args(["netns", "exec", namespace, "sh", "-c", quiet]));
            run(Command::new("ip").args(["-n", namespace, "link", "set", "lo", "up"]));
        }
        Some(network)
    }

    /// Lays the cable and brings both ends up.
    pub(crate) fn plug(&self) {
        let Self { outside, inside } = self;
        let cable =
            format!("link add {FAR_END} netns {outside} type veth peer name {SENSOR_END} netns {inside}");
        run(Command::new("ip").args(cable.split(' ')));
        for (namespace, end, address) in
            [(outside, FAR_END, FAR_ADDRESS), (inside, SENSOR_END, SENSOR_ADDRESS)]
        {
            run(Command::new("ip").args(["-n", namespace, "link", "set", end, "mtu", "9000", "up"]));
            run(Command::new("ip").args([
                "-n",
                namespace,
                "address",
                "add",
                &format!("{address}/24"),
                "dev",
                end,
            ]));
            // Packets of the size and with the checksums that a wire would carry.
            let offloads = ["-K", end, "tx", "off", "tso", "off", "gso", "off", "gro", "off"];
            let mut ethtool = Command::new("ip");
            ethtool.args(["netns", "exec", namespace, "ethtool"]).args(offloads).stdout(Stdio::null());
            run(&mut ethtool);
        }
    }

    /// Takes the cable away: both ends vanish.
    pub(crate) fn unplug(&self) {
        run(Command::new("ip").args(["-n", &self.inside, "link", "delete", SENSOR_END]));
    }

    /// Brings the sensor's end up or down.
    pub(crate) fn set_link(&self, up: bool) {
        let state = if up { "up" } else { "down" };
        run(Command::new("ip").args(["-n", &self.inside, "link", "set", SENSOR_END, state]));
    }

    /// A command that runs at the far end of the cable.
    pub(crate) fn outside(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        command_in(&self.outside, program)
    }

    /// A command that runs where the sensor is.
    pub(crate) fn inside(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        command_in(&self.inside, program)
    }

    /// Sends the frames of captures down the cable, from the far end.
    pub(crate) fn send(&self, captures: &[&Path]) {
        for capture in captures {
            let mut replay = self.outside("tcpreplay");
            replay.args(["-q", "--pps=2000", "-i", FAR_END]).arg(capture).stdout(Stdio::null());
            run(&mut replay);
        }
    }

    /// Moves the calling thread to where the sensor is.
    pub(crate) fn enter(&self) {
        let namespace = File::open(format!("/run/netns/{}", self.inside)).expect("the namespace");
        rustix::thread::move_into_link_name_space(
            namespace.as_fd(),
            Some(rustix::thread::LinkNameSpaceType::Network),
        )
        .expect("root may enter a namespace");
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for namespace in [&self.outside, &self.inside] {
            let _ = Command::new("ip").args(["netns", "delete", namespace]).output();
        }
    }
}

/// Runs a command that must succeed.
pub(crate) fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).stderr(Stdio::piped()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// True if a program of this name is in the search path.
pub(crate) fn is_there(tool: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths)
        .any(|folder| fs::metadata(folder.join(tool)).is_ok_and(|file| file.is_file()))
}

fn command_in(namespace: &str, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace]).arg(program);
    command
}
