//! Runs content streams as far as text needs it (ISO 32000-2 section 9.4): positions decide where words and lines break.
//!
//! Owns: text state, forms within pages. Never does: painting, clipping; text that is invisible is text all the same.

use super::Source;
use super::font::Font;
use super::lexer::{Lexer, Token};
use super::line::{Line, is_right_to_left};
use super::matrix::Matrix;
use crate::formats::text::Text;
use lopdf::{Dictionary, Document, Object, ObjectId};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Operators run in one document, all pages together; the rest is over-limit. 50 million.
const OPERATORS: u64 = 50_000_000;
/// Forms within forms. 12.
const FORMS: usize = 12;
/// Saved graphics states, operands of one operator, fonts kept: beyond, the oldest use stands. 512.
const SAVED: usize = 512;

/// A gap of this part of the font size is a space between words.
const WORD_GAP: f64 = 0.17;
/// A shift of this part of the font size away from the line is another line.
const LINE_SHIFT: f64 = 0.45;

/// What lasts from page to page.
pub(super) struct Pages<'d> {
    source: &'d Source,
    /// Fonts by their object; those without are read anew each time.
    fonts: BTreeMap<ObjectId, Rc<Font>>,
    operators_left: u64,
    /// Codes that stand for no known text.
    pub(super) unknown: u64,
}

#[derive(Clone)]
struct State {
    matrix: Matrix,
    font: Option<Rc<Font>>,
    size: f64,
    character_spacing: f64,
    word_spacing: f64,
    scale: f64,
    leading: f64,
    rise: f64,
}

/// Where the last character ended, in the space of the page.
#[derive(Clone, Copy)]
struct Pen {
    x: f64,
    y: f64,
    /// How wide that character is.
    width: f64,
    is_right_to_left: bool,
}

struct Run<'r, 't> {
    text: &'r mut Text<'t>,
    line: Line,
    state: State,
    saved: Vec<State>,
    text_matrix: Matrix,
    line_matrix: Matrix,
    pen: Option<Pen>,
}

impl<'d> Pages<'d> {
    pub(super) const fn new(source: &'d Source) -> Self {
        Self { source, fonts: BTreeMap::new(), operators_left: OPERATORS, unknown: 0 }
    }

    /// True once operators are used up.
    pub(super) const fn is_exhausted(&self) -> bool {
        self.operators_left == 0
    }

