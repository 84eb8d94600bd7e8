//! Splits markup into text and tags, whatever its faults. Every byte is looked at a bounded number of times.

/// What markup consists of. Comments, CDATA sections and instructions are [`Token::Raw`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Text with character references.
    Text(&'a str),
    /// Text without: a script, a comment, a CDATA section.
    Raw(&'a str),
    /// A start tag.
    Start(Tag<'a>),
    /// An end tag: its name.
    End(&'a str),
}

/// A start tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag<'a> {
    /// Its name as written.
    pub(super) name: &'a str,
    attributes: &'a str,
}

/// The tokens of a document.
pub(super) struct Tokens<'a> {
    rest: &'a str,
    is_html: bool,
    /// The raw text element that was just begun: what follows is its content up to its end tag.
    raw: Option<&'a str>,
    /// No `]>` follows any more.
    is_without_subset_end: bool,
}

impl<'a> Tokens<'a> {
    pub(super) const fn html(source: &'a str) -> Self {
        Self { rest: source, is_html: true, raw: None, is_without_subset_end: false }
    }

    pub(super) const fn xml(source: &'a str) -> Self {
        Self { rest: source, is_html: false, raw: None, is_without_subset_end: false }
    }

    /// Takes what stands before `end` and passes over `end`; everything, if there is none.
    fn take_until(&mut self, end: &str) -> &'a str {
        let (taken, rest) = self.rest.split_once(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    /// The content of a raw text element. None for style sheets, which are no content.
    fn raw_content(&mut self, name: &str) -> Option<Token<'a>> {
        let is_end = |position: &usize| {
            let behind = self.rest.get(position + 2..).unwrap_or_default();
            behind.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name))
        };
        let end = self.rest.match_indices("</").map(|(position, _)| position).find(is_end);
        let (content, rest) = self.rest.split_at_checked(end.unwrap_or(self.rest.len()))?;
        self.rest = rest;
        let is_content = name.eq_ignore_ascii_case("script") && !content.trim().is_empty();
        is_content.then_some(Token::Raw(content))
    }

    /// The token at the `<` that `self.rest` starts with. None: there is nothing to show of it.
    fn at_bracket(&mut self) -> Option<Token<'a>> {
        let behind = self.rest.get(1..).unwrap_or_default();
        if let Some(comment) = behind.strip_prefix("!--") {
            self.rest = comment;
            return Some(Token::Raw(self.take_until("-->")));
        }
        if let Some(section) = behind.strip_prefix("![CDATA[") {
            self.rest = section;
            return Some(Token::Raw(self.take_until("]]>")));
        }
        match behind.chars().next() {
            Some('!') => self.declaration(),
            Some('?') => {
                self.rest = behind;
                let instruction = self.take_until(">");
                (!instruction.starts_with("?xml")).then_some(Token::Raw(instruction))
            }
            Some('/') => {
                let (name, _) = split_name(behind.get(1..).unwrap_or_default());
                self.take_until(">");
                Some(Token::End(name))
            }
            Some(first) if first.is_alphabetic() || first == '_' => self.start_tag(behind),
            _ => {
                self.rest = behind;
                Some(Token::Text("<"))
            }
        }
    }

    /// A declaration. An internal subset is shown: entities may hold anything.
    fn declaration(&mut self) -> Option<Token<'a>> {
        let whole = self.rest;
        let declaration = self.take_until(">");
        if self.is_html
            || !declaration.contains('[')
            || declaration.contains(']')
            || self.is_without_subset_end
        {
            return None;
        }
        let Some((subset, rest)) = whole.split_once("]>") else {
            // None further on either: it is not searched for again.
            self.is_without_subset_end = true;
            return None;
        };
        self.rest = rest;
        Some(Token::Raw(subset))
    }

    fn start_tag(&mut self, behind: &'a str) -> Option<Token<'a>> {
        let (name, after) = split_name(behind);
        let Some(end) = tag_end(after) else {
            // A tag that never ends: what it swallows is shown as text.
            self.rest = "";
            return Some(Token::Text(behind));
        };
        let (attributes, rest) = after.split_at_checked(end)?;
        self.rest = rest.get(1..).unwrap_or_default();
        if self.is_html && (name.eq_ignore_ascii_case("script") || name.eq_ignore_ascii_case("style")) {
            self.raw = Some(name);
        }
        Some(Token::Start(Tag { name, attributes }))
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            if let Some(name) = self.raw.take()
                && let Some(token) = self.raw_content(name)
            {
                return Some(token);
            }
            let position = self.rest.find('<').unwrap_or(self.rest.len());
            if position > 0 {
                let (text, rest) = self.rest.split_at_checked(position)?;
                self.rest = rest;
                return Some(Token::Text(text));
            }
            if self.rest.is_empty() {
                return None;
            }
            if let Some(token) = self.at_bracket() {
                return Some(token);
            }
        }
    }
}

impl<'a> Tag<'a> {
    /// True if the tag is its own end tag (XML).
    pub(super) fn is_empty_element(&self) -> bool {
        self.attributes.ends_with('/')
    }

    /// Names and values of its attributes, character references not resolved.
    pub(super) fn attributes(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let mut rest = self.attributes;
        std::iter::from_fn(move || {
            loop {
                rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/' || c == '=');
                let end = rest.find(|c: char| c.is_whitespace() || c == '=' || c == '/')?;
                let (name, after) = rest.split_at_checked(end)?;
                let Some(value) = after.trim_start().strip_prefix('=').map(str::trim_start) else {
                    rest = after;
                    continue;
                };
                let quoted =
                    ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.split_once(quote));
                let (value, after) = quoted.unwrap_or_else(|| {
                    let end = value.find(char::is_whitespace).unwrap_or(value.len());
                    value.split_at_checked(end).unwrap_or((value, ""))
                });
                rest = after;
                return Some((name, value));
            }
        })
    }
}

/// A tag's or attribute's name, and what follows it.
fn split_name(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/' | '<')).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Where the `>` stands that ends a tag; within quoted attribute values it does not.
fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut after_equals = false;
    for (position, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'>') => return Some(position),
            // A quote opens a value only behind an equals sign; elsewhere it is a stray apostrophe.
            (None, b'"' | b'\'') if after_equals => quote = Some(byte),
            (None, _) => {}
        }
        if !byte.is_ascii_whitespace() {
            after_equals = byte == b'=';
        }
    }
    None
}
