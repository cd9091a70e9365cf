//! Applies one routing table to nginx: render, compare, write, test, reload, wait until it is live.
//!
//! nginx tests everything at once. If it refuses, the former files are restored and the changes are
//! applied in groups: first what all sites share, with the certificates that nginx has accepted before and
//! the changed sites as they were; then the changed sites; then the new certificates. A group that is
//! refused is split in halves, until a single site or certificate is left. That one is left out and
//! reported: its site stays as it was if all its names still lead where they did, and is not served
//! otherwise. Nothing has to understand what nginx says.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    time::{SystemTime, UNIX_EPOCH},
};

use stoa_model::{
    id::{CertificateId, SiteId},
    route::RoutingTable,
};
use tokio::runtime::Handle;

use super::{
    certificates::usable_certificates,
    config::Settings,
    disk::{ConfigFile, ConfigFiles, Disk, at, changed_names},
    file_name::FileName,
    live, pages, platform,
    program::{self, ProgramError},
    render::Rendered,
    report::Report,
    state::State,
};
use crate::tls;

/// So many refused sites and certificates are no matter of single ones any more. Finding each takes
/// several tests of the whole configuration.
const MAX_REFUSALS: usize = 32;

/// Why nothing of a table was applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Disk(#[from] io::Error),
    /// nginx refuses, can't be run, or does not answer.
    #[error("{0}")]
    Nginx(String),
}

/// What can be left out without harm to the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Site(SiteId),
    Certificate(CertificateId),
}

/// What was refused, with the reason. It is only tried again when it has changed.
#[derive(Debug, Default)]
pub(crate) struct Refusals(BTreeMap<Part, Refusal>);

#[derive(Debug)]
struct Refusal {
    reason: String,
    /// The refused file of a site. A certificate never changes.
    file: Option<ConfigFile>,
}

/// Applies a table. Blocks, also for the lock on the disk, as the command line may do the same.
pub(crate) fn apply(
    settings: &Settings,
    table: &RoutingTable,
    refusals: &mut Refusals,
    rewrite_all: bool,
) -> Result<Report, Failure> {
    let (disk, config) = (Disk::new(&settings.config), &settings.config);
    let Some(_lock) = disk.lock(config.deadline)? else {
        let text = format!(
            "another process has changed nginx's files for {} s; is `stoa nginx` hanging?",
            config.deadline.as_secs()
        );
        return Err(Failure::Nginx(text));
    };
    pages::write_pages(&config.pages, &config.product).map_err(at("writing pages to", &config.pages))?;
    if rewrite_all {
        refusals.0.clear();
    }
    let before = disk.read()?;
    let former = State::parse(before.get(&FileName::State));
    let present = before.clone();
    let (left_out, may_keep_former) = (BTreeSet::new(), true);
    let mut attempt =
        Attempt { settings, disk, table, before, former, present, left_out, may_keep_former, rewrite_all };
    attempt.leave_out_known_refusals(refusals)?;
    let kept_stamp = attempt.former.stamp.clone();
    let (files, rendered) = attempt.render(&kept_stamp)?;
    let is_changed = !changed_names(&attempt.before, &files, rewrite_all).is_empty();
    let stamp = if is_changed { new_stamp(table.version) } else { kept_stamp };
    if is_changed {
        attempt.bring(&stamp, refusals)?;
    } else {
        // Their files may have been changed or opened to others.
        attempt.disk.write_certificates(&rendered.certificates)?;
    }
    let handle = Handle::current();
    if is_changed || handle.block_on(live::live_stamp(config.version_at)).as_deref() != Some(&stamp) {
        handle.block_on(live::reload(config, &stamp)).map_err(Failure::Nginx)?;
    }
    Ok(attempt.report(refusals, rendered.left_out))
}

/// Differs from all stamps before, also those of other processes.
fn new_stamp(version: u64) -> String {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_nanos());
    format!("{version}-{nanos}")
}

