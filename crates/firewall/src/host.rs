//! This machine: looks whether everything is in force, and puts it there.

use std::{fs, io, process::Stdio, time::Duration};

use tokio::{io::AsyncWriteExt, process::Command, time};

use crate::{
    policy::Policy,
    ruleset::{TABLE, ruleset},
};

/// Deadline of one program.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Where distributions install these programs; not all users have it in their PATH.
const PATH: &str = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin:/usr/local/bin";
const IP_FORWARD: &str = "/proc/sys/net/ipv4/ip_forward";
/// Preference of our two rules of policy routing: after `local` (0), before `main` (32766) and what VPNs add (ip-rule(8)).
const LOCAL_RULE: &str = "4270";
const SITES_RULE: &str = "4271";
/// Bit of CAP_NET_ADMIN (capabilities(7)).
const CAP_NET_ADMIN: u32 = 12;

/// Why the firewall can't be looked at or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program is not there.
    #[error("{program} is not installed (on Debian: apt-get install {package})")]
    NotInstalled {
        /// Its name.
        program: &'static str,
        /// Debian's package.
        package: &'static str,
    },
    /// It said no.
    #[error("{command}: {answer}")]
    Refused {
        /// What was run.
        command: String,
        /// What it wrote to standard error.
        answer: String,
    },
    /// It did not end.
    #[error("{command} took longer than {} s", TIMEOUT.as_secs())]
    TimedOut {
        /// What was run.
        command: String,
    },
    /// A file could not be read or written.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The error.
        source: io::Error,
    },
}

/// Something that must hold on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The table of nftables.
    Table,
    /// The rules of policy routing.
    Routing,
    /// Docker's way out: its rules in the chain FORWARD, or ours in their place.
    WayOut,
    /// The kernel forwards packets.
    Forwarding,
}

impl Part {
    pub(crate) const ALL: [Self; 4] = [Self::Table, Self::Routing, Self::WayOut, Self::Forwarding];

    /// What is missing, for people.
    pub(crate) const fn missing(self) -> &'static str {
        match self {
            Self::Table => "the table inet stoa of nftables",
            Self::Routing => "the routing rules between sites' networks",
            Self::WayOut => "the rules of iptables that let sites reach the internet",
            Self::Forwarding => "net.ipv4.ip_forward",
        }
    }

    /// Whether it holds. `listing` is the table as it was after our last change.
    pub(crate) async fn holds(self, policy: &Policy, listing: &str) -> Result<bool, Error> {
        match self {
            Self::Table => Ok(self::listing().await?.is_some_and(|found| found == listing)),
            Self::Routing => {
                let rules = run(IP, &["rule", "list"], "").await?;
                Ok(routing_rules(policy).iter().all(|rule| rules.lines().any(|line| is_rule(line, rule))))
            }
            Self::WayOut => {
                for rule in ways_out() {
                    if !has_way_out(&rule).await? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Forwarding => {
                let value = fs::read_to_string(IP_FORWARD).map_err(|source| io_error("reading", source))?;
                Ok(value.trim() == "1")
            }
        }
    }

    /// Puts it in force. Safe to repeat.
    pub(crate) async fn apply(self, policy: &Policy) -> Result<(), Error> {
        match self {
            Self::Table => run(NFT, &["-f", "-"], &ruleset(policy)).await.map(drop),
            Self::Routing => {
                let rules = run(IP, &["rule", "list"], "").await?;
                for rule in routing_rules(policy) {
                    if !rules.lines().any(|line| is_rule(line, &rule)) {
                        delete_rules(rule[0].as_str()).await?;
                        let arguments: Vec<&str> =
                            ["rule", "add", "pref"].into_iter().chain(rule.iter().map(String::as_str)).collect();
                        run(IP, &arguments, "").await?;
                    }
                }
                Ok(())
            }
            Self::WayOut => {
                for rule in ways_out() {
                    if !has_way_out(&rule).await? {
                        iptables("-A", &rule).await?;
                    }
                }
                Ok(())
            }
            Self::Forwarding => fs::write(IP_FORWARD, "1").map_err(|source| io_error("writing 1 to", source)),
        }
    }
}

/// Puts everything in force now.
///
/// # Errors
/// The first thing that could not be put in force; the others are tried all the same.
pub async fn apply(policy: &Policy) -> Result<(), Error> {
    let mut result = Ok(());
    for part in Part::ALL {
        result = result.and(part.apply(policy).await);
    }
    result
}

/// Removes what [`apply`] made. Sites' containers are then separated by Docker's rules only.
///
/// # Errors
/// As [`apply`].
pub async fn remove() -> Result<(), Error> {
    if listing().await?.is_some() {
        run(NFT, &["delete", "table", TABLE[0], TABLE[1]], "").await?;
    }
    for preference in [LOCAL_RULE, SITES_RULE] {
        delete_rules(preference).await?;
    }
    for rule in ways_out() {
        while has_way_out(&rule).await? && iptables("-D", &rule).await? {}
    }
    Ok(())
}

/// Whether this process may change the firewall: it has the capability CAP_NET_ADMIN.
pub fn is_permitted() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    effective.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).is_some_and(|set| set >> CAP_NET_ADMIN & 1 == 1)
}

