//! `[site_mail]`: the mail that sites send.

use std::net::SocketAddr;

use stoa_core::settings::SiteMailSettings;
use stoa_model::limits::Bytes;

use super::{Config, mistake::Mistake, schema::settings};

settings! {
    /// Mail that sites send: Stoa accepts it from their containers, queues it and hands it to your mail server
    /// (docs/operate.md).
    pub struct SiteMail in "site_mail" {
        /// Whether sites can send mail through Stoa.
        enabled: bool = true,
        /// Address on which Stoa listens for sites. It answers no other clients. Sites reach it at their network's gateway,
        /// so it must be all addresses (0.0.0.0) unless you forward it; they reach it at port 587 too.
        listen: SocketAddr = "0.0.0.0:5587",
        /// Messages of one site that leave per hour, counted once for each recipient; 0: no limit. More is accepted and
        /// waits.
        hourly_messages: u32 = 200,
        /// The same as size per day; 0: no limit.
        daily_size: String = "100m",
        /// What the SPF records of customers' domains must contain, such as "include:spf.example.com"; empty: an include
        /// of the domain of `mail_from`, which then needs an SPF record itself.
        spf: String = "",
    }
}

impl Config {
    /// The settings for the service layer.
    pub(super) fn site_mail_settings(&self) -> Result<SiteMailSettings, Mistake> {
        let section = &self.site_mail;
        let daily_bytes: Bytes =
            section.daily_size.parse().map_err(|error| Mistake::new("site_mail.daily_size", error))?;
        if section.listen.port() == 0 {
            return Err(Mistake::new("site_mail.listen", "sites must know the port: use one that is not 0"));
        }
        let spf = section.spf.trim();
        let is_text = |c: char| c.is_ascii_graphic() || c == ' ';
        if !spf.chars().all(is_text) {
            return Err(Mistake::new("site_mail.spf", "use terms of an SPF record, such as include:spf.example.com"));
        }
        Ok(SiteMailSettings {
            port: section.enabled.then(|| section.listen.port()),
            hourly_messages: section.hourly_messages,
            daily_bytes,
            spf: (!spf.is_empty()).then(|| spf.to_owned()),
        })
    }
}
