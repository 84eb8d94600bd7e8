//! Open stories by when they last went on.
//!
//! Owns: finding the story idle longest, and the latest of a sender, without looking at all. Never does: opening or closing one.

use crate::open::Story;
use egret_model::Timestamp;
use std::collections::BTreeSet;

/// When each open story last went on.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    by_time: BTreeSet<(Timestamp, Story)>,
    /// Sender, time, destination.
    by_sender: BTreeSet<(String, Timestamp, String)>,
}

impl Activity {
    /// A story last went on at `at`. Its earlier time is to be forgotten first.
    pub(crate) fn note(&mut self, story: &Story, at: Timestamp) {
        self.by_time.insert((at, story.clone()));
        self.by_sender.insert((story.sender.clone(), at, story.destination.clone()));
    }

    /// What was noted of a story.
    pub(crate) fn forget(&mut self, story: &Story, at: Timestamp) {
        self.by_time.remove(&(at, story.clone()));
        self.by_sender.remove(&(story.sender.clone(), at, story.destination.clone()));
    }

    /// Forgets the story idle longest, if it last went on before `before`.
    pub(crate) fn pop_idle(&mut self, before: Timestamp) -> Option<Story> {
        let (at, story) = self.by_time.first().filter(|(at, _)| *at < before)?.clone();
        self.forget(&story, at);
        Some(story)
    }

    /// Forgets the story idle longest.
    pub(crate) fn pop(&mut self) -> Option<Story> {
        let (at, story) = self.by_time.first()?.clone();
        self.forget(&story, at);
        Some(story)
    }

    /// Where the latest story of a sender goes, and when it last went on.
    pub(crate) fn latest_of(&self, sender: &str) -> Option<(Timestamp, &str)> {
        let from = (sender.to_owned(), Timestamp::from_nanos(i64::MIN), String::new());
        // The least that is greater than every entry of this sender.
        let to = (format!("{sender}\0"), Timestamp::from_nanos(i64::MIN), String::new());
        let (_, at, destination) = self.by_sender.range(from..to).next_back()?;
        Some((*at, destination))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_of_a_sender_and_the_idlest_of_all_are_found() {
        let mut activity = Activity::default();
        let story = |sender: &str, destination: &str| Story {
            sender: sender.to_owned(),
            destination: destination.to_owned(),
        };
        let at = Timestamp::from_seconds;
        for (sender, destination, second) in
            [("user a", "x", 5), ("user a", "y", 9), ("user ab", "z", 20), ("user B", "w", 30), ("", "v", 1)]
        {
            activity.note(&story(sender, destination), at(second));
        }
        assert_eq!(activity.latest_of("user a"), Some((at(9), "y")));
        assert_eq!(activity.latest_of("user"), None);
        activity.forget(&story("user a", "y"), at(9));
        assert_eq!(activity.latest_of("user a"), Some((at(5), "x")));
        assert_eq!(activity.pop_idle(at(1)), None);
        assert_eq!(activity.pop_idle(at(2)), Some(story("", "v")));
        assert_eq!(activity.pop(), Some(story("user a", "x")));
        assert_eq!(activity.latest_of("user a"), None);
    }
}
