//! Notes which customers' data staff look at, before it is shown.

use stoa_core::staff_reads::CustomerData;
use stoa_model::id::SiteId;

/// What a page or an API endpoint of a site shows, by its path.
pub(super) fn data_at(path: &str, site: SiteId) -> CustomerData {
    let page = path.split_once("/sites/").and_then(|(_, rest)| rest.split('/').nth(1));
    match page {
        Some("logs") => CustomerData::Logs(site),
        Some("credentials" | "login-link") => CustomerData::Credentials(site),
        _ => CustomerData::Site(site),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_what_is_read() {
        let site: SiteId = "site_01ba60d33ce17146a93c0a9388f384e6".parse().unwrap();
        let at = |path: &str| data_at(path, site);
        assert_eq!(at("/sites/sit_1"), CustomerData::Site(site));
        assert_eq!(at("/sites/sit_1/logs"), CustomerData::Logs(site));
        assert_eq!(at("/api/v1/sites/sit_1/logs"), CustomerData::Logs(site));
        assert_eq!(at("/sites/sit_1/credentials/0"), CustomerData::Credentials(site));
        assert_eq!(at("/status/sit_1"), CustomerData::Site(site));
    }
}
