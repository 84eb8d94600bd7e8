//! The expressions of `[confidence]`: names of evidence joined by `and`, `or`, `not` and parentheses.
//!
//! Owns: parsing and evaluation. Never does: finding out whether evidence holds.

use super::problem::{Fault, nearest};

/// Parentheses and `not`s within each other that are followed.
const DEPTH: usize = 32;

/// Evidence that every signature can name, beside its own finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Evidence {
    /// A context word stands within the distance.
    Near,
    /// A context word stands directly before, on the same line.
    Label,
    /// A context word stands anywhere before, or within the distance: the heading of a column counts for all its rows.
    Mentioned,
    /// A validator has doubts.
    Doubtful,
    /// Most look-alikes of this shape in the object are valid, and there are at least two values.
    Consistent,
    /// The object holds at least five distinct values of this find.
    Many,
    /// Few of many look-alikes of this shape are valid: what passes may pass by chance.
    Mixed,
    /// Another find of the signature, by index, matches near by.
    Find(usize),
}

/// What an owner may write for each kind of built-in evidence.
const BUILT_IN: [(&str, Evidence); 7] = [
    ("near", Evidence::Near),
    ("label", Evidence::Label),
    ("mentioned", Evidence::Mentioned),
    ("doubtful", Evidence::Doubtful),
    ("consistent", Evidence::Consistent),
    ("many", Evidence::Many),
    ("mixed", Evidence::Mixed),
];

/// Evidence that only context words give, by name.
pub(crate) fn context(name: &str) -> Option<Evidence> {
    let by_words =
        |evidence: &Evidence| matches!(evidence, Evidence::Near | Evidence::Label | Evidence::Mentioned);
    BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, evidence)| *evidence).filter(by_words)
}

/// Names that finds can't take.
pub(crate) fn is_reserved(name: &str) -> bool {
    matches!(name, "and" | "or" | "not") || BUILT_IN.iter().any(|(known, _)| *known == name)
}

/// A parsed expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expression {
    /// Holds when the evidence does.
    Is(Evidence),
    /// Holds when the inner does not.
    Not(Box<Expression>),
    /// Holds when all do.
    All(Vec<Expression>),
    /// Holds when one does.
    Any(Vec<Expression>),
}

impl Expression {
    /// Parses `text`; `finds` are the names of the signature's finds in order.
    pub(crate) fn parse(text: &str, finds: &[&str]) -> Result<Self, Fault> {
        let mut parser = Parser { tokens: tokens(text)?, at: 0, finds };
        let expression = parser.any(0)?;
        match parser.next() {
            None => Ok(expression),
            Some(token) => Err(Fault::new(
                format!("`{token}` is not expected here"),
                "join names with `and` or `or`, as in \"mrn and near\"",
            )),
        }
    }

    /// Whether it holds, given which evidence does.
    pub(crate) fn holds(&self, evidence: &mut impl FnMut(Evidence) -> bool) -> bool {
        match self {
            Self::Is(name) => evidence(*name),
            Self::Not(inner) => !inner.holds(evidence),
            Self::All(parts) => parts.iter().all(|part| part.holds(evidence)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(evidence)),
        }
    }
}

impl Expression {
    /// Whether it may hold, given what is known of the evidence so far; None in `evidence` is not known yet.
    pub(crate) fn may_hold(&self, evidence: &impl Fn(Evidence) -> Option<bool>) -> bool {
        self.known(evidence) != Some(false)
    }

    /// Whether it asks for evidence of that kind.
    pub(crate) fn mentions(&self, kind: &impl Fn(Evidence) -> bool) -> bool {
        match self {
            Self::Is(evidence) => kind(*evidence),
            Self::Not(inner) => inner.mentions(kind),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.mentions(kind)),
        }
    }

    /// What is known of it; None when it may hold or not.
    pub(crate) fn known(&self, evidence: &impl Fn(Evidence) -> Option<bool>) -> Option<bool> {
        let decided = |parts: &[Self], deciding: bool| {
            let mut all_known = true;
            for part in parts {
                match part.known(evidence) {
                    Some(value) if value == deciding => return Some(deciding),
                    known => all_known &= known.is_some(),
                }
            }
            all_known.then_some(!deciding)
        };
        match self {
            Self::Is(name) => evidence(*name),
            Self::Not(inner) => inner.known(evidence).map(|holds| !holds),
            Self::All(parts) => decided(parts, false),
            Self::Any(parts) => decided(parts, true),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<&str>, Fault> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '(' | ')' => 1,
            c if is_name(c) => rest.find(|c| !is_name(c)).unwrap_or(rest.len()),
            c => {
                return Err(Fault::new(
                    format!("`{c}` means nothing in an expression"),
                    "use the names of finds with `and`, `or`, `not` and parentheses",
                ));
            }
        };
        let (token, tail) = rest.split_at(length);
        tokens.push(token);
        rest = tail.trim_start();
    }
    Ok(tokens)
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

