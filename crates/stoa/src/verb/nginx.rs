//! `stoa nginx`: writes every site's file anew, for `edge = "nginx"`.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::{
    config::{Config, EdgeKind},
    ingress,
    output::{Output, table},
    bootstrap,
};

/// Writes all files anew, tests them and lets nginx take them over; a refused site is exit code 1.
pub async fn run(config: &Config, out: &Output) -> Result<ExitCode> {
    if config.edge != EdgeKind::Nginx {
        bail!("writing nginx's files: the configuration does not say `edge = \"nginx\"` (docs/edges.md)");
    }
    let control = bootstrap::control(config).await?;
    let all = control.edge_table(&control.system_context("nginx")).await?;
    let report = ingress::nginx(config)?.regenerate(all).await?;
    let words = |ids: &[stoa_model::id::SiteId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let json = serde_json::json!({
        "written": words(&report.written),
        "removed": words(&report.removed),
        "refused": report.refused.iter().map(|(site, said)| (site.to_string(), said)).collect::<Vec<_>>(),
        "left_out": report.left_out,
    });
    out.show(&json, |_| {
        let counts = format!("{} sites written, {} removed.", report.written.len(), report.removed.len());
        let refused = report.refused.iter().map(|(site, said)| [site.to_string(), said.clone()]);
        let left_out = report.left_out.iter().map(|what| [String::new(), what.clone()]);
        let rows: Vec<_> = refused.chain(left_out).collect();
        if rows.is_empty() { counts } else { format!("{counts}\n{}", table(["Refused", "Why"], rows)) }
    })?;
    let whole = report.refused.is_empty() && report.left_out.is_empty();
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
