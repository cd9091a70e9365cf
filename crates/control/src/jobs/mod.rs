//! Jobs: the workers that carry them out, and what people see of them and may say to them.

mod commands;
mod finish;
mod view;
mod worker;

use stoa_db::{Tx, jobs};
use stoa_model::id::SiteId;

pub(crate) use worker::work;

use crate::{Error, Result};

/// Refuses a change of a site that a job works on.
pub(crate) async fn must_be_idle(tx: &Tx, site: SiteId) -> Result<()> {
    match jobs::job_active(tx, site).await? {
        Some(_) => Err(Error::Conflict("A job is working on this site. Wait for it, or cancel it.".into())),
        None => Ok(()),
    }
}
