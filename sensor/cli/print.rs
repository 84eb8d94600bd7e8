//! What goes to standard output, in place of the macros of the same names that panic.
//!
//! Owns: how the program ends when nobody reads any more (`egret … | head`) or nothing can be written (a full disk). Never
//! does: layout.

use super::status;
use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write as _};

/// Writes to standard output.
macro_rules! print {
    ($($text:tt)*) => { $crate::cli::print::text(format_args!($($text)*)) };
}

/// Writes a line to standard output.
macro_rules! println {
    () => { $crate::cli::print::line(format_args!("")) };
    ($($text:tt)*) => { $crate::cli::print::line(format_args!($($text)*)) };
}

/// Writes a text as it is.
pub(crate) fn text(text: Arguments<'_>) {
    ended(io::stdout().lock().write_fmt(text));
}

/// Writes a line.
pub(crate) fn line(text: Arguments<'_>) {
    ended(writeln!(io::stdout().lock(), "{text}"));
}

/// A reader that has seen enough is no error.
fn ended(written: io::Result<()>) {
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(status::DONE.into()),
        Err(error) => {
            eprintln!("error: standard output: {error}");
            std::process::exit(status::PARTIAL.into());
        }
    }
}
