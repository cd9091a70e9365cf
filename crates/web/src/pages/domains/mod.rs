//! Domains, certificates and limits of a site, and all certificates for staff.

pub mod add;
pub mod card;
pub mod certificate_status;
pub mod certificate_upload;
pub mod check;
pub mod main_address;
pub mod remove;
pub mod show;
pub mod staff_certificates;
pub mod staff_domains;
