//! The signatures inside the program, so that the binary works alone.
//!
//! Owns: the list. A new signature is one file under `signatures/` and one line here.

macro_rules! shipped {
    ($($file:literal),* $(,)?) => {
        /// Every shipped file by its path under `signatures/`, with its text.
        pub(crate) const SHIPPED: &[(&str, &str)] = &[$(($file, include_str!(concat!("../../signatures/", $file)))),*];
    };
}

shipped! {
    "business/confidentiality-marking.toml",
    "payment/iban.toml",
    "payment/payment-card.toml",
    "person/email-list.toml",
    "person/us-ssn.toml",
    "secret/aws-access-key.toml",
    "secret/github-token.toml",
    "secret/jwt.toml",
    "secret/private-key.toml",
}
