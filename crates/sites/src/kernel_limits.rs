//! What all sites of a machine share in its kernel, because their containers' users are the same numbers everywhere: one
//! site that uses it up takes it from all.

use std::{fs, path::Path};

use stoa_core::{
    doctor::{good, wrong},
    view::{Finding, Verdict},
};

/// Programs of a site that watch files, as far as the platform's own images go.
const WATCHERS_PER_SITE: u64 = 2;
/// What a machine needs beside its sites.
const OWN_WATCHERS: u64 = 64;

/// Asynchronous I/O (io_setup(2)) and watched files (inotify(7)), as `/proc/sys/fs` has them.
pub(crate) fn check(folder: &Path, sites: u64) -> Finding {
    let check = "kernel limits";
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok();
    let (Some(aio), Some(max_aio), Some(instances), Some(watches)) =
        (read("aio-nr"), read("aio-max-nr"), read("inotify/max_user_instances"), read("inotify/max_user_watches"))
    else {
        return good(check, "not readable here");
    };
    let found = format!(
        "fs.aio-nr is {aio} of {max_aio}; fs.inotify allows each user {instances} instances and {watches} watched files"
    );
    if aio >= max_aio / 10 * 8 {
        let remedy = format!(
            "Type as root: sysctl -w fs.aio-max-nr={}, and write it into /etc/sysctl.d/. Find who uses it: databases with \
             innodb_use_native_aio, which the platform's own switch off.",
            max_aio.saturating_mul(8)
        );
        return wrong(check, Verdict::Bad, format!("{found}: databases that start now may fail"), &remedy);
    }
    let needed = OWN_WATCHERS + sites * WATCHERS_PER_SITE;
    if instances < needed {
        let remedy = format!(
            "Type as root: sysctl -w fs.inotify.max_user_instances={}, and write it into /etc/sysctl.d/.",
            (needed * 4).next_power_of_two()
        );
        let found = format!("{found}: all sites share these, and {sites} sites can need {needed} instances");
        return wrong(check, Verdict::Warning, found, &remedy);
    }
    good(check, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(aio: u64, instances: u64, sites: u64) -> Finding {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("inotify")).expect("made");
        let write =
            |name: &str, value: u64| fs::write(folder.path().join(name), format!("{value}\n")).expect("written");
        write("aio-nr", aio);
        write("aio-max-nr", 65_536);
        write("inotify/max_user_instances", instances);
        write("inotify/max_user_watches", 100_000);
        check(folder.path(), sites)
    }

    #[test]
    fn limits_that_run_out_are_named_with_the_command() {
        assert_eq!(found(100, 128, 10).verdict, Verdict::Good);
        let aio = found(60_000, 128, 10);
        assert_eq!(aio.verdict, Verdict::Bad);
        assert!(aio.remedy.unwrap().contains("sysctl -w fs.aio-max-nr=524288"));
        let watchers = found(100, 128, 100);
        assert_eq!(watchers.verdict, Verdict::Warning);
        assert!(watchers.remedy.unwrap().contains("max_user_instances=2048"), "264 are needed");
        assert_eq!(check(Path::new("/nowhere"), 10).verdict, Verdict::Good, "not every machine has them");
    }
}