struct Parser<'a> {
    tokens: Vec<&'a str>,
    at: usize,
    finds: &'a [&'a str],
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let token = self.tokens.get(self.at).copied();
        self.at += usize::from(token.is_some());
        token
    }

    fn accept(&mut self, word: &str) -> bool {
        let found = self.tokens.get(self.at) == Some(&word);
        self.at += usize::from(found);
        found
    }

    fn any(&mut self, depth: usize) -> Result<Expression, Fault> {
        let mut parts = vec![self.all(depth)?];
        while self.accept("or") {
            parts.push(self.all(depth)?);
        }
        Ok(if parts.len() > 1 { Expression::Any(parts) } else { parts.swap_remove(0) })
    }

    fn all(&mut self, depth: usize) -> Result<Expression, Fault> {
        let mut parts = vec![self.one(depth)?];
        while self.accept("and") {
            parts.push(self.one(depth)?);
        }
        Ok(if parts.len() > 1 { Expression::All(parts) } else { parts.swap_remove(0) })
    }

    fn one(&mut self, depth: usize) -> Result<Expression, Fault> {
        if depth > DEPTH {
            return Err(Fault::new("the expression nests too deeply", "write it with fewer parentheses"));
        }
        match self.next() {
            Some("not") => Ok(Expression::Not(Box::new(self.one(depth + 1)?))),
            Some("(") => {
                let inner = self.any(depth + 1)?;
                if self.accept(")") {
                    Ok(inner)
                } else {
                    Err(Fault::new("a parenthesis is not closed", "add `)`"))
                }
            }
            Some(token @ (")" | "and" | "or")) => {
                Err(Fault::new(format!("a name is missing before `{token}`"), "name a find or `near`"))
            }
            Some(name) => self.name(name),
            None => {
                Err(Fault::new("the expression ends too early", "end it with the name of a find or `near`"))
            }
        }
    }

    fn name(&self, name: &str) -> Result<Expression, Fault> {
        if let Some(find) = self.finds.iter().position(|find| *find == name) {
            return Ok(Expression::Is(Evidence::Find(find)));
        }
        if let Some((_, evidence)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
            return Ok(Expression::Is(*evidence));
        }
        let known = || self.finds.iter().copied().chain(BUILT_IN.iter().map(|(name, _)| *name));
        let fix = nearest(name, known()).map_or_else(
            || format!("use one of: {}", known().collect::<Vec<_>>().join(", ")),
            |meant| format!("did you mean `{meant}`?"),
        );
        Err(Fault::new(format!("`{name}` is no find of this signature"), fix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str, true_finds: &[usize]) -> bool {
        Expression::parse(text, &["a", "b", "c"])
            .expect("parses")
            .holds(&mut |evidence| matches!(evidence, Evidence::Find(find) if true_finds.contains(&find)))
    }

    #[test]
    fn and_binds_more_than_or_and_not_most() {
        assert!(holds("a or b and c", &[0]));
        assert!(!holds("(a or b) and c", &[0]));
        assert!(holds("not a and b", &[1]));
        assert!(!holds("not (a or b)", &[1]));
        assert!(!holds("near or label", &[0, 1, 2]));
    }

    #[test]
    fn what_is_not_known_yet_may_hold() {
        let may = |text: &str| {
            let known = |evidence| match evidence {
                Evidence::Find(find) => Some(find == 0),
                _ => None,
            };
            Expression::parse(text, &["a", "b"]).expect("parses").may_hold(&known)
        };
        assert!(may("near and a") && may("not near") && may("b or near"));
        assert!(!may("b and near") && !may("not a") && !may("b or not a"));
    }

    #[test]
    fn faults_name_the_fix() {
        for (text, expected) in [
            ("a and", "ends too early"),
            ("a b", "not expected"),
            ("(a", "not closed"),
            ("a & b", "means nothing"),
            ("or a", "missing"),
            ("", "ends too early"),
        ] {
            let fault = Expression::parse(text, &["a", "b"]).expect_err(text);
            assert!(fault.message.contains(expected), "{text}: {}", fault.message);
        }
        let fault = Expression::parse("nera", &["mrn"]).expect_err("a slip");
        assert_eq!(fault.fix.as_deref(), Some("did you mean `near`?"));
        assert!(Expression::parse(&"(".repeat(10_000), &[]).is_err());
        assert!(Expression::parse(&"not ".repeat(10_000), &[]).is_err());
    }
}