/// A table on its way to the disk.
struct Attempt<'a> {
    settings: &'a Settings,
    disk: Disk,
    table: &'a RoutingTable,
    /// What was on the disk at the beginning, and what that stands for.
    before: ConfigFiles,
    former: State,
    /// What is on the disk now: accepted by nginx, or what was there before.
    present: ConfigFiles,
    left_out: BTreeSet<Part>,
    /// Whether sites that are left out may stay as they were.
    may_keep_former: bool,
    /// Whether files are written even if they are as they should be.
    rewrite_all: bool,
}

impl Attempt<'_> {
    /// Leaves out what was refused before and is still the same, and certificates that no server could use.
    fn leave_out_known_refusals(&mut self, refusals: &mut Refusals) -> Result<(), Failure> {
        let ids: BTreeSet<_> = self.table.certificates.iter().map(|certificate| certificate.id).collect();
        refusals.0.retain(|part, _| !matches!(part, Part::Certificate(id) if !ids.contains(id)));
        for certificate in self.table.certificates.iter() {
            let part = Part::Certificate(certificate.id);
            if !self.former.certificates.contains_key(&certificate.id)
                && !refusals.0.contains_key(&part)
                && let Err(why) = tls::check_certificate(certificate)
            {
                refusals.0.insert(part, Refusal { reason: format!("cannot load certificate: {why}"), file: None });
            }
        }
        self.left_out = refusals.0.keys().copied().collect();
        if !self.left_out.iter().any(|part| matches!(part, Part::Site(_))) {
            return Ok(());
        }
        let files = self.render_table()?.files;
        refusals.0.retain(|part, refusal| match part {
            Part::Site(site) => files.get(&FileName::Site(*site)) == refusal.file.as_ref(),
            Part::Certificate(_) => true,
        });
        self.left_out = refusals.0.keys().copied().collect();
        Ok(())
    }

    /// Gets as much of the table onto the disk as nginx accepts.
    fn bring(&mut self, stamp: &str, refusals: &mut Refusals) -> Result<(), Failure> {
        if self.try_now(stamp)?.is_ok() {
            return Ok(());
        }
        let [sites, certificates] = self.changed_parts()?;
        self.left_out.extend(sites.iter().chain(&certificates));
        if self.try_now(stamp)?.is_err() {
            // A crash may have left a site's file that was never tested.
            self.may_keep_former = false;
            if let Err(complaint) = self.try_now(stamp)? {
                return Err(Failure::Nginx(format!(
                    "nginx refuses its configuration, and not because of one site or certificate. Look for a file that is not stoa's, or that sets the same as stoa's. nginx says: {complaint}"
                )));
            }
        }
        self.rewrite_all = false;
        let refused = self.apply_in_groups(vec![certificates, sites], stamp);
        if refused.is_err() {
            self.disk.replace(&self.present, &self.before, false)?;
        }
        let mut files = self.render_table()?.files;
        for (part, reason) in refused? {
            tracing::warn!(?part, reason, "nginx refuses a part of the routing table");
            let file = if let Part::Site(site) = part { files.remove(&FileName::Site(site)) } else { None };
            refusals.0.insert(part, Refusal { reason, file });
        }
        Ok(())
    }

    /// Applies groups, the last one first, and what is in a refused one in halves. Returns what nginx
    /// refuses by itself, and what it says.
    fn apply_in_groups(&mut self, mut groups: Vec<Vec<Part>>, stamp: &str) -> Result<BTreeMap<Part, String>, Failure> {
        let mut refused = BTreeMap::new();
        while let Some(mut group) = groups.pop() {
            if group.is_empty() {
                continue;
            }
            for part in &group {
                self.left_out.remove(part);
            }
            let Err(complaint) = self.try_now(stamp)? else { continue };
            self.left_out.extend(&group);
            if let [part] = group[..] {
                if refused.len() == MAX_REFUSALS {
                    return Err(Failure::Nginx(format!(
                        "nginx refuses more than {MAX_REFUSALS} sites and certificates, and says of one of them: {complaint}"
                    )));
                }
                refused.insert(part, complaint);
            } else {
                let half = group.split_off(group.len() / 2);
                groups.extend([half, group]);
            }
        }
        Ok(refused)
    }

    /// The sites whose files change, and the certificates that nginx has not accepted yet.
    fn changed_parts(&self) -> Result<[Vec<Part>; 2], Failure> {
        let Rendered { files, state, .. } = self.render_table()?;
        let is_changed = |name: FileName| files.get(&name) != self.before.get(&name);
        let sites = state.sites.keys().filter(|site| is_changed(FileName::Site(**site))).map(|id| Part::Site(*id));
        let certificates = state.certificates.keys().filter(|id| !self.former.certificates.contains_key(id));
        let is_free = |part: &Part| !self.left_out.contains(part);
        let certificates = certificates.map(|id| Part::Certificate(*id)).filter(is_free).collect();
        Ok([sites.filter(is_free).collect(), certificates])
    }

    /// Renders the table as if no site were left out.
    fn render_table(&self) -> io::Result<Rendered> {
        let is_left_out = |id| self.left_out.contains(&Part::Certificate(id));
        let usable = usable_certificates(&self.table.certificates, is_left_out, &self.former, &self.disk);
        let table = RoutingTable { certificates: usable.into(), ..self.table.clone() };
        Rendered::new(&table, self.settings, self.former.shared_certificate)
    }

    /// All files as they should be, given what is left out.
    fn render(&self, stamp: &str) -> io::Result<(ConfigFiles, Rendered)> {
        let mut rendered = self.render_table()?;
        let (mut files, wanted) = (std::mem::take(&mut rendered.files), rendered.state.clone());
        let state = &mut rendered.state;
        stamp.clone_into(&mut state.stamp);
        for part in &self.left_out {
            let Part::Site(site) = part else { continue };
            let name = FileName::Site(*site);
            let holds = self.may_keep_former && self.former.still_holds(*site, &wanted);
            let Some(file) = self.before.get(&name).filter(|_| holds) else {
                files.remove(&name);
                state.sites.remove(site);
                continue;
            };
            files.insert(name, file.clone());
            state.keep_former_site(*site, &self.former);
        }
        for (name, text) in [
            (FileName::Limits, platform::limits(&state.rates)),
            (FileName::Version, platform::version(self.settings, stamp).map_err(io::Error::other)?),
            (FileName::State, serde_json::to_string_pretty(state)?),
        ] {
            files.insert(name, ConfigFile::wanted(name, text, &self.settings.config));
        }
        Ok((files, rendered))
    }

    /// Writes what is not left out and lets nginx test it. If nginx refuses it, the inner error is what it
    /// says, and the disk is as it was before.
    fn try_now(&mut self, stamp: &str) -> Result<Result<(), String>, Failure> {
        let (files, rendered) = self.render(stamp)?;
        self.disk.write_certificates(&rendered.certificates)?;
        self.disk.replace(&self.present, &files, self.rewrite_all)?;
        let config = &self.settings.config;
        let Err(error) = Handle::current().block_on(program::run(&config.test, config.deadline)) else {
            self.present = files;
            return Ok(Ok(()));
        };
        self.disk.replace(&files, &self.present, false)?;
        match error {
            ProgramError::Failed(complaint) => Ok(Err(complaint)),
            ProgramError::NotRun(why) => Err(Failure::Nginx(format!("testing the configuration: {why}"))),
        }
    }

    /// Removes certificates that nothing uses any more, and reports.
    fn report(&self, refusals: &Refusals, bad_answers: Vec<String>) -> Report {
        let state = State::parse(self.present.get(&FileName::State));
        // What stays is removed the next time.
        if let Err(error) = self.disk.retain_certificates(&state.certificates) {
            tracing::warn!(%error, "removing unused certificates of nginx");
        }
        let mut report = Report { left_out: bad_answers, ..Report::default() };
        for name in changed_names(&self.before, &self.present, self.rewrite_all) {
            match name {
                FileName::Site(site) if refusals.0.contains_key(&Part::Site(site)) => {}
                FileName::Site(site) if self.present.contains_key(&name) => report.written.push(site),
                FileName::Site(site) => report.removed.push(site),
                _ => {}
            }
        }
        for (part, Refusal { reason, .. }) in &refusals.0 {
            match part {
                Part::Site(site) => report.refused.push((*site, reason.clone())),
                Part::Certificate(id) => report.add_certificate(*id, self.table, reason),
            }
        }
        report
    }
}
