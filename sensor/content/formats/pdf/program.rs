//! Font programs: which text their glyphs stand for, where the document does not say (ISO 32000-2 sections 9.6.5.4 and 9.7.4).
//!
//! Owns: the character maps and glyph names within TrueType, OpenType and CFF programs. Never does: outlines, widths.

use super::encoding;
use lopdf::Document;
use std::collections::BTreeMap;
use ttf_parser::{Face, GlyphId, PlatformId, cff, cmap::Subtable};

/// Glyphs of a program whose names are read, each of which may cost a walk over all names; further ones have none. 256.
const NAMED: u16 = 256;
/// Character maps of a program that are read; applications write up to four. 8.
const MAPS: usize = 8;
/// The codes of a symbolic font begin here in its own map (OpenType specification, `cmap`, encoding 3.0).
const SYMBOLS: u32 = 0xf000;

/// A font program that was read.
pub(super) enum Program<'p> {
    /// TrueType or OpenType.
    Face(Box<Face<'p>>),
    /// CFF by itself.
    Compact(Box<cff::Table<'p>>),
}

impl<'p> Program<'p> {
    /// Reads a program; None when it is neither.
    pub(super) fn parse(data: &'p [u8]) -> Option<Self> {
        let face = Face::parse(data, 0).ok().map(|face| Self::Face(Box::new(face)));
        face.or_else(|| cff::Table::parse(data).map(|table| Self::Compact(Box::new(table))))
    }

    /// The text of its glyphs: by the characters that the program draws with them, or by their names.
    pub(super) fn glyphs(&self, document: &Document) -> BTreeMap<u16, String> {
        let mut glyphs = self.by_characters();
        for glyph in 0..NAMED.min(self.length()) {
            let name = || self.name(glyph).filter(|name| *name != ".notdef");
            if !glyphs.contains_key(&glyph)
                && let Some(text) = name().and_then(|name| encoding::glyph(name.as_bytes(), document))
            {
                glyphs.insert(glyph, text);
            }
        }
        glyphs
    }

    /// The glyph of a code of one byte, by the program's own encoding.
    pub(super) fn glyph_of(&self, code: u8) -> Option<u16> {
        let face = match self {
            Self::Compact(table) => return table.glyph_index(code).map(|glyph| glyph.0),
            Self::Face(face) => face,
        };
        let code = u32::from(code);
        let own = maps(face).filter(|map| !map.is_unicode());
        let glyph = |map: Subtable<'_>| {
            let symbol = || map.glyph_index(SYMBOLS + code);
            map.glyph_index(code).or_else(symbol).filter(|glyph| glyph.0 != 0)
        };
        own.filter(|map| matches!(map.platform_id, PlatformId::Windows | PlatformId::Macintosh))
            .find_map(glyph)
            .map(|glyph| glyph.0)
    }

    /// Asked for each character rather than listed by the map, whose ranges may claim to be endless. Of several characters
    /// that share a glyph, the first.
    fn by_characters(&self) -> BTreeMap<u16, String> {
        let mut glyphs = BTreeMap::new();
        let Self::Face(face) = self else { return glyphs };
        for map in maps(face).filter(Subtable::is_unicode) {
            let characters =
                (' '..='\u{ffff}').filter(|c| !c.is_control() && !matches!(c, '\u{e000}'..='\u{f8ff}'));
            for character in characters {
                if let Some(GlyphId(glyph)) = map.glyph_index(character.into()).filter(|glyph| glyph.0 != 0) {
                    glyphs.entry(glyph).or_insert_with(|| character.to_string());
                }
            }
        }
        glyphs
    }

    fn length(&self) -> u16 {
        match self {
            Self::Face(face) => face.number_of_glyphs(),
            Self::Compact(table) => table.number_of_glyphs(),
        }
    }

    fn name(&self, glyph: u16) -> Option<&str> {
        match self {
            Self::Face(face) => face.glyph_name(GlyphId(glyph)),
            Self::Compact(table) => table.glyph_name(GlyphId(glyph)),
        }
    }
}

fn maps<'p>(face: &Face<'p>) -> impl Iterator<Item = Subtable<'p>> + use<'p> {
    face.tables().cmap.into_iter().flat_map(|map| map.subtables).take(MAPS)
}
