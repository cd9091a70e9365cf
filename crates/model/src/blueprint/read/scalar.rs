//! Single values: text, numbers, times, sizes. Text never holds variables here; the few places
//! where it may are read by [`super::names::Names::template`].

use std::{collections::BTreeMap, fmt::Display, ops::RangeInclusive, str::FromStr, time::Duration};

use super::{cursor::Cursor, node::Value};
use crate::blueprint::Template;

impl Cursor<'_> {
    /// Text as YAML has it, `$` included.
    pub fn raw(&self) -> Option<&str> {
        match &self.node.value {
            Value::Text(text) if text.contains('\0') => self.problem("a NUL character: remove it"),
            Value::Text(text) => return Some(text),
            Value::Int(_) | Value::Float(_) | Value::Bool(_) => {
                self.problem(format!("expected text, found {}: put it in quotes", self.node.value.kind()));
            }
            _ => self.expected("text"),
        }
        None
    }

    /// Text without variables; `$$` is a dollar, as everywhere in Compose.
    pub fn text(&self) -> Option<String> {
        let template = Template::parse(self.raw()?).map_err(|message| self.problem(message)).ok()?;
        let text = template.fill(&BTreeMap::new());
        if text.is_err() || template.names().next().is_some() {
            self.problem(
                "variables work only in environment, in image and in a hook's stdin: write the value itself here",
            );
            return None;
        }
        text.ok()
    }

    /// Text that says something.
    pub fn words(&self) -> Option<String> {
        let text = self.text()?;
        if text.trim().is_empty() {
            self.problem("this is empty: write something for the people who read it");
            return None;
        }
        Some(text)
    }

    /// Text for which `accepted` holds.
    pub fn text_if(&self, accepted: impl Fn(&str) -> bool, otherwise: &str) -> Option<String> {
        let text = self.text()?;
        if !accepted(&text) {
            self.problem(format!("{text:?} {otherwise}"));
            return None;
        }
        Some(text)
    }

    /// `true` or `false`.
    pub fn flag(&self) -> Option<bool> {
        match &self.node.value {
            Value::Bool(flag) => return Some(*flag),
            _ => self.expected("true or false"),
        }
        None
    }

    /// A number or text that parses as `T`.
    pub fn parsed<T: FromStr<Err: Display>>(&self) -> Option<T> {
        let text = match &self.node.value {
            Value::Int(number) | Value::Float(number) => number.clone(),
            _ => self.text()?,
        };
        text.parse().map_err(|error| self.problem(format!("{error}"))).ok()
    }

    /// A whole number in a range.
    pub fn number(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let number = match &self.node.value {
            Value::Int(text) | Value::Text(text) => text.parse().ok(),
            _ => None,
        };
        let number = number.filter(|n| range.contains(n));
        if number.is_none() {
            self.problem(format!("expected a whole number from {} to {}", range.start(), range.end()));
        }
        number
    }

    /// A time in Compose's form, at most so long.
    pub fn duration(&self, longest: Duration) -> Option<Duration> {
        let text = self.text()?;
        let duration = duration(&text);
        if duration.is_none_or(|d| d > longest) {
            self.problem(format!("{text:?} is no time of up to {longest:?}: write it like 500ms, 10s or 1m30s"));
            return None;
        }
        duration
    }

    /// A program with its arguments.
    pub fn arguments(&self) -> Option<Vec<String>> {
        match &self.node.value {
            Value::Text(_) => self
                .problem("this is a line for a shell, and none is involved: write a list, such as [program, argument]"),
            Value::List(items) if items.is_empty() => self.problem("this list is empty: name a program, or remove it"),
            _ => return self.items().iter().map(Self::text).collect(),
        }
        None
    }

    /// A path inside a container, where something is mounted.
    pub fn mount_point(&self, path: &str) -> Option<String> {
        let parts = || path.split('/').skip(1);
        let system = ["proc", "sys", "dev"].iter().any(|name| parts().next() == Some(name));
        let clean = path.starts_with('/')
            && path.len() <= 200
            && parts().all(|part| !part.is_empty() && part != "." && part != "..")
            && path.bytes().all(|b| b.is_ascii_graphic() && !b":,\\".contains(&b));
        if !clean || system {
            self.problem(format!("{path:?} is no place to mount something: write an absolute path such as /srv/data"));
            return None;
        }
        Some(path.to_owned())
    }

    /// A path of a URL.
    pub fn url_path(&self) -> Option<String> {
        let path =
            |text: &str| text.starts_with('/') && !text.starts_with("//") && text.bytes().all(|b| b.is_ascii_graphic());
        self.text_if(path, "is no path: begin it with one / and leave out scheme and host")
    }
}

fn duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let unit = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |at| digits + at);
        let amount: u64 = rest[..digits].parse().ok()?;
        let micros = match &rest[digits..unit] {
            "us" => 1,
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" => 60_000_000,
            "h" => 3_600_000_000,
            _ => return None,
        };
        total = total.checked_add(Duration::from_micros(amount.checked_mul(micros)?))?;
        rest = &rest[unit..];
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, millis) in [("10s", 10_000), ("1m30s", 90_000), ("500ms", 500), ("2h", 7_200_000), ("0s", 0)] {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "10", "s", "1.5s", "-1s", "1d", "10 s", "99999999999999999999s", "9999999999999999h"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