/// The table without its counts; `None` if it is not there.
pub(crate) async fn listing() -> Result<Option<String>, Error> {
    match run(NFT, &["-s", "list", "table", TABLE[0], TABLE[1]], "").await {
        Ok(text) => Ok(Some(text)),
        Err(Error::Refused { answer, .. }) if answer.contains("No such file or directory") => Ok(None),
        Err(error) => Err(error),
    }
}

/// Starts a program that writes a line for each change of nftables.
pub(crate) fn monitor() -> io::Result<tokio::process::Child> {
    let mut command = Command::new(NFT.0);
    command.arg("monitor").env("PATH", PATH).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.kill_on_drop(true).spawn()
}

/// Preference and selectors of each rule. Packets that this machine sends itself (`iif lo`), such as the edge's answers, may
/// go to every site; others may not go from one site to another. Traffic within a network is not routed.
fn routing_rules(policy: &Policy) -> [Vec<String>; 2] {
    let rule = |text: String| text.split(' ').map(str::to_owned).collect();
    let sites = policy.sites;
    [
        rule(format!("{LOCAL_RULE} from {sites} to {sites} iif lo lookup main")),
        rule(format!("{SITES_RULE} from {sites} to {sites} prohibit")),
    ]
}

/// Whether a line of `ip rule list` (`4270: from …`) is this rule.
fn is_rule(line: &str, rule: &[String]) -> bool {
    let Some((preference, selectors)) = line.split_once(':') else { return false };
    preference == rule[0] && selectors.split_whitespace().eq(rule[1..].iter().map(String::as_str))
}

async fn delete_rules(preference: &str) -> Result<(), Error> {
    let prefix = format!("{preference}:");
    while run(IP, &["rule", "list"], "").await?.lines().any(|line| line.starts_with(&prefix)) {
        run(IP, &["rule", "del", "pref", preference], "").await?;
    }
    Ok(())
}

/// Docker sets FORWARD's policy to DROP and accepts what its networks send; with bridge-nf-call-iptables, the kernel's default, that
/// includes packets within a network. A reload of a firewall removes the latter only. These rules stand at the end, after
/// those of Docker and of the administrator, and what may not leave never gets this far.
fn ways_out() -> [Vec<&'static str>; 2] {
    let rule = |text: &'static str| text.split(' ').collect();
    [
        rule("FORWARD -i stoa-+ -j ACCEPT"),
        rule("FORWARD ! -i stoa-+ -o stoa-+ -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),
    ]
}

/// Whether the rule is there, or iptables is not: Docker can use nftables alone.
async fn has_way_out(rule: &[&str]) -> Result<bool, Error> {
    match iptables("-C", rule).await {
        Err(Error::NotInstalled { .. }) => Ok(true),
        answer => answer,
    }
}

/// `false`: the program says that there is no such rule.
async fn iptables(verb: &str, rule: &[&str]) -> Result<bool, Error> {
    let arguments: Vec<&str> = ["-w", "5", verb].into_iter().chain(rule.iter().copied()).collect();
    match run(IPTABLES, &arguments, "").await {
        Ok(_) => Ok(true),
        Err(Error::Refused { answer, .. }) if verb == "-C" && answer.contains("does a matching rule exist") => {
            Ok(false)
        }
        // A chain FORWARD that was removed with its table.
        Err(Error::Refused { answer, .. }) if verb == "-C" && answer.contains("No chain/target/match") => Ok(false),
        Err(error) => Err(error),
    }
}

/// A program and its package on Debian.
type Program = (&'static str, &'static str);
const NFT: Program = ("nft", "nftables");
const IP: Program = ("ip", "iproute2");
const IPTABLES: Program = ("iptables", "iptables");

async fn run((program, package): Program, arguments: &[&str], input: &str) -> Result<String, Error> {
    let command = || format!("{program} {}", arguments.join(" "));
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => Error::NotInstalled { program, package },
        _ => Error::Io { what: format!("running {}", command()), source },
    };
    let mut process = Command::new(program)
        .args(arguments)
        .env("PATH", PATH)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let mut stdin = process.stdin.take().expect("it is piped");
    let work = async {
        // It may end without reading: then its answer says why.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        process.wait_with_output().await
    };
    let output =
        time::timeout(TIMEOUT, work).await.map_err(|_| Error::TimedOut { command: command() })?.map_err(failed)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let answer = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Refused { command: command(), answer })
}

fn io_error(what: &str, source: io::Error) -> Error {
    Error::Io { what: format!("{what} {IP_FORWARD}"), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_recognized_in_the_listing() {
        let policy = Policy {
            sites: "10.213.0.0/16".parse().unwrap(),
            edge_ports: Vec::new(),
            allow: Vec::new(),
            block: Vec::new(),
            mail: false,
            resolvers: Vec::new(),
            dns_port: None,
            submission_port: None,
        };
        let [local, sites] = routing_rules(&policy);
        let listed = "4270:\tfrom 10.213.0.0/16 to 10.213.0.0/16 iif lo lookup main ";
        assert!(is_rule(listed, &local) && !is_rule(listed, &sites));
        assert!(is_rule("4271:\tfrom 10.213.0.0/16 to 10.213.0.0/16 prohibit", &sites));
        assert!(!is_rule("4271:\tfrom 10.213.0.0/17 to 10.213.0.0/16 prohibit", &sites));
        assert!(!is_rule("0:\tfrom all lookup local", &local));
    }
}
