//! Text and signatures that benchmarks scan; the benchmarks themselves are beside this file.
//!
//! Owns: generators that give the same bytes in every run. Never does: measuring.

#![forbid(unsafe_code)]

use std::fmt::Write as _;

/// Text scanned in one round, bytes.
pub const TEXT_BYTES: usize = 4 << 20;

/// Words in about the order of their frequency.
const WORDS: &str = "the of and to in a is that for it as was with be by on not he this are or his from at which but have an had \
    they you were their one all we can her has there been if more when will would who so no said what up its about into than \
    them only other time new some could these two may first then do any like my now over such our man me even most made after \
    also did many off before must well back through years much where your way down should because long each just state those \
    people too mr how little good world make very year still see own work men day get here between both life being under three \
    never know same last another while us might great go come since against right came take used himself few house use during \
    without again place american around however home small found mrs thought went say part once general high upon school every \
    account card number secret report invoice payment customer contract budget quarter revenue forecast transfer project plan \
    password address email phone street bank credit social security insurance policy claim balance order shipment delivery";

/// A small generator of numbers, so that every run scans the same text.
#[derive(Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// A number below `sides`.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % sides.max(1)
    }

    /// A word, frequent ones more often.
    pub fn word<'a>(&mut self, words: &[&'a str]) -> &'a str {
        let most = self.roll(words.len()) + 1;
        words.get(self.roll(most)).copied().unwrap_or("the")
    }
}

/// Prose of common words.
#[must_use]
pub fn prose() -> String {
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut dice = Dice(1);
    let mut text = String::with_capacity(TEXT_BYTES + 16);
    while text.len() < TEXT_BYTES {
        text.push_str(dice.word(&words));
        text.push_str(match dice.roll(14) {
            0 => ". ",
            1 => ", ",
            2 => "\n",
            _ => " ",
        });
    }
    text
}

/// Rows of names, numbers of many lengths, dates and amounts.
#[must_use]
pub fn table() -> String {
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut dice = Dice(2);
    let mut text = String::with_capacity(TEXT_BYTES + 128);
    while text.len() < TEXT_BYTES {
        let (day, serial) = (dice.roll(28) + 1, 4_000_000_000_000_000 + dice.roll(usize::MAX));
        let (units, cents) = (dice.roll(9_999), dice.roll(100));
        let _ = writeln!(
            text,
            "{},2024-03-{day:02},{},{serial},{units}.{cents:02}",
            dice.roll(90_000),
            dice.word(&words)
        );
    }
    text
}

/// Prose in a Latin script with letters beyond ASCII.
#[must_use]
pub fn accented() -> String {
    prose().replace("the ", "dîe ").replace('\n', " — ")
}

/// Phrases of two or three words, one of them in no other text.
#[must_use]
pub fn phrases(count: usize) -> Vec<String> {
    const SYLLABLES: [&str; 16] = [
        "bra", "clo", "dri", "fle", "gru", "kai", "lor", "mun", "nex", "pra", "quo", "rud", "ske", "tro",
        "vul", "zor",
    ];
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut dice = Dice(3);
    let phrase = |number: usize| {
        let syllables = [number / 4_096, number / 256, number / 16, number];
        let name: String = syllables.iter().filter_map(|at| SYLLABLES.get(at % 16)).copied().collect();
        match number % 3 {
            0 => format!("{} {name}k", dice.word(&words)),
            1 => format!("{name}k {}", dice.word(&words)),
            _ => format!("{} {name}k {}", dice.word(&words), dice.word(&words)),
        }
    };
    (0..count).map(phrase).collect()
}

/// A signature file that finds them.
#[must_use]
pub fn signature(phrases: &[String]) -> String {
    let mut list = String::new();
    for phrase in phrases {
        let _ = write!(list, "\"{phrase}\", ");
    }
    format!(
        "id = \"phrases\"\ntitle = \"Phrases\"\nseverity = \"low\"\n[[find]]\nname = \"phrase\"\nphrases = [{list}]\n"
    )
}
