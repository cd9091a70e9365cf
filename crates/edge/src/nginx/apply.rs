//! One routing table's way to nginx: rendered, compared, written, tested, reloaded, live.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{File, OpenOptions, TryLockError},
    io,
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use stoa_model::{id::CertificateId, route::RoutingTable};

use super::{
    attempt::{Attempt, ConfigFiles, Failure, Refused, blocking, certificates_in},
    conf::Argument,
    config::Settings,
    disk::{ConfigFile, Disk, at},
    file_name::FileName,
    former::{self, stand_in},
    live, pages, platform, program,
    render::Files,
    report::{self, Report},
};

/// What nginx has refused before: it is not tried again.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The content of files, with what nginx said.
    files: BTreeMap<FileName, (ConfigFile, String)>,
    /// CertificateIndex, with what nginx said; one never changes.
    certificates: BTreeMap<CertificateId, String>,
}

/// Brings a table to nginx. Holds a lock on the disk meanwhile, as the command line may do the same.
pub(crate) async fn apply(
    settings: &Arc<Settings>,
    table: Arc<RoutingTable>,
    known: &mut Known,
    anew: bool,
) -> Result<Report, Failure> {
    let disk = Arc::new(Disk::new(&settings.config));
    let _lock = lock(settings, &disk).await?;
    if anew {
        *known = Known::default();
    }
    let there: BTreeSet<_> = table.certificates.iter().map(|certificate| certificate.id).collect();
    known.certificates.retain(|id, _| there.contains(id));
    loop {
        match bring(settings, &disk, &table, known, anew).await {
            // Once more without it. This ends, as each time there is one less.
            Err(Failure::Certificate(id, said)) if !known.certificates.contains_key(&id) => {
                tracing::warn!(certificate = %id, said, "nginx does not load a certificate");
                known.certificates.insert(id, said);
            }
            other => return other,
        }
    }
}

async fn bring(
    settings: &Arc<Settings>,
    disk: &Arc<Disk>,
    table: &Arc<RoutingTable>,
    known: &mut Known,
    anew: bool,
) -> Result<Report, Failure> {
    let (files, present) = prepare(settings, disk, table, known).await?;
    let rendered =
        files.confs.into_iter().map(|(name, text)| (name, ConfigFile::wanted(name, text))).collect::<ConfigFiles>();
    let certificates = files.certificates.keys().copied().collect();
    let attempt = Attempt { settings, disk: Arc::clone(disk), present, certificates, anew };
    let mut wanted = rendered.clone();
    let mut refused = Refused::new();
    for (name, (_, said)) in known.files.iter().filter(|(name, (slot, _))| rendered.get(name) == Some(slot)) {
        wanted.insert(*name, stand_in(*name, attempt.present.get(name), &rendered[name]));
        refused.insert(*name, said.clone());
    }
    let stamp = keep_or_renew_stamp(&attempt, &mut wanted, table.version);
    let changed = !attempt.changes(&wanted).is_empty();
    if changed {
        refused.extend(attempt.run(&mut wanted).await?);
    }
    if changed || live::live_stamp(settings.config.version_at).await.as_deref() != Some(stamp.as_str()) {
        reload(settings, &stamp).await?;
    }
    forget(disk, &wanted).await;
    let mut report = Report::of(&attempt, &wanted, &refused);
    report.left_out.extend(files.left_out);
    report.left_out.extend(report::left_out(table, &known.certificates));
    let content = |(name, said): (FileName, String)| Some((name, (rendered.get(&name)?.clone(), said)));
    known.files = refused.into_iter().filter_map(content).collect();
    Ok(report)
}

