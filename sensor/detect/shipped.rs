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
    "secret/anthropic-key.toml",
    "secret/aws-access-key.toml",
    "secret/aws-secret-key.toml",
    "secret/digitalocean-token.toml",
    "secret/github-token.toml",
    "secret/gitlab-token.toml",
    "secret/google-api-key.toml",
    "secret/hugging-face-token.toml",
    "secret/jwt.toml",
    "secret/mailgun-key.toml",
    "secret/npm-token.toml",
    "secret/openai-key.toml",
    "secret/private-key.toml",
    "secret/pypi-token.toml",
    "secret/sendgrid-key.toml",
    "secret/shopify-token.toml",
    "secret/slack-token.toml",
    "secret/stripe-key.toml",
    "secret/telegram-bot-token.toml",
}
