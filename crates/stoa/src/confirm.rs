//! Questions before something that can't be undone, or that somebody would miss.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Result, bail};
use clap::Args;
use stoa_util::visible_lines;

/// Flag of the verbs that ask.
#[derive(Args)]
pub struct Confirm {
    /// Don't ask.
    #[arg(long, short = 'y')]
    yes: bool,
}

impl Confirm {
    /// Asks whether to do what `question` says, as in "Remove shop.example.com?".
    ///
    /// # Errors
    /// If the answer is no, or nobody can be asked.
    pub fn ask(&self, question: &str) -> Result<()> {
        self.answered(&format!("{question} [y/N] "), |answer| {
            ["y", "yes"].contains(&answer.to_ascii_lowercase().as_str())
        })
    }

    /// Asks for the name of what will be lost.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn ask_for_name(&self, question: &str, name: &str) -> Result<()> {
        self.answered(&format!("{question}\nType {name} to confirm: "), |answer| answer == name)
    }

    fn answered(&self, question: &str, is_yes: impl Fn(&str) -> bool) -> Result<()> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            let first = question.lines().next().unwrap_or_default().trim_end_matches(" [y/N] ");
            bail!("{first} Nobody can be asked here: repeat the command with --yes");
        }
        eprint!("{}", visible_lines(question));
        io::stderr().flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        if is_yes(answer.trim()) { Ok(()) } else { bail!("nothing was changed") }
    }
}