/// Reads what is there, renders the table, and writes what harms nobody: pages and certificates.
async fn prepare(
    settings: &Arc<Settings>,
    disk: &Arc<Disk>,
    table: &Arc<RoutingTable>,
    known: &Known,
) -> Result<(Files, Arc<ConfigFiles>), Failure> {
    let (settings, disk, mut table) = (settings.clone(), disk.clone(), table.clone());
    let refused: BTreeSet<_> = known.certificates.keys().copied().collect();
    blocking(move || {
        let present = disk.read()?;
        if !refused.is_empty() {
            let certificates = former::certificates(&table.certificates, &refused, &present, &disk).into();
            Arc::make_mut(&mut table).certificates = certificates;
        }
        let shared = present.get(&FileName::Unknown).and_then(|slot| certificates_in(slot).next());
        let files = Files::render(&table, &settings, shared).map_err(io::Error::other)?;
        let (pages, product) = (&settings.config.pages, &settings.config.product);
        pages::write_pages(pages, product).map_err(at("writing pages to", pages))?;
        disk.put_certificates(&files.certificates)?;
        Ok((files, Arc::new(present)))
    })
    .await
}

/// Adds the file that tells the stamp: as it is if nothing else changes, or else with a new one, so
/// that what is written now can be told from all that was live before.
fn keep_or_renew_stamp(attempt: &Attempt<'_>, wanted: &mut ConfigFiles, version: u64) -> String {
    let present = attempt.present.get(&FileName::Version).filter(|slot| slot.link.is_some());
    if let Some(slot) = present {
        wanted.insert(FileName::Version, slot.clone());
        let stamp = stamp_in(slot);
        if let Some(stamp) = stamp.filter(|_| attempt.changes(wanted).is_empty()) {
            return stamp;
        }
    }
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_nanos() as u64);
    let stamp = Argument::amount("", version, "-");
    let text = platform::version(attempt.settings, &Argument::joined(&[stamp, Argument::number(nanos)]));
    wanted.insert(FileName::Version, ConfigFile::wanted(FileName::Version, text));
    format!("{version}-{nanos}")
}

/// The stamp that a file tells.
fn stamp_in(slot: &ConfigFile) -> Option<String> {
    let text = std::str::from_utf8(slot.file.as_deref()?).ok()?;
    let stamp = text.split_once("return 200 ")?.1.split_once(';')?.0;
    stamp.bytes().all(|b| b.is_ascii_digit() || b == b'-').then(|| stamp.to_owned())
}

/// Tells nginx, and waits until nobody is served by the former configuration.
async fn reload(settings: &Settings, stamp: &str) -> Result<(), Failure> {
    let config = &settings.config;
    if !config.pid.as_deref().is_some_and(program::signal_reload) {
        program::run(&config.reload, config.deadline).await.map_err(|said| {
            Failure::Refused(format!(
                "the files are written, but nginx was not told: {said}. Is it running, and may stoa signal it?"
            ))
        })?;
    }
    live::wait_until_live(config.version_at, stamp, config.deadline).await.map_err(|last| {
        let last = last.unwrap_or_else(|| "nobody".into());
        Failure::Refused(format!(
            "nginx was told to reload, but after {} s {last} answers at {} instead of {stamp}; look at its error log, and whether it includes the enabled sites",
            config.deadline.as_secs(),
            config.version_at
        ))
    })
}

/// Removes certificates that nothing shows. Only tidying: what stays is removed the next time.
async fn forget(disk: &Arc<Disk>, wanted: &ConfigFiles) {
    let shown: BTreeSet<_> = wanted.values().flat_map(certificates_in).collect();
    let disk = Arc::clone(disk);
    if let Err(error) = blocking(move || disk.keep_certificates(&shown)).await {
        tracing::warn!(%error, "tidying up nginx's certificates");
    }
}

/// Waits until no other process writes. The lock ends with the file.
async fn lock(settings: &Settings, disk: &Arc<Disk>) -> Result<File, Failure> {
    let (begun, path) = (Instant::now(), settings.config.certificates.join(".lock"));
    let there = Arc::clone(disk);
    blocking(move || there.prepare()).await?;
    let file = OpenOptions::new().create(true).append(true).open(&path).map_err(at("opening", &path))?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(at("locking", &path)(error).into()),
            Err(TryLockError::WouldBlock) if begun.elapsed() > settings.config.deadline => {
                let text = format!(
                    "another process holds {} for {} s; is `stoa nginx` hanging?",
                    path.display(),
                    begun.elapsed().as_secs()
                );
                return Err(Failure::Refused(text));
            }
            Err(TryLockError::WouldBlock) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    }
}
