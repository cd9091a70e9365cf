//! Lists of sites are counted by group without reading the sites.

use super::{Index, Migration};

pub(super) const MIGRATION: Migration = Migration {
    version: 10,
    name: "groups of sites",
    oldest_release: 3,
    tables: &[],
    columns: &[
        // The StatusGroup of SiteStatus::of(SiteState::of(state, power, suspensions), health); NULL for tombstones. The
        // database computes it, so that the previous release keeps it right too.
        (
            "sites",
            "status_group",
            "varchar(16) GENERATED ALWAYS AS (CASE
                WHEN state IN ('active', 'updating') AND suspensions IS NOT NULL THEN 'stopped'
                WHEN state = 'active' AND power <> 'on' THEN 'stopped'
                WHEN state = 'active' AND health = 'healthy' THEN 'online'
                WHEN state = 'active' AND health IN ('unhealthy', 'down') THEN 'attention'
                WHEN state IN ('active', 'updating', 'pending', 'provisioning') THEN 'starting'
                WHEN state = 'failed' AND reason = 'The order was cancelled.' THEN 'stopped'
                WHEN state = 'failed' THEN 'attention'
                WHEN state = 'deleting' THEN 'deleting'
            END) {generated}",
        ),
    ],
    primary_keys: &[],
    indexes: &[
        Index { table: "sites", name: "sites_group", columns: "status_group, id" },
        Index { table: "sites", name: "sites_customer_group", columns: "customer, status_group, id" },
    ],
    rows: &[],
    backfill: &[],
};
