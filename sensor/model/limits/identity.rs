//! Limits of the `identity` stage.

use serde::{Deserialize, Serialize};

/// Limits of the `identity` stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdentityLimits {
    /// Pieces of evidence kept, some 150 bytes each; the oldest are forgotten first. Default 2,097,152.
    pub intervals: usize,
    /// Of those, of one address; its oldest are forgotten first. Default 65,536.
    pub intervals_of_address: usize,
    /// Accounts whose whereabouts are kept in mind, to tell those that are used everywhere from persons; further ones are taken for
    /// persons. Default 200,000.
    pub accounts: usize,
    /// Persons present at one address that are kept in mind, to tell an address that several use at once; the first is forgotten. Default 16.
    pub people_of_address: usize,
    /// Addresses at which a person is seen within a day at most; an account that is seen at more is one that programs or
    /// administrators use, and names nobody. Default 6: a desk, a laptop, a telephone, a terminal server, and some to spare.
    pub addresses_of_person: usize,
    /// Pieces of evidence weighed for one question; of more that hold at the time, the latest count. Default 4,096.
    pub weighed: usize,
    /// Addresses whose devices are kept in mind, to tell those that several use at once; beyond it those of the last hour stay.
    /// Default 65,536.
    pub devices: usize,
    /// Addresses, and link addresses, that are kept in mind, to tell for how long an address has been the same station's; of further
    /// ones nothing is said. Default 131,072, some 200 bytes each.
    pub stations: usize,
    /// Sessions at keyboards that one log of Windows events has open; log-offs of further ones are not known. Default 1,048,576.
    pub log_sessions: usize,
    /// Names and values kept of one entry of a log; further ones are passed over. Default 512.
    pub log_fields: usize,
    /// Bytes of one such value; longer ones are no names of anything, but the text of a message may be. Default 16 KiB.
    pub log_value_bytes: usize,
    /// Groups told for one person of a directory; further ones are left out. Default 256.
    pub groups_of_person: usize,
}

impl Default for IdentityLimits {
    fn default() -> Self {
        Self {
            intervals: 2 << 20,
            intervals_of_address: 1 << 16,
            accounts: 200_000,
            people_of_address: 16,
            addresses_of_person: 6,
            weighed: 4_096,
            devices: 1 << 16,
            stations: 1 << 17,
            log_sessions: 1 << 20,
            log_fields: 512,
            log_value_bytes: 16 << 10,
            groups_of_person: 256,
        }
    }
}
