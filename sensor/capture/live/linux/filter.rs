//! The capture filter as a program for packet sockets.
//!
//! Owns: having libpcap compile it for an interface. Never does: running it.

use super::program::{Instruction, code};
use crate::live::{LiveError, LiveOptions};
use pcap::{BpfProgram, Capture, Linktype};

/// libpcap's number for raw IP, which is what interfaces without a link header give.
const RAW_IP: i32 = 12;

/// Takes nothing.
pub(super) const NOTHING: [Instruction; 1] =
    [Instruction { code: code::RETURN_NUMBER, jump_true: 0, jump_false: 0, operand: 0 }];

/// The program for `interface`: keeps `snap_length` bytes of each frame that passes the filter.
pub(super) fn compile(options: &LiveOptions, interface: &str) -> Result<Vec<Instruction>, LiveError> {
    let keep = u32::try_from(options.snap_length.max(1)).unwrap_or(u32::MAX);
    let Some(filter) = &options.filter else {
        return Ok(vec![Instruction { operand: keep, ..NOTHING[0] }]);
    };
    let wrong = |reason: String| LiveError::Filter { filter: filter.clone(), reason };
    let program = compiled(filter, interface).map_err(wrong)?;
    let mut instructions = Vec::new();
    for instruction in program.get_instructions() {
        let mut one = parsed(&instruction.to_string())
            .ok_or_else(|| wrong("libpcap gave an unknown program".to_owned()))?;
        if one.code == code::RETURN_NUMBER && one.operand != 0 {
            one.operand = keep;
        }
        instructions.push(one);
    }
    Ok(instructions)
}

/// A program that knows where the kernel keeps VLAN tags can only be made for a socket. Where the interface does not exist yet,
/// the loopback interface stands in, which is of Ethernet's kind, too.
fn compiled(filter: &str, interface: &str) -> Result<BpfProgram, String> {
    for name in [interface, "lo"] {
        let opened = Capture::from_device(name).and_then(Capture::open);
        let Ok(capture) = opened else { continue };
        let link = capture.get_datalink();
        if link != Linktype::ETHERNET && link.0 != RAW_IP {
            return Err(format!("{name} is neither of Ethernet's kind nor bare IP, so it takes no filter"));
        }
        return capture.compile(filter, true).map_err(in_words);
    }
    // Without tags that the kernel took out, which matters to the word "vlan" only.
    Capture::dead(Linktype::ETHERNET).and_then(|capture| capture.compile(filter, true)).map_err(in_words)
}

fn in_words(error: pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(reason) => reason,
        other => other.to_string(),
    }
}

/// An instruction as libpcap's binding prints it, which is the only way it shows one.
fn parsed(text: &str) -> Option<Instruction> {
    let mut numbers = text.split(' ').map(str::parse::<u32>);
    let mut number = || numbers.next()?.ok();
    Some(Instruction {
        code: number()?.try_into().ok()?,
        jump_true: number()?.try_into().ok()?,
        jump_false: number()?.try_into().ok()?,
        operand: number()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(filter: Option<&str>) -> LiveOptions {
        LiveOptions { filter: filter.map(str::to_owned), snap_length: 999, ..LiveOptions::default() }
    }

    #[test]
    fn a_filter_becomes_a_program_that_keeps_the_snap_length() {
        let program =
            compile(&options(Some("tcp port 80 and not host 10.0.0.1")), "no-such-interface").unwrap();
        assert!(program.len() > 10, "{program:?}");
        let returns: Vec<u32> =
            program.iter().filter(|one| one.code == code::RETURN_NUMBER).map(|one| one.operand).collect();
        assert!(returns.contains(&999) && returns.contains(&0), "{returns:?}");
        assert_eq!(returns.len(), 2);
        let everything = compile(&options(None), "no-such-interface").unwrap();
        assert_eq!(everything, [Instruction { operand: 999, ..NOTHING[0] }]);
    }

    #[test]
    fn a_wrong_filter_is_told_in_libpcaps_words() {
        let error = compile(&options(Some("tcp prt 80")), "no-such-interface").unwrap_err().to_string();
        assert!(error.contains("tcp prt 80") && error.contains("syntax error"), "{error}");
    }
}
