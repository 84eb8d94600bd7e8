//! What can be wrong with an index, a key or a table of records.

/// Why an index or key can't be used, or a table can't be made into one. Each says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Reading or writing failed.
    #[error("cannot be read or written: {0}")]
    Io(#[from] std::io::Error),
    /// It does not begin as an index does.
    #[error("not an index of Egret")]
    NotAnIndex,
    /// It is an index of another kind.
    #[error("an index of {found}, where one of {wanted} is asked for")]
    OtherKind {
        /// What it is.
        found: &'static str,
        /// What was asked for.
        wanted: &'static str,
    },
    /// It was made by another release.
    #[error("version {0} of the format is not known to this release; build the index again")]
    Version(u16),
    /// It ends too early, or its checksum is wrong, or its parts contradict each other.
    #[error("damaged ({0}); copy or build it again")]
    Damaged(&'static str),
    /// It was built with another key.
    #[error("was built with key {wanted}, and none of the keys given is that one; name it with --key")]
    WrongKey {
        /// Id of the key that it was built with.
        wanted: String,
    },
    /// A key file does not hold a key.
    #[error("not a key file of Egret")]
    NotAKey,
    /// The table of records can't be read as one.
    #[error("{0}")]
    Table(String),
    /// There is more than an index can hold.
    #[error("{0}")]
    TooLarge(&'static str),
}
