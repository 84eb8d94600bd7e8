//! What a User-Agent (RFC 9110 section 10.1.5) says of the device: its system and its class.
//!
//! Owns: the few words by which systems are known. Never does: naming anybody by it; believing it: anyone may write anything there.

/// A device as a browser, or a part of the system, describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Device {
    IosPhone,
    IosTablet,
    AndroidPhone,
    AndroidTablet,
    Chromeos,
    Windows,
    Macos,
    Linux,
}

/// What is known of the device of a flow, a byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Told {
    /// No User-Agent has been looked at.
    #[default]
    NotYet,
    /// It told nothing.
    Nothing,
    Device(Device),
}

/// Bytes looked at.
const LONGEST: usize = 512;

impl Device {
    /// The device that a User-Agent tells. None for programs that run anywhere.
    pub(crate) fn of(user_agent: &[u8]) -> Option<Self> {
        /// In this order: what runs Android calls itself Linux, too, and an iPhone "like Mac OS X".
        const WORDS: [(&str, Device); 13] = [
            ("iPhone", Device::IosPhone),
            ("iPod", Device::IosPhone),
            ("iPad", Device::IosTablet),
            ("Android", Device::AndroidTablet),
            ("CrOS ", Device::Chromeos),
            ("Windows NT", Device::Windows),
            ("Windows-Update-Agent", Device::Windows),
            ("Microsoft-", Device::Windows),
            ("Microsoft BITS/", Device::Windows),
            ("Macintosh", Device::Macos),
            ("Mac OS X", Device::Macos),
            ("Linux", Device::Linux),
            ("Debian APT-HTTP", Device::Linux),
        ];
        let text = String::from_utf8_lossy(user_agent.get(..LONGEST).unwrap_or(user_agent));
        let (_, device) = WORDS.into_iter().find(|(word, _)| text.contains(word))?;
        // Telephones say "Mobile", other devices with Android don't.
        Some(if device == Self::AndroidTablet && text.contains("Mobile") {
            Self::AndroidPhone
        } else {
            device
        })
    }

    /// System, and class where it is not a computer.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::IosPhone => "ios phone",
            Self::IosTablet => "ios tablet",
            Self::AndroidPhone => "android phone",
            Self::AndroidTablet => "android tablet",
            Self::Chromeos => "chromeos",
            Self::Windows => "windows",
            Self::Macos => "macos",
            Self::Linux => "linux",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_known_by_what_they_say_of_themselves() {
        for (user_agent, expected) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36",
                Some("windows"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Mobile/15E148",
                Some("ios phone"),
            ),
            ("Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15", Some("ios tablet")),
            (
                "Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/131.0 Mobile Safari/537.36",
                Some("android phone"),
            ),
            ("Mozilla/5.0 (Linux; Android 13; SM-X710) Chrome/131.0 Safari/537.36", Some("android tablet")),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/17.5 Safari/605.1.15", Some("macos")),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", Some("linux")),
            ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) Chrome/131.0 Safari/537.36", Some("chromeos")),
            ("Microsoft-CryptoAPI/10.0", Some("windows")),
            ("curl/8.5.0", None),
            ("python-requests/2.32", None),
            ("", None),
        ] {
            assert_eq!(Device::of(user_agent.as_bytes()).map(Device::name), expected, "{user_agent}");
        }
        let late = format!("{}Windows NT", "x".repeat(LONGEST));
        assert_eq!(Device::of(late.as_bytes()), None);
        assert_eq!(size_of::<Told>(), 1);
    }
}
