//! An error with its causes, as one line of a log.

use std::error::Error;

/// The error and its causes, separated by colons. A cause whose text its parent already contains is
/// left out, as many libraries print their source themselves.
pub fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::{fmt, io};

    use super::*;

    #[derive(Debug)]
    struct Writing(io::Error, &'static str);

    impl fmt::Display for Writing {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.1)
        }
    }

    impl Error for Writing {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn causes_follow_their_effect_once() {
        let cause = || io::Error::other("no space left on device");
        assert_eq!(error_chain(&cause()), "no space left on device");
        assert_eq!(error_chain(&Writing(cause(), "writing a.txt")), "writing a.txt: no space left on device");
        let printed = Writing(cause(), "writing a.txt: no space left on device");
        assert_eq!(error_chain(&printed), "writing a.txt: no space left on device");
    }
}
