//! `stoa nginx`: regenerates every site's nginx configuration, for `edge = "nginx"`.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::{
    bootstrap,
    config::{Config, EdgeKind},
    ingress,
    output::{Output, table},
};

/// Regenerates all files, tests them and reloads nginx. Exits with 1 if nginx rejects a site.
pub async fn run(config: &Config, out: &Output) -> Result<ExitCode> {
    if config.edge != EdgeKind::Nginx {
        bail!("regenerating nginx's files: the configuration does not say `edge = \"nginx\"` (docs/edges.md)");
    }
    let control = bootstrap::control(config).await?;
    let all = control.domains.edge_table(&control.core.system_context("nginx")).await?;
    let report = ingress::nginx_provider(config)?.regenerate(all).await?;
    let texts = |ids: &[stoa_model::id::SiteId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let json = serde_json::json!({
        "written": texts(&report.written),
        "removed": texts(&report.removed),
        "refused": report.refused.iter().map(|(site, reason)| (site.to_string(), reason)).collect::<Vec<_>>(),
        "left_out": report.left_out,
    });
    out.show(&json, |_| {
        let counts = format!("{} sites written, {} removed.", report.written.len(), report.removed.len());
        let refused = report.refused.iter().map(|(site, reason)| [site.to_string(), reason.clone()]);
        let left_out = report.left_out.iter().map(|what| [String::new(), what.clone()]);
        let rows: Vec<_> = refused.chain(left_out).collect();
        if rows.is_empty() { counts } else { format!("{counts}\n{}", table(["Rejected", "Reason"], rows)) }
    })?;
    let is_complete = report.refused.is_empty() && report.left_out.is_empty();
    Ok(if is_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