    /// Extracts the text of one content stream. `resources` are those in force, the nearest first.
    pub(super) fn run(&mut self, content: &[u8], resources: &[&'d Dictionary], text: &mut Text<'_>) {
        let state = State {
            matrix: Matrix::IDENTITY,
            font: None,
            size: 1.0,
            character_spacing: 0.0,
            word_spacing: 0.0,
            scale: 1.0,
            leading: 0.0,
            rise: 0.0,
        };
        let (text_matrix, line_matrix) = (Matrix::IDENTITY, Matrix::IDENTITY);
        let line = Line::default();
        let mut run = Run { text, line, state, saved: Vec::new(), text_matrix, line_matrix, pen: None };
        self.operators(content, resources, &mut run, 0);
        run.line.hand_on(run.text);
        text.line();
    }

    fn operators(
        &mut self,
        content: &[u8],
        resources: &[&'d Dictionary],
        run: &mut Run<'_, '_>,
        depth: usize,
    ) {
        let mut lexer = Lexer::new(content);
        let mut operands: Vec<Token<'_>> = Vec::new();
        while let Some(token) = lexer.next() {
            let Token::Word(operator) = token else {
                // An array of TJ may be long; nothing else is.
                if operands.len() < SAVED * 128 {
                    operands.push(token);
                }
                continue;
            };
            self.operators_left = self.operators_left.saturating_sub(1);
            if self.operators_left == 0 || run.text.is_full() {
                return;
            }
            match operator {
                b"ID" => lexer.skip_inline_image(),
                b"Do" => {
                    if let Some(Token::Name(name)) = operands.last() {
                        self.form(name, resources, run, depth);
                    }
                }
                b"Tf" => {
                    if let [.., Token::Name(name), Token::Number(size)] = operands.as_slice() {
                        run.state.font = self.font(name, resources);
                        run.state.size = *size;
                    }
                }
                _ => self.unknown = self.unknown.saturating_add(run.operator(operator, &operands)),
            }
            operands.clear();
        }
    }

    fn font(&mut self, name: &[u8], resources: &[&'d Dictionary]) -> Option<Rc<Font>> {
        let entry = resource(resources, b"Font", name, &self.source.document)?;
        let id = entry.as_reference().ok();
        if let Some(font) = id.and_then(|id| self.fonts.get(&id)) {
            return Some(Rc::clone(font));
        }
        let (_, object) = self.source.document.dereference(entry).ok()?;
        let font = Rc::new(Font::read(object.as_dict().ok()?, self.source));
        if let Some(id) = id {
            if self.fonts.len() >= SAVED {
                self.fonts.pop_first();
            }
            self.fonts.insert(id, Rc::clone(&font));
        }
        Some(font)
    }

    /// Runs a form XObject (section 8.10).
    fn form(&mut self, name: &[u8], resources: &[&'d Dictionary], run: &mut Run<'_, '_>, depth: usize) {
        let document = &self.source.document;
        let Some(form) = resource(resources, b"XObject", name, document)
            .and_then(|entry| document.dereference(entry).ok())
            .and_then(|(_, object)| object.as_stream().ok())
        else {
            return;
        };
        let is_form = form.dict.get(b"Subtype").and_then(Object::as_name).is_ok_and(|name| name == b"Form");
        if !is_form || depth >= FORMS {
            return;
        }
        let Ok(content) = self.source.unpack(form) else { return };
        let mut nearer: Vec<&Dictionary> = Vec::new();
        nearer.extend(form.dict.get_deref(b"Resources", document).and_then(Object::as_dict).ok());
        nearer.extend(resources);
        let before = run.state.clone();
        if let Ok(Object::Array(matrix)) = form.dict.get_deref(b"Matrix", document) {
            let numbers: Vec<f64> =
                matrix.iter().filter_map(|number| number.as_float().ok().map(f64::from)).collect();
            if let Ok(matrix) = numbers.try_into() {
                run.state.matrix = Matrix(matrix).then(&run.state.matrix);
            }
        }
        let saved = std::mem::take(&mut run.saved);
        self.operators(&content, &nearer, run, depth + 1);
        run.saved = saved;
        run.state = before;
    }
}

/// The entry `name` of a kind of resource, in the nearest dictionary that has it.
fn resource<'d>(
    resources: &[&'d Dictionary],
    kind: &[u8],
    name: &[u8],
    document: &'d Document,
) -> Option<&'d Object> {
    resources.iter().find_map(|resources| {
        let entries = resources.get_deref(kind, document).ok()?.as_dict().ok()?;
        entries.get(name).ok()
    })
}

impl Run<'_, '_> {
    /// Carries out an operator. Returns how many codes it showed that stand for no known text.
    fn operator(&mut self, operator: &[u8], operands: &[Token<'_>]) -> u64 {
        let numbers = |count: usize| -> Option<Vec<f64>> {
            let last = operands.get(operands.len().checked_sub(count)?..)?;
            last.iter()
                .map(|operand| if let Token::Number(number) = operand { Some(*number) } else { None })
                .collect()
        };
        let number = || numbers(1).and_then(|numbers| numbers.first().copied());
        let matrix = || numbers(6).and_then(|numbers| numbers.try_into().ok()).map(Matrix);
        match operator {
            b"q" if self.saved.len() < SAVED => self.saved.push(self.state.clone()),
            b"Q" => self.state = self.saved.pop().unwrap_or_else(|| self.state.clone()),
            b"cm" => {
                if let Some(matrix) = matrix() {
                    self.state.matrix = matrix.then(&self.state.matrix);
                }
            }
            b"BT" => (self.text_matrix, self.line_matrix) = (Matrix::IDENTITY, Matrix::IDENTITY),
            b"Tm" => {
                if let Some(matrix) = matrix() {
                    (self.text_matrix, self.line_matrix) = (matrix, matrix);
                }
            }
            b"Td" | b"TD" => {
                if let Some([x, y]) = numbers(2).and_then(|numbers| <[f64; 2]>::try_from(numbers).ok()) {
                    if operator == b"TD" {
                        self.state.leading = -y;
                    }
                    self.move_line(x, y);
                }
            }
            b"T*" => self.move_line(0.0, -self.state.leading),
            b"TL" => self.state.leading = number().unwrap_or(self.state.leading),
            b"Tc" => self.state.character_spacing = number().unwrap_or(0.0),
            b"Tw" => self.state.word_spacing = number().unwrap_or(0.0),
            b"Tz" => self.state.scale = number().unwrap_or(100.0) / 100.0,
            b"Ts" => self.state.rise = number().unwrap_or(0.0),
            b"Tj" | b"TJ" => return self.show_all(operands),
            b"'" | b"\"" => {
                if let [.., Token::Number(word), Token::Number(character), Token::String(_)] = operands {
                    (self.state.word_spacing, self.state.character_spacing) = (*word, *character);
                }
                self.move_line(0.0, -self.state.leading);
                return operands.last().map_or(0, |last| self.show_all(std::slice::from_ref(last)));
            }
            _ => {}
        }
        0
    }

    fn move_line(&mut self, x: f64, y: f64) {
        self.line_matrix = Matrix::translation(x, y).then(&self.line_matrix);
        self.text_matrix = self.line_matrix;
    }

    fn show_all(&mut self, operands: &[Token<'_>]) -> u64 {
        let mut unknown = 0_u64;
        for operand in operands {
            match operand {
                Token::String(bytes) => unknown = unknown.saturating_add(self.show(bytes)),
                // Thousandths of the font size, to the left.
                Token::Number(number) => self.advance(-number / 1000.0 * self.state.size * self.state.scale),
                _ => {}
            }
        }
        unknown
    }

    fn advance(&mut self, x: f64) {
        self.text_matrix = Matrix::translation(x, 0.0).then(&self.text_matrix);
    }

    fn show(&mut self, bytes: &[u8]) -> u64 {
        let Some(font) = self.state.font.clone() else { return bytes.len() as u64 };
        let mut unknown = 0;
        for shown in font.codes(bytes) {
            let width = shown.width * self.state.size;
            let is_right_to_left =
                shown.text.as_deref().and_then(|text| text.chars().next()).is_some_and(is_right_to_left);
            self.separate(shown.text.as_deref(), width * self.state.scale, is_right_to_left);
            let is_space = shown.code == [b' '];
            let spacing = self.state.character_spacing + if is_space { self.state.word_spacing } else { 0.0 };
            self.advance((width + spacing) * self.state.scale);
            let Some(text) = &shown.text else {
                // What is not known leaves a gap; most often it is a blank.
                unknown += 1;
                continue;
            };
            self.line.push(text, self.text);
            // Spacing belongs to the gap, not to the character.
            let end =
                Matrix::translation(-spacing * self.state.scale, self.state.rise).then(&self.text_matrix);
            let [a, b, .., x, y] = end.then(&self.state.matrix).0;
            let width = (width * self.state.scale).abs() * a.hypot(b);
            self.pen = Some(Pen { x, y, width, is_right_to_left });
        }
        unknown
    }

    /// Puts a space or a line break before the next character, if its place asks for one. A word that is divided at the
    /// end of a line is put together.
    fn separate(&mut self, next: Option<&str>, advance: f64, is_right_to_left: bool) {
        let Some(pen) = self.pen else { return };
        let place =
            Matrix::translation(0.0, self.state.rise).then(&self.text_matrix).then(&self.state.matrix);
        let [a, b, c, d, x, y] = place.0;
        let (width, height) = (a.hypot(b), c.hypot(d));
        let size = (self.state.size * height).abs();
        if !(size.is_normal() && width.is_normal()) {
            return;
        }
        let (dx, dy) = (x - pen.x, y - pen.y);
        // Along the line of writing, and across it.
        let along = (dx * a + dy * b) / width * self.state.size.signum();
        let across = (dy * a - dx * b) / width;
        // Letters set apart are still one word.
        let spacing = (self.state.character_spacing * width).max(0.0);
        let are_right_to_left = is_right_to_left && pen.is_right_to_left;
        // Past both letters, where they are drawn in the order in which they are read.
        let leftward = -along - pen.width - advance.abs() * width;
        if across.abs() > size * LINE_SHIFT || along < -size * 2.0 && !are_right_to_left {
            self.line.hand_on(self.text);
            let goes_on = next.and_then(|next| next.chars().next()).is_some_and(char::is_lowercase);
            if !(goes_on && self.text.take_back_hyphen()) {
                self.text.line();
            }
            return;
        }
        let is_leftward = are_right_to_left && along < 0.0 && leftward > -size * LINE_SHIFT;
        if are_right_to_left {
            self.line.went(is_leftward);
        }
        let is_apart = if is_leftward {
            leftward > size * WORD_GAP
        } else {
            along - spacing > size * WORD_GAP || along < -size * 0.5
        };
        if is_apart {
            self.line.space();
        }
    }
}
