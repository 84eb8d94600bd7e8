//! How things look on a terminal: messages, tables, colour.
//!
//! Owns: the style shared by all subcommands. Never does: deciding what is shown.

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table, Width, presets,
};
use egret_model::Severity;
use std::io::IsTerminal;

/// Colour only on a terminal, and not where the user has asked for none (the NO_COLOR convention).
pub(crate) fn colour() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Something that ends the command.
pub(crate) fn error(message: &str) {
    eprintln!("egret: {message}");
}

/// Something that the user should know and that does not end the command.
pub(crate) fn warning(message: &str) {
    eprintln!("egret: warning: {message}");
}

/// Something worth knowing that is no trouble.
pub(crate) fn note(message: &str) {
    eprintln!("egret: {message}");
}

/// A heading above a table.
pub(crate) fn heading(text: &str) {
    if colour() { println!("\n\u{1b}[1m{text}\u{1b}[0m") } else { println!("\n{text}") }
}

/// A table with a heading row.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    if !colour() {
        table.force_no_tty();
    }
    if table.width().is_none() {
        table.set_width(120);
    }
    table.set_header(header.iter().map(|title| {
        let cell = Cell::new(title);
        if colour() { cell.add_attribute(Attribute::Bold) } else { cell }
    }));
    table
}

/// Gives a column of sentences nearly half of the width.
pub(crate) fn widen(table: &mut Table, column: usize) {
    if let Some(column) = table.column_mut(column) {
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Percentage(46)));
    }
}

/// A number, set to the right.
pub(crate) fn number(text: impl std::fmt::Display) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// A severity in its colour.
pub(crate) fn severity(severity: Severity) -> Cell {
    let cell = Cell::new(severity.to_string());
    if !colour() {
        return cell;
    }
    match severity {
        Severity::Critical => cell.fg(Color::Red).add_attribute(Attribute::Bold),
        Severity::High => cell.fg(Color::Red),
        Severity::Medium => cell.fg(Color::Yellow),
        Severity::Low | Severity::Info => cell,
    }
}
