//! Asking and answering that nobody can read: how often an answer was held back, and the next question followed at once.
//!
//! Owns: the count, from the times and sizes of messages alone. Never does: judging it, which depends on whom is asked; reading.
//!
//! A program that waits for something to happen on the other side asks, is answered only once there is something to say, and asks
//! again at once. People's programs do so with chat servers; with a resolver of names only tunnels do.

use egret_model::{Observation, Side, Timestamp};

/// How long an answer takes that was held back, nanoseconds (1 s): a resolver knows most names at once, and others after a few hundred
/// milliseconds; a request that was lost on the way is sent again within 300 ms.
const HELD_NS: i64 = 1_000_000_000;
/// How soon the next question follows, nanoseconds (100 ms): a program does so within few milliseconds, a person or a timer does not.
const AGAIN_NS: i64 = 100_000_000;
/// Bytes of a message, less what encryption adds; shorter ones only keep the connection (RFC 9113 sections 6.7 and 6.9: a PING with a
/// WINDOW_UPDATE are 30), and a PING is answered at once, whoever sends it and however long after the last.
const LEAST_BYTES: usize = 32;
/// Rounds held back before they are told.
const TELLING: u32 = 3;
/// Rounds after which the count is halved, so that what happens now is not outweighed by all that was.
const MOST: u32 = 64;

/// The rounds of one connection.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    /// The last question, and the first and the last message that came upon it.
    asked_at: Timestamp,
    answered_at: Timestamp,
    last_at: Timestamp,
    turn: Turn,
    /// Bytes of the questions since the last round.
    asking: u64,
    /// Rounds, and those of them that were held back: since when, how long the shortest and the longest, and the bytes asked.
    all: u32,
    held: u32,
    since: Timestamp,
    waits_ns: (i64, i64),
    sent: u64,
    /// How many had been held back when they were told last.
    told: u32,
}

/// Whose message was the last that counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Turn {
    #[default]
    Nobody,
    Asked,
    Answered,
}

impl Rounds {
    /// A message of the client or of the server; `bytes` are those that encryption leaves. True: there is something to tell.
    #[inline]
    pub(crate) fn message(&mut self, from_client: bool, bytes: usize, at: Timestamp) -> bool {
        if bytes < LEAST_BYTES {
            return false;
        }
        match (from_client, self.turn) {
            (false, Turn::Asked) => {
                (self.answered_at, self.last_at) = (at, at);
                self.turn = Turn::Answered;
            }
            (false, Turn::Answered) => self.last_at = at,
            (false, Turn::Nobody) => {}
            (true, turn) => {
                let worth_telling = turn == Turn::Answered && self.ends(at);
                (self.asked_at, self.turn) = (at, Turn::Asked);
                self.asking = self.asking.saturating_add(bytes as u64);
                return worth_telling;
            }
        }
        false
    }

    /// A question follows an answer.
    fn ends(&mut self, at: Timestamp) -> bool {
        if self.all >= MOST {
            (self.all, self.held, self.told) = (self.all / 2, self.held / 2, self.told / 2);
        }
        self.all += 1;
        let asking = std::mem::take(&mut self.asking);
        let wait = self.answered_at.since(self.asked_at);
        if wait < HELD_NS || at.since(self.last_at) > AGAIN_NS {
            return false;
        }
        if self.waits_ns.1 == 0 {
            self.since = self.asked_at;
            self.waits_ns = (wait, wait);
        }
        self.waits_ns = (self.waits_ns.0.min(wait), self.waits_ns.1.max(wait));
        self.held += 1;
        self.sent = self.sent.saturating_add(asking);
        let grown = self.held >= TELLING && self.held >= self.told.saturating_mul(2);
        // As many as the others at least: a slow name now and then is none of it.
        let telling = grown && self.held * 2 >= self.all;
        if telling {
            self.told = self.held;
        }
        telling
    }

    /// What has come of it so far.
    pub(crate) fn observation(&self, server_name: Option<String>, port: u16) -> Observation {
        Observation::HeldAnswers {
            server_name,
            port,
            held: self.held,
            rounds: self.all,
            since: self.since,
            waits_ns: self.waits_ns,
            sent: self.sent,
        }
    }
}

/// The client of a connection, where its hello was seen; else whoever opened it.
pub(crate) fn is_client(from: Side, client: Option<Side>) -> bool {
    from == client.unwrap_or(Side::Initiator)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages at milliseconds (negative sizes: the server's). Returns at which of them there was something to tell.
    fn told(messages: &[(i64, i32)]) -> Vec<usize> {
        let mut rounds = Rounds::default();
        let mut message = |(place, &(at, size)): (usize, &(i64, i32))| {
            let bytes = size.unsigned_abs() as usize;
            rounds.message(size > 0, bytes, Timestamp::from_nanos(at * 1_000_000)).then_some(place)
        };
        messages.iter().enumerate().filter_map(&mut message).collect()
    }

    /// Rounds one after the other: how long the answer takes, and how long after it the next question comes.
    fn dialogue(rounds: &[(i64, i64)]) -> Vec<(i64, i32)> {
        let mut at = 10;
        let mut messages = vec![(at, 80)];
        for (wait, pause) in rounds {
            messages.extend([(at + wait, -200), (at + wait + 1, -40), (at + wait + 1 + pause, 80)]);
            at += wait + 1 + pause;
        }
        messages
    }

    #[test]
    fn answers_that_are_held_back_and_asked_for_again_at_once_are_told() {
        assert_eq!(told(&dialogue(&[(1_600, 1), (3_100, 1), (3_100, 1)])), [9]);
        // Among some that are answered at once, and told again when there are twice as many.
        assert_eq!(told(&dialogue(&[(15, 1), (15, 1), (1_600, 1), (15, 1), (1_500, 0), (4_000, 90)])), [18]);
        assert_eq!(told(&dialogue(&[(2_000, 2); 12])), [9, 18, 36]);
        // Whatever was before, a while of it is enough.
        let late: Vec<_> = std::iter::repeat_n((10, 1), 500).chain([(2_000, 1); 70]).collect();
        assert!(!told(&dialogue(&late)).is_empty());
    }

    #[test]
    fn what_honest_clients_do_is_not_told() {
        let quiet = |what: &str, messages: &[(i64, i32)]| assert_eq!(told(messages), [0; 0], "{what}");
        quiet("names that take long, asked one by one by a person", &dialogue(&[(2_500, 4_000); 30]));
        quiet("retries after seconds", &dialogue(&[(5_000, 1_000), (5_000, 2_000), (5_000, 3_000)]));
        quiet("a slow name now and then", &dialogue(&[(20, 5), (20, 500), (1_800, 3), (20, 4)].repeat(100)));
        quiet("one that fails, and two that follow from it", &dialogue(&[(3_000, 2), (3_000, 2), (30, 2)]));
        quiet("a check of health every ten seconds", &dialogue(&[(12, 9_987); 500]));
        // Pings of either side on an idle connection, answered at once; also with room for more.
        let pings: Vec<_> =
            (0..50).flat_map(|n| [(n * 15_000, -17), (n * 15_000, 17), (n * 30_000 + 2, 30)]).collect();
        quiet("pings", &[dialogue(&[(20, 5)]), pings].concat());
        // A slow name among others that are asked meanwhile: the last question is answered at once.
        let busy: Vec<_> = (0..40)
            .flat_map(|n| {
                [(n * 3_000, 80), (n * 3_000 + 100, 80), (n * 3_000 + 120, -200), (n * 3_000 + 2_990, -200)]
            })
            .collect();
        quiet("a slow name beside others", &busy);
    }
}
