//! The seal: what is written can be read only with the owner's secret key (age, age-encryption.org/v1).
//!
//! Owns: keys in their written form, and streams through the seal. Never does: keeping a secret key; the sensor knows public ones only.

use age::secrecy::ExposeSecret as _;
use age::x25519::{Identity, Recipient};
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;

/// Why something could not be sealed or opened.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the fields are named by the messages that print them")]
pub enum SealError {
    /// No public key.
    #[error("`{key}` is no public key of age; one begins with age1 (`egret evidence key` makes a pair)")]
    Recipient { key: String },
    /// No secret key.
    #[error("this holds no secret key of age; one begins with AGE-SECRET-KEY-1")]
    Identity,
    /// Not sealed to this key, or damaged.
    #[error("{}: cannot be opened: {reason}", .path.display())]
    Open { path: PathBuf, reason: String },
    /// The file cannot be read, or was changed after it was sealed.
    #[error("{}: cannot be read: {reason}", .path.display())]
    Read { path: PathBuf, reason: io::Error },
}

/// A new pair of keys: the secret one, and the public one to seal to.
#[must_use]
pub fn new_key() -> (String, String) {
    let identity = Identity::generate();
    (identity.to_string().expose_secret().to_owned(), identity.to_public().to_string())
}

/// Seals to the holders of keys.
#[derive(Clone)]
pub struct Sealer(Vec<Recipient>);

impl Sealer {
    /// To any of these public keys.
    pub fn new(keys: &[String]) -> Result<Self, SealError> {
        let recipients = keys
            .iter()
            .map(|key| key.trim().parse().map_err(|_| SealError::Recipient { key: key.clone() }))
            .collect::<Result<Vec<Recipient>, _>>()?;
        if recipients.is_empty() {
            return Err(SealError::Recipient { key: String::new() });
        }
        Ok(Self(recipients))
    }

    pub(super) fn begin(&self, out: BufWriter<File>) -> io::Result<Sealed> {
        let recipients = self.0.iter().map(|recipient| recipient as &dyn age::Recipient);
        let encryptor = age::Encryptor::with_recipients(recipients).map_err(io::Error::other)?;
        Ok(Sealed(Arc::new(Mutex::new(Some(encryptor.wrap_output(out)?)))))
    }
}

/// A file that is being sealed. Its clones write into the same.
#[derive(Clone)]
pub(super) struct Sealed(Arc<Mutex<Option<Stream>>>);

type Stream = age::stream::StreamWriter<BufWriter<File>>;

impl Sealed {
    /// Writes the end, without which nobody takes the file for whole.
    pub(super) fn finish(self) -> io::Result<()> {
        match self.stream().take() {
            Some(stream) => stream.finish()?.flush(),
            None => Ok(()),
        }
    }

    fn stream(&self) -> std::sync::MutexGuard<'_, Option<Stream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Sealed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.stream().as_mut() {
            Some(stream) => stream.write(bytes),
            None => Err(io::Error::other("the seal is closed")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream().as_mut().map_or(Ok(()), Write::flush)
    }
}

/// Opens what was sealed to one of its keys.
pub struct Opener(Vec<Identity>);

impl Opener {
    /// The secret keys in a file of keys: one a line, comments begin with `#`.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys: Vec<Identity> =
            lines.map(|line| line.parse().map_err(|_| SealError::Identity)).collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(SealError::Identity) } else { Ok(Self(keys)) }
    }

    pub(super) fn open<R: Read>(&self, path: &Path, sealed: R) -> Result<impl Read, SealError> {
        let failed = |reason: String| SealError::Open { path: path.to_owned(), reason };
        let decryptor = age::Decryptor::new(sealed).map_err(|error| failed(error.to_string()))?;
        decryptor
            .decrypt(self.0.iter().map(|key| key as &dyn age::Identity))
            .map_err(|error| failed(error.to_string()))
    }
}
