//! What browser a user agent names, in plain words. It is a hint for people who look for a session that is not theirs,
//! and nothing is decided by it.

/// Browsers, by the token that tells them apart; the more special ones first, because each also names the others.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Firefox/", "Firefox"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
];
/// Systems, likewise.
const SYSTEMS: &[(&str, &str)] = &[
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
];

/// What is said of a browser that is not recognized.
pub(crate) const UNKNOWN: &str = "Unknown browser";

/// "Firefox on Linux", or as much as is known.
pub(crate) fn describe(agent: Option<&str>) -> String {
    match (browser(agent), find(SYSTEMS, agent)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(only), None) | (None, Some(only)) => only.to_owned(),
        (None, None) => UNKNOWN.to_owned(),
    }
}

/// "Firefox", if it is known.
pub(crate) fn browser(agent: Option<&str>) -> Option<&'static str> {
    find(BROWSERS, agent)
}

fn find(table: &[(&str, &'static str)], agent: Option<&str>) -> Option<&'static str> {
    let agent = agent?;
    table.iter().find(|(token, _)| agent.contains(token)).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_browsers_are_recognized() {
        let chrome =
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36";
        for (agent, words) in [
            (chrome, "Chrome on Linux"),
            ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox on Windows"),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile Safari/604.1",
                "Safari on iPhone",
            ),
            (&format!("{chrome} Edg/143.0"), "Edge on Linux"),
            ("curl/8.9", "curl"),
            ("<script>", "Unknown browser"),
        ] {
            assert_eq!(describe(Some(agent)), words);
        }
        assert_eq!(describe(None), "Unknown browser");
    }
}
