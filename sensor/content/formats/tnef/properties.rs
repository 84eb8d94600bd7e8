//! Lists of properties within an attribute ([MS-OXTNEF] section 2.1.3.4).
//!
//! Owns: their layout. Never does: knowing what a property means.

use egret_model::{Cursor, Truncated};
use encoding_rs::Encoding;

/// Types of properties ([MS-OXCDATA] section 2.11.1) whose values have a length of their own.
const OBJECT: u16 = 0x000d;
const NARROW: u16 = 0x001e;
const WIDE: u16 = 0x001f;
const BINARY: u16 = 0x0102;
/// Together with a type: any number of values.
const MANY: u16 = 0x1000;

/// Identifiers from here on are followed by the property's name.
const NAMED: u16 = 0x8000;

/// One value of a property.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    pub(super) id: u16,
    kind: u16,
    pub(super) data: &'a [u8],
    /// All of it is there.
    pub(super) whole: bool,
}

impl<'a> Value<'a> {
    pub(super) const fn is_binary(&self) -> bool {
        self.kind == BINARY
    }

    /// Without the identifier of the interface by which an object is read: a mail or a compound file is left.
    pub(super) fn content(&self) -> &'a [u8] {
        let interface = if self.kind == OBJECT { 16 } else { 0 };
        self.data.get(interface..).unwrap_or_default()
    }

    /// Its text, if it is one.
    pub(super) fn text(&self, narrow: &'static Encoding) -> Option<String> {
        let text = match self.kind {
            NARROW => narrow.decode_without_bom_handling(self.data).0,
            WIDE => encoding_rs::UTF_16LE.decode_without_bom_handling(self.data).0,
            _ => return None,
        };
        Some(text.trim_end_matches('\0').to_owned())
    }
}

/// Hands every value of the list at `rest` to `visit`, also what there is of a cut one. Every value takes bytes of the input, so
/// that counts that lie cost nothing.
pub(super) fn each<'a>(rest: &mut Cursor<'a>, visit: &mut dyn FnMut(Value<'a>)) -> Result<(), Truncated> {
    let count = rest.u32_le()?;
    for _ in 0..count {
        let kind = rest.u16_le()?;
        let id = rest.u16_le()?;
        if id >= NAMED {
            name(rest)?;
        }
        let single = kind & !MANY;
        let values = match single {
            OBJECT | NARROW | WIDE | BINARY => rest.u32_le()?,
            _ if kind & MANY != 0 => rest.u32_le()?,
            _ => 1,
        };
        for _ in 0..values {
            let length = match single {
                OBJECT | NARROW | WIDE | BINARY => rest.u32_le()? as usize,
                // Numbers, times and identifiers of a class.
                0x0005..=0x0007 | 0x0014 | 0x0040 => 8,
                0x0048 => 16,
                _ => 4,
            };
            let data = rest.peek(length).unwrap_or_else(|_| rest.rest());
            visit(Value { id, kind: single, data, whole: data.len() == length });
            padded(rest, length)?;
        }
    }
    Ok(())
}

/// Passes over the name of a property (section 2.1.3.4: a set, and a number or a text within it).
fn name(rest: &mut Cursor<'_>) -> Result<(), Truncated> {
    rest.skip(16)?;
    if rest.u32_le()? == 0 {
        rest.skip(4)
    } else {
        let length = rest.u32_le()? as usize;
        padded(rest, length)
    }
}

/// Values fill whole groups of four bytes; at the very end the filling may be missing.
fn padded(rest: &mut Cursor<'_>, length: usize) -> Result<(), Truncated> {
    rest.skip(length)?;
    let filling = (4 - length % 4) % 4;
    rest.skip(filling.min(rest.remaining()))
}
