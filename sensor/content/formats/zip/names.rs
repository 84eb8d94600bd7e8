//! Names of zip members: UTF-8, or code page 437 as the format's first tool wrote them (APPNOTE appendix D).

/// The upper half of code page 437.
const UPPER_HALF: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// A member's name as text, with `/` between folders. Tools that write UTF-8 without saying so are common, so valid
/// UTF-8 is taken as such.
pub(super) fn decode(raw: &[u8]) -> String {
    let name = match std::str::from_utf8(raw) {
        Ok(name) => name.to_owned(),
        Err(_) => raw.iter().map(|&byte| character(byte)).collect(),
    };
    name.replace('\\', "/")
}

fn character(byte: u8) -> char {
    if byte < 0x80 {
        char::from(byte)
    } else {
        UPPER_HALF.chars().nth(usize::from(byte) - 0x80).unwrap_or(char::REPLACEMENT_CHARACTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_utf_8_or_code_page_437() {
        assert_eq!(UPPER_HALF.chars().count(), 128);
        assert_eq!(decode("übung.txt".as_bytes()), "übung.txt");
        assert_eq!(decode(b"\x81bung\\\xfe.txt"), "übung/■.txt");
        assert_eq!(decode(b"\xff"), "\u{a0}");
    }
}
