//! Programs that the kernel runs on packets: classic BPF, as `linux/filter.h` has it.
//!
//! Owns: their instructions, and an assembler for those that this crate writes itself. Never does: compiling filters, which is
//! libpcap's work.

/// One instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) code: u16,
    /// Instructions skipped when a condition holds, and when it doesn't.
    pub(super) jump_true: u8,
    pub(super) jump_false: u8,
    pub(super) operand: u32,
}

/// Offsets from here on count from the network header, wherever the packet's data begins (`SKF_NET_OFF`).
pub(super) const NETWORK: u32 = -0x10_0000_i32 as u32;
/// The EtherType that the kernel found, behind a first VLAN tag (`SKF_AD_OFF + SKF_AD_PROTOCOL`).
pub(super) const PROTOCOL: u32 = -0x1000_i32 as u32;

/// Classes, sizes and modes of instructions, and the operations of this crate's programs.
pub(super) mod code {
    pub(crate) const LOAD_WORD: u16 = 0x20;
    pub(crate) const LOAD_WORD_AT_X: u16 = 0x40;
    pub(crate) const LOAD_HALF_AT_X: u16 = 0x48;
    pub(crate) const LOAD_BYTE_AT_X: u16 = 0x50;
    pub(crate) const LOAD_NUMBER: u16 = 0x00;
    pub(crate) const LOAD_MEMORY: u16 = 0x60;
    pub(crate) const X_NUMBER: u16 = 0x01;
    pub(crate) const X_MEMORY: u16 = 0x61;
    pub(crate) const STORE: u16 = 0x02;
    pub(crate) const ADD: u16 = 0x04;
    pub(crate) const ADD_X: u16 = 0x0c;
    pub(crate) const MULTIPLY: u16 = 0x24;
    pub(crate) const AND: u16 = 0x54;
    pub(crate) const SHIFT_LEFT: u16 = 0x64;
    pub(crate) const SHIFT_RIGHT: u16 = 0x74;
    pub(crate) const XOR: u16 = 0xa4;
    pub(crate) const XOR_X: u16 = 0xac;
    pub(crate) const A_TO_X: u16 = 0x07;
    pub(crate) const X_TO_A: u16 = 0x87;
    pub(crate) const JUMP: u16 = 0x05;
    pub(crate) const IF_EQUAL: u16 = 0x15;
    pub(crate) const IF_ANY_BIT: u16 = 0x45;
    pub(crate) const RETURN_NUMBER: u16 = 0x06;
    pub(crate) const RETURN_A: u16 = 0x16;
}

/// A place in a program, possibly one that is not written yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Label(usize);

/// Writes a program from its start to its end; jumps go forwards only, as the kernel demands.
#[derive(Default)]
pub(super) struct Assembler {
    instructions: Vec<Instruction>,
    /// Where each label is.
    places: Vec<usize>,
    /// Jumps to be completed: the instruction, and the label.
    jumps: Vec<(usize, Label)>,
}

impl Assembler {
    /// A label to be placed later.
    pub(super) fn label(&mut self) -> Label {
        self.places.push(usize::MAX);
        Label(self.places.len() - 1)
    }

    /// Puts `label` here.
    pub(super) fn place(&mut self, label: Label) {
        if let Some(place) = self.places.get_mut(label.0) {
            *place = self.instructions.len();
        }
    }

    pub(super) fn then(&mut self, code: u16, operand: u32) -> &mut Self {
        self.instructions.push(Instruction { code, jump_true: 0, jump_false: 0, operand });
        self
    }

    pub(super) fn jump(&mut self, label: Label) {
        self.jumps.push((self.instructions.len(), label));
        self.then(code::JUMP, 0);
    }

    /// Goes to `label` if the accumulator meets the condition, else on. A condition alone can't reach far, so it skips a jump.
    pub(super) fn jump_if(&mut self, condition: u16, operand: u32, label: Label) {
        self.instructions.push(Instruction { code: condition, jump_true: 0, jump_false: 1, operand });
        self.jump(label);
    }

    /// Goes to `label` unless the accumulator meets the condition.
    pub(super) fn jump_unless(&mut self, condition: u16, operand: u32, label: Label) {
        self.instructions.push(Instruction { code: condition, jump_true: 1, jump_false: 0, operand });
        self.jump(label);
    }

    /// The program. Every label that is jumped to has been placed behind the jump: a test holds this crate's programs to it.
    pub(super) fn finish(mut self) -> Vec<Instruction> {
        for (from, label) in self.jumps {
            let to = self.places.get(label.0).copied().unwrap_or(usize::MAX);
            if let Some(instruction) = self.instructions.get_mut(from) {
                instruction.operand = u32::try_from(to.wrapping_sub(from + 1)).unwrap_or(u32::MAX);
            }
        }
        self.instructions
    }
}
