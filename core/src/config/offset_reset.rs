//! Where a group begins that has not been anywhere: a word, or a time before now.

/// `earliest`, `latest`, or `by_duration:` and how long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetReset {
    /// At the first offset.
    Earliest,
    /// Behind the last one.
    Latest,
    /// At the first record of the last so many milliseconds.
    Within(u64),
}

impl OffsetReset {
    /// What a text says, in any case of letters; nothing where that is none of these.
    #[must_use]
    pub fn parse(text: &str) -> Option<OffsetReset> {
        let text = text.trim().to_ascii_lowercase();
        match &*text {
            "earliest" => Some(OffsetReset::Earliest),
            "latest" => Some(OffsetReset::Latest),
            text => duration_ms(text.strip_prefix("by_duration:")?).map(OffsetReset::Within),
        }
    }
}

/// Milliseconds of an ISO 8601 duration in small letters: `p`, days, and behind a `t` hours, minutes and seconds. Each
/// unit stands once at most, in this order; the last one may have a fraction.
fn duration_ms(text: &str) -> Option<u64> {
    let text = text.strip_prefix('p')?;
    let (days, time) = match text.split_once('t') {
        Some((_, "")) => return None,
        Some((days, time)) => (days, time),
        None => (text, ""),
    };
    let mut milliseconds = match days {
        "" if time.is_empty() => return None,
        "" => 0,
        days => whole(days.strip_suffix('d')?)?.checked_mul(86_400_000)?,
    };
    let mut rest = time;
    for (unit, of_unit_ms) in [('h', 3_600_000), ('m', 60_000)] {
        if let Some((number, behind)) = rest.split_once(unit) {
            milliseconds = whole(number)?.checked_mul(of_unit_ms)?.checked_add(milliseconds)?;
            rest = behind;
        }
    }
    if rest.is_empty() { Some(milliseconds) } else { seconds_ms(rest.strip_suffix('s')?)?.checked_add(milliseconds) }
}

fn whole(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn seconds_ms(text: &str) -> Option<u64> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let fraction: String = format!("{}000", Some(fraction).filter(|part| whole(part).is_some())?);
    whole(seconds)?.checked_mul(1_000)?.checked_add(fraction[..3].parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_durations_are_read() {
        let day = 86_400_000;
        for (text, expected) in [
            ("earliest", Some(OffsetReset::Earliest)),
            ("LATEST", Some(OffsetReset::Latest)),
            ("by_duration:PT1H", Some(OffsetReset::Within(3_600_000))),
            ("by_duration:P2D", Some(OffsetReset::Within(2 * day))),
            ("by_duration:P1DT1H2M3.5S", Some(OffsetReset::Within(day + 3_723_500))),
            ("by_duration:PT0.001S", Some(OffsetReset::Within(1))),
            ("by_duration:P", None),
            ("by_duration:PT", None),
            ("by_duration:P1DT", None),
            ("by_duration:-PT1H", None),
            ("by_duration:PT1", None),
            ("by_duration:PT1S1M", None),
            ("by_duration:P99999999999999999999D", None),
            ("none", None),
            ("", None),
        ] {
            assert_eq!(OffsetReset::parse(text), expected, "{text}");
        }
    }
}
