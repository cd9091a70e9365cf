//! `stoa plans`: what is sold.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Subcommand;
use serde::Deserialize;
use serde_json::json;
use stoa_billing::command::SavePlan;
use stoa_core::Error;

use crate::{
    bootstrap,
    config::Config,
    output::{Output, table},
};

#[derive(Subcommand)]
pub enum Plans {
    /// List all plans, in the order of the price list.
    #[command(visible_alias = "ls")]
    List,
    /// Create the plans of a file, such as deploy/plans.toml. Plans whose short name exists are left as they are.
    Import {
        /// A TOML file with a table [[plans]] for each plan.
        file: PathBuf,
    },
    /// Make the plans and prices at Stripe that are missing there, rename what was renamed, archive what is no longer sold.
    /// Amounts never change: another amount is another price.
    Sync {
        /// Only show what differs.
        #[arg(long)]
        dry_run: bool,
    },
}

/// The file of `stoa plans import`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    plans: Vec<SavePlan>,
}

pub async fn run(verb: &Plans, config: &Config, out: &Output) -> Result<()> {
    let control = bootstrap::control(config).await?;
    let cx = control.core.system_context("plans");
    match verb {
        Plans::List => {
            let plans = control.billing.list_plans(&cx).await?;
            out.show(&plans, |plans| {
                if plans.is_empty() {
                    return "There are no plans, so sites are ordered without payment. Create some in the portal, or: \
                            stoa plans import deploy/plans.toml"
                        .into();
                }
                let rows = plans.iter().map(|plan| {
                    let prices: Vec<_> = plan.prices.iter().map(|price| price.text.as_str()).collect();
                    let sale = match (plan.is_active, plan.is_hidden) {
                        (false, _) => "no",
                        (true, true) => "hidden",
                        (true, false) => "yes",
                    };
                    let (memory, disk) = (plan.terms.memory.brief(), plan.terms.disk.brief());
                    [plan.slug.clone(), plan.blueprint.clone(), prices.join(", "), memory, disk, sale.to_owned()]
                });
                table(["Plan", "Blueprint", "Price", "Memory", "Storage", "On sale"], rows)
            })
        }
        Plans::Sync { dry_run } => {
            let found = control.billing.sync_plans(&cx, !dry_run).await.map_err(|error| match error {
                Error::Unavailable { .. } => anyhow::anyhow!(error.for_operator()),
                other => other.into(),
            })?;
            out.show(&found, |found| {
                if found.is_empty() {
                    return "Stripe has all plans and prices as they are here.".into();
                }
                let rows = found.iter().map(|of| {
                    let done = if of.is_done { "done" } else { "open" };
                    [of.plan.clone(), of.change.clone(), done.to_owned()]
                });
                table(["Plan", "Difference", "State"], rows)
            })
        }
        Plans::Import { file } => {
            let path = file.display();
            let text = std::fs::read_to_string(file).with_context(|| format!("reading {path}"))?;
            let read: PlanFile = toml::from_str(&text).with_context(|| format!("reading the plans in {path}"))?;
            let known: Vec<_> = control.billing.list_plans(&cx).await?.into_iter().map(|plan| plan.slug).collect();
            let (mut created, mut kept) = (Vec::new(), Vec::new());
            for plan in read.plans {
                let slug = plan.slug.trim().to_ascii_lowercase();
                if known.contains(&slug) {
                    kept.push(slug);
                    continue;
                }
                let made = control.billing.create_plan(&cx, plan).await;
                made.map_err(|error: Error| anyhow::anyhow!("the plan {slug} in {path}: {error}"))?;
                created.push(slug);
            }
            out.show(&json!({ "created": created, "kept": kept }), |_| {
                let names = |all: &[String]| if all.is_empty() { "none".to_owned() } else { all.join(", ") };
                format!("Created: {}\nThere already, left as they are: {}", names(&created), names(&kept))
            })
        }
    }
}
