//! Headers of mails and parts (RFC 5322, RFC 2045, RFC 2183), through the mail parser.
//!
//! Owns: the few facts that the walk needs of a header. Never does: bodies.

use mail_parser::{Address, Header, HeaderName, HeaderValue, MessageParser, MimeHeaders};

/// What a header says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PartHeader {
    /// Content type, lower-case, without parameters.
    pub(crate) media_type: Option<String>,
    pub(crate) charset: Option<String>,
    pub(crate) boundary: Option<String>,
    pub(crate) transfer_encoding: Option<String>,
    /// From the disposition or the content type, encoded words and RFC 2231 continuations decoded.
    pub(crate) filename: Option<String>,
    /// Name of a form field.
    pub(crate) field: Option<String>,
    /// Subject, addresses and the like as text for signatures: `Subject: …`, a line each.
    pub(crate) text: String,
}

/// Reads a header; `raw` may lack the blank line at its end.
pub(crate) fn parse(raw: &[u8]) -> PartHeader {
    let mut whole = raw.to_vec();
    whole.extend_from_slice(b"\r\n\r\n");
    let Some(message) = MessageParser::default().parse_headers(&whole) else { return PartHeader::default() };
    let content_type = message.content_type();
    let media_type = content_type.map(|value| match value.subtype() {
        Some(subtype) => format!("{}/{subtype}", value.ctype()).to_ascii_lowercase(),
        None => value.ctype().to_ascii_lowercase(),
    });
    let attribute = |name| content_type.and_then(|value| value.attribute(name)).map(str::to_owned);
    let disposition = message.content_disposition();
    let field = disposition.and_then(|value| value.attribute("name")).map(str::to_owned);
    PartHeader {
        media_type,
        charset: attribute("charset"),
        boundary: attribute("boundary"),
        transfer_encoding: message.content_transfer_encoding().map(str::to_owned),
        filename: message.attachment_name().map(str::to_owned).filter(|name| !name.is_empty()),
        field,
        text: message.headers().iter().filter_map(line).collect(),
    }
}

/// What a media type says with its parameters, where that is all the header there is.
pub(crate) fn of_media_type(media_type: &str) -> PartHeader {
    let token = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.' | b'_'))
    };
    if media_type.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype)) {
        // Most have no parameters, and need no parser.
        return PartHeader { media_type: Some(media_type.to_ascii_lowercase()), ..PartHeader::default() };
    }
    // The mail parser reads parameters by the rules of RFC 2045 and RFC 2231, which HTTP shares.
    parse(format!("Content-Type: {media_type}\r\n").as_bytes())
}

/// Header fields that people write, as text.
fn line(header: &Header<'_>) -> Option<String> {
    let name = match &header.name {
        HeaderName::Subject => "Subject",
        HeaderName::From => "From",
        HeaderName::To => "To",
        HeaderName::Cc => "Cc",
        HeaderName::Bcc => "Bcc",
        HeaderName::ReplyTo => "Reply-To",
        HeaderName::Comments => "Comments",
        HeaderName::Keywords => "Keywords",
        HeaderName::ContentDescription => "Content-Description",
        HeaderName::Sensitivity => "Sensitivity",
        HeaderName::Other(name) if is_own(name) || is_label(name) => name,
        _ => return None,
    };
    let value = match &header.value {
        HeaderValue::Text(text) => text.to_string(),
        HeaderValue::TextList(list) => list.join(", "),
        HeaderValue::Address(address) => addresses(address),
        _ => return None,
    };
    Some(format!("{name}: {value}\n"))
}

/// A field of a program's or an organisation's own.
fn is_own(name: &str) -> bool {
    name.len() > 2 && name.get(..2).is_some_and(|x| x.eq_ignore_ascii_case("x-"))
}

/// Fields that say how sensitive a mail is, beside Sensitivity of RFC 2156 section 5.3.4: RFC 7444, Microsoft Purview, Australia's and Britain's
/// protective markings.
fn is_label(name: &str) -> bool {
    const LABELS: [&str; 5] =
        ["msip_labels", "classification", "protective-marking", "sio-label", "security-label"];
    LABELS.iter().any(|label| label.eq_ignore_ascii_case(name))
}

fn addresses(address: &Address<'_>) -> String {
    address
        .iter()
        .map(|one| match (&one.name, &one.address) {
            (Some(name), Some(address)) => format!("{name} <{address}>"),
            (name, address) => name.as_deref().or(address.as_deref()).unwrap_or_default().to_owned(),
        })
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_media_type_without_parameters_is_read_as_the_parser_does(media_type in "[A-Za-z0-9+._-]{0,9}/?[A-Za-z0-9+._-]{0,9}") {
            prop_assert_eq!(of_media_type(&media_type), parse(format!("Content-Type: {media_type}\r\n").as_bytes()));
        }
    }

    #[test]
    fn a_mail_header_gives_its_text_and_its_type() {
        let header = parse(
            b"From: =?utf-8?q?J=C3=BCrgen?= <j@corp.example>\r\nSubject: =?UTF-8?B?R2Vow6RsdGVy?=\r\n\
              Content-Type: multipart/Mixed;\r\n boundary=\"=_x\"\r\n",
        );
        assert_eq!(header.text, "From: Jürgen <j@corp.example>\nSubject: Gehälter\n");
        assert_eq!(header.media_type.as_deref(), Some("multipart/mixed"));
        assert_eq!(header.boundary.as_deref(), Some("=_x"));
    }

    #[test]
    fn labels_of_a_mail_are_text() {
        let header = parse(
            b"From: a@corp.example\r\nSensitivity: Company-Confidential\r\nmsip_labels: MSIP_Label_1_Name=Secret;\r\n\
              X-Classification: Restricted\r\nMessage-ID: <1@corp.example>\r\n",
        );
        let labels = "Sensitivity: Company-Confidential\nmsip_labels: MSIP_Label_1_Name=Secret;\n";
        assert_eq!(header.text, format!("From: a@corp.example\n{labels}X-Classification: Restricted\n"));
    }

    #[test]
    fn a_part_header_gives_its_names() {
        let form = parse(b"Content-Disposition: form-data; name=\"file\"; filename=\"q3 report.xlsx\"\r\nContent-Type: text/csv; charset=utf-8\r\n\r\n");
        assert_eq!(form.field.as_deref(), Some("file"));
        assert_eq!(form.filename.as_deref(), Some("q3 report.xlsx"));
        assert_eq!((form.media_type.as_deref(), form.charset.as_deref()), (Some("text/csv"), Some("utf-8")));
        let mail = parse(
            b"Content-Disposition: attachment;\r\n filename*0*=utf-8''Geh%C3%A4;\r\n filename*1=lter.csv\r\nContent-Transfer-Encoding: base64\r\n",
        );
        assert_eq!(mail.filename.as_deref(), Some("Gehälter.csv"));
        assert_eq!(mail.transfer_encoding.as_deref(), Some("base64"));
    }

    #[test]
    fn an_empty_header_says_nothing() {
        assert_eq!(parse(b""), PartHeader::default());
    }
}
