//! The format of `server.properties`: Java's own.
//!
//! A line ends at CR, LF or both; `#` and `!` begin a comment; an odd number of backslashes at the end of a line
//! joins it with the next, whose leading white space is dropped; a key ends at the first `=`, `:` or white space
//! that is not escaped; `\t \n \r \f \uXXXX` mean what they mean in Java, a backslash before anything else is
//! dropped. A key that occurs twice keeps its last value: that is the reader's matter, all of them are returned.

use super::problem::{Problem, Property, Source};

/// The properties of a file in their order, and a problem for every line that has a malformed `\u` escape.
#[must_use]
pub fn parse(text: &str) -> (Vec<Property>, Vec<Problem>) {
    let mut properties = Vec::new();
    let mut problems = Vec::new();
    for (line, logical) in logical_lines(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        let source = Source::File { line };
        let (key, value) = split(&logical);
        match (unescape(key), unescape(value)) {
            (Ok(key), Ok(value)) => properties.push(Property { key, value, source }),
            (Err(escape), _) | (_, Err(escape)) => {
                problems.push(Problem::at(source, format!("malformed escape {escape}: write \\u and four hex digits")));
            }
        }
    }
    (properties, problems)
}

fn is_blank(byte: char) -> bool {
    matches!(byte, ' ' | '\t' | '\x0c')
}

/// Lines with something in them, continuations joined, each with the number of its first natural line.
fn logical_lines(text: &str) -> Vec<(u32, String)> {
    let mut lines: Vec<(u32, String)> = Vec::new();
    let mut joining = false;
    for (index, natural) in text.replace("\r\n", "\n").split(['\n', '\r']).enumerate() {
        let content = natural.trim_start_matches(is_blank);
        if !joining && (content.is_empty() || content.starts_with(['#', '!'])) {
            continue;
        }
        let backslashes = content.len() - content.trim_end_matches('\\').len();
        let continues = backslashes % 2 == 1;
        let content = if continues { &content[..content.len() - 1] } else { content };
        if joining {
            lines.last_mut().expect("a continuation follows a line").1.push_str(content);
        } else {
            lines.push((u32::try_from(index + 1).unwrap_or(u32::MAX), content.to_owned()));
        }
        joining = continues;
    }
    lines
}

/// A logical line as key and value, both still escaped.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line
        .char_indices()
        .find(|&(_, letter)| {
            let ends = !escaped && (is_blank(letter) || matches!(letter, '=' | ':'));
            escaped = letter == '\\' && !escaped;
            ends
        })
        .map_or(line.len(), |(position, _)| position);
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start_matches(is_blank);
    let value = rest.strip_prefix(['=', ':']).map_or(rest, |value| value.trim_start_matches(is_blank));
    (key, value)
}

/// The text without its escapes, or the escape that is malformed.
fn unescape(text: &str) -> Result<String, String> {
    let mut plain = Vec::with_capacity(text.len());
    let mut letters = text.chars();
    let mut unit = [0; 2];
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            plain.extend_from_slice(letter.encode_utf16(&mut unit));
            continue;
        }
        match letters.next() {
            None => {}
            Some('t') => plain.push(u16::from(b'\t')),
            Some('n') => plain.push(u16::from(b'\n')),
            Some('r') => plain.push(u16::from(b'\r')),
            Some('f') => plain.push(0x0c),
            Some('u') => {
                let digits: String = letters.by_ref().take(4).collect();
                let valid = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
                let code = if valid { u16::from_str_radix(&digits, 16).ok() } else { None };
                plain.push(code.ok_or_else(|| format!("\\u{digits}"))?);
            }
            Some(other) => plain.extend_from_slice(other.encode_utf16(&mut unit)),
        }
    }
    // Java's escapes are UTF-16: a pair of them makes one letter, half a pair is malformed.
    String::from_utf16(&plain).map_err(|_| "of half a surrogate pair".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        let (properties, problems) = parse(text);
        assert_eq!(problems, []);
        properties.into_iter().map(|each| (each.key, each.value)).collect()
    }

    #[test]
    fn javas_format() {
        for (text, key, value) in [
            ("a=b", "a", "b"),
            ("  a = b ", "a", "b "),
            ("a:b", "a", "b"),
            ("a b", "a", "b"),
            ("a\t=\tb=c", "a", "b=c"),
            ("a", "a", ""),
            ("a=", "a", ""),
            ("a\\=b=c", "a=b", "c"),
            ("a\\ b c", "a b", "c"),
            ("a=b\\\n   c", "a", "bc"),
            ("a=b\\\r\n  #c", "a", "b#c"),
            ("a=b\\\\", "a", "b\\"),
            ("a=\\t\\q\\u0041", "a", "\tqA"),
            ("a=\\ud83d\\ude00", "a", "\u{1f600}"),
            ("\u{feff}a=b", "a", "b"),
            ("a=b\\", "a", "b"),
            ("listeners=PLAINTEXT://:9092", "listeners", "PLAINTEXT://:9092"),
        ] {
            assert_eq!(pairs(text), [(key.to_owned(), value.to_owned())], "{text:?}");
        }
        assert_eq!(pairs("# a=b\n! c=d\n\n   \n"), []);
    }

    #[test]
    fn lines_are_counted_from_one() {
        let lines: Vec<Source> = parse("#\na=1\\\n2\nb=3").0.iter().map(|each| each.source).collect();
        assert_eq!(lines, [Source::File { line: 2 }, Source::File { line: 4 }]);
    }

    #[test]
    fn malformed_escapes_are_all_reported() {
        let (properties, problems) = parse("a=\\u12\nb=\\uzzzz\nc=1\nd=\\ud83d");
        assert_eq!(properties.len(), 1);
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(shown.len(), 3);
        assert_eq!(shown[0], "line 1: malformed escape \\u12: write \\u and four hex digits");
        assert!(shown[1].starts_with("line 2: malformed escape \\uzzzz"));
    }
}
