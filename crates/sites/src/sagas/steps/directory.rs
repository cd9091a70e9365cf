//! The site's own directory, with a mark that says which job made it.

use std::{fs, io, os::unix::fs::DirBuilderExt, path::Path};

use async_trait::async_trait;
use stoa_saga::{Done, ResultExt, Step, StepError, StepRun, UndoError};

use crate::sagas::{OnSite, StepContext};
use stoa_util::{atomic_file, io_error::at_path};

/// The file in a site's directory that names the job that made it.
const MARK: &str = ".stoa-job";

pub struct CreateDirectory;

#[async_trait]
impl<P: OnSite> Step<P, StepContext> for CreateDirectory {
    fn name(&self) -> &'static str {
        "directories"
    }

    fn title(&self) -> &'static str {
        "Create folder"
    }

    async fn act(&self, _: &StepContext, plan: &P, _: &StepRun) -> Result<Done, StepError> {
        let plan = plan.site();
        let mark = plan.job.to_string();
        make(&plan.directory, &mark).or_fail("The site's folder could not be created.")?;
        Ok(Done::plain())
    }

    /// Removes the directory if this job made it, or made it half.
    async fn undo(&self, _: &StepContext, plan: &P, _: &StepRun) -> Result<(), UndoError> {
        let plan = plan.site();
        let doing = format!("removing the directory {}", plan.directory.display());
        match fs::read_to_string(plan.directory.join(MARK)) {
            Ok(mark) if mark == plan.job.to_string() => remove(&plan.directory).or_undo_retry(&doing)?,
            Ok(_) => return Ok(()),
            // Without a mark it is nobody's, or this job died before it could mark it, or after it had
            // unmarked it: then there is nothing else in it.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                let _ = fs::remove_file(atomic_file::temporary_path(&plan.directory.join(MARK)));
                let _ = fs::remove_dir(&plan.directory);
            }
            Err(error) => return Err(UndoError::retry(&doing, at_path(&plan.directory)(error))),
        }
        // The customer's folder goes with his last site.
        plan.directory.parent().map(fs::remove_dir);
        Ok(())
    }
}

/// The mark goes last: whoever dies before it still finds whose the rest is.
fn remove(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory).map_err(at_path(directory))? {
        let entry = entry?;
        if entry.file_name() == MARK {
            continue;
        }
        let path = entry.path();
        let removed = if entry.file_type()?.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(at_path(&path))?;
    }
    fs::remove_file(directory.join(MARK)).map_err(at_path(directory))?;
    fs::remove_dir(directory).map_err(at_path(directory))
}

fn make(directory: &Path, mark: &str) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(at_path(directory))?;
    match fs::read_to_string(directory.join(MARK)) {
        Ok(found) if found == mark => Ok(()),
        Ok(found) => Err(io::Error::other(format!("{} belongs to {found}", directory.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            atomic_file::write_private(&directory.join(MARK), mark.as_bytes()).map_err(at_path(directory))
        }
        Err(error) => Err(at_path(directory)(error)),
    }
}
