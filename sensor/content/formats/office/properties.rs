//! Document properties, sensitivity labels and the targets of links.
//!
//! Owns: their names and values as lines of text (`MSIP_Label_…_Name: Confidential`). Never does: judging them.

use crate::formats::package::Package;
use crate::formats::text::Text;
use crate::formats::xml::Node;

/// Reads `docProps/*.xml` and `docMetadata/LabelInfo.xml`: each property a line `name: value`.
pub(super) fn read(package: &Package<'_>, index: usize, text: &mut Text<'_>) {
    // Names of the open elements, and of the custom property that is open.
    let mut open: Vec<String> = Vec::new();
    let mut custom = None;
    let mut value = String::new();
    package.read(index, text, &mut |node, text| match node {
        Node::Start(element) => {
            value.clear();
            match element.name() {
                "property" => custom = element.attribute("name"),
                "label" => element.attributes().for_each(|(name, value)| text.property(&name, &value)),
                _ => {}
            }
            if open.len() < 16 {
                open.push(element.name().to_owned());
            }
        }
        Node::Text(piece) => value.push_str(piece),
        Node::End(name) => {
            // Vectors and variants only wrap values; the name is that of the element around them.
            let wrapped = open
                .iter()
                .rev()
                .find(|name| !matches!(name.as_str(), "lpstr" | "lpwstr" | "variant" | "vector"));
            let name = custom.as_deref().or(wrapped.map(String::as_str)).unwrap_or(name);
            text.property(name, &value);
            value.clear();
            if open.pop().as_deref() == Some("property") {
                custom = None;
            }
        }
    });
    text.line();
}

/// Reads a relationships part: the external targets, which are the links of a document.
pub(super) fn external_targets(package: &Package<'_>, index: usize, text: &mut Text<'_>) {
    package.read(index, text, &mut |node, text| {
        if let Node::Start(element) = node
            && element.attribute("TargetMode").is_some_and(|mode| mode.eq_ignore_ascii_case("external"))
            && let Some(target) = element.attribute("Target")
        {
            text.line();
            text.push(&target);
            text.line();
        }
    });
}
