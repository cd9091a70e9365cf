//! What a site's owner sees of its mail.

use jiff::Timestamp;
use serde::Serialize;
use stoa_core::{
    RequestContext, Result,
    permissions::readable_site,
    view::{Listing, PageNumber},
};
use stoa_db::sites::mail::{MailLine, mail_by_state, mail_list};
use stoa_model::{
    id::{SiteId, SiteMailId},
    site::Site,
    site_mail::{DeliveryState, PASSWORD_VARIABLE},
};

use super::limits::MailUse;
use crate::Sites;

/// What a site has sent, and how it may send.
#[derive(Debug, Clone, Serialize)]
pub struct MailView {
    /// Whether the platform hands mail to a mail server: without one it waits.
    pub delivers: bool,
    /// Whether the site's blueprint uses the platform's relay.
    pub uses_relay: bool,
    /// Messages of the last hour, counted once for each recipient.
    pub messages_of_hour: u64,
    /// How many may leave in an hour; 0: no limit.
    pub hourly_messages: u32,
    /// Bytes of the last 24 hours.
    pub bytes_of_day: u64,
    /// How many may leave in 24 hours; 0: no limit.
    pub daily_bytes: u64,
    /// How many messages are in each state.
    pub states: Vec<(DeliveryState, u64)>,
    /// The address that replaces senders which the site may not use.
    pub address: String,
    /// The site's name below the platform's domain, which it may send from too.
    pub platform_hostname: String,
    /// The customer's own domains, which it may send from.
    pub domains: Vec<SenderDomain>,
}

/// A domain that a site may send from, and the DNS records that make its mail trustworthy.
#[derive(Debug, Clone, Serialize)]
pub struct SenderDomain {
    /// The domain.
    pub name: String,
    /// The records.
    pub records: Vec<SenderRecord>,
}

/// A TXT record.
#[derive(Debug, Clone, Serialize)]
pub struct SenderRecord {
    /// What it is for.
    pub purpose: &'static str,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A message for one recipient.
#[derive(Debug, Clone, Serialize)]
pub struct MailLogView {
    /// The message.
    pub id: SiteMailId,
    /// The sender.
    pub from: String,
    /// What the site wrote there, if that was replaced.
    pub replaced_from: Option<String>,
    /// The recipient.
    pub recipient: String,
    /// The subject.
    pub subject: String,
    /// How far it got.
    pub state: DeliveryState,
    /// The mail server's answer, or why it waits.
    pub answer: Option<String>,
    /// Attempts so far.
    pub attempts: u32,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it is tried next, if that was decided.
    pub due_at: Option<Timestamp>,
}

impl Sites {
    /// Whether mail of sites is handed to a mail server.
    pub fn delivers_mail(&self) -> bool {
        self.relay.delivers()
    }

    /// How a site sends mail, and how much.
    ///
    /// # Errors
    /// Not found.
    pub async fn mail(&self, cx: &RequestContext, id: SiteId) -> Result<MailView> {
        let site = readable_site(&self.core.db, cx, id).await?;
        let usage = MailUse::of(&self.core.db, id, cx.now).await?;
        let limits = &self.core.settings.site_mail;
        let policy = self.sender_policy(&site).await?;
        Ok(MailView {
            delivers: self.delivers_mail(),
            uses_relay: self.uses_relay(&site).await?,
            messages_of_hour: usage.messages_of_hour,
            hourly_messages: limits.hourly_messages,
            bytes_of_day: usage.bytes_of_day,
            daily_bytes: limits.daily_bytes.0,
            states: mail_by_state(&self.core.db, id).await?,
            address: policy.fallback.to_string(),
            platform_hostname: policy.platform_hostname.to_string(),
            domains: policy.verified.iter().map(|name| self.sender_domain_view(name.as_str())).collect(),
        })
    }

    /// What a site has sent, newest first, in one state or all.
    ///
    /// # Errors
    /// Not found.
    pub async fn mail_log(
        &self,
        cx: &RequestContext,
        id: SiteId,
        state: Option<DeliveryState>,
        page: PageNumber,
    ) -> Result<Listing<MailLogView>> {
        let site = readable_site(&self.core.db, cx, id).await?;
        let states = mail_by_state(&self.core.db, site.id).await?;
        let counted = states.iter().filter(|(of, _)| state.is_none_or(|wanted| wanted == *of));
        let total = counted.map(|(_, count)| count).sum();
        let lines = mail_list(&self.core.db, site.id, state, page.window()).await?;
        Ok(Listing { items: lines.into_iter().map(MailLogView::from).collect(), total, page })
    }

    /// Whether a site's mail waits until the operator has set up a mail server.
    ///
    /// # Errors
    /// Not found.
    pub async fn mail_waits(&self, cx: &RequestContext, id: SiteId) -> Result<bool> {
        if self.delivers_mail() {
            return Ok(false);
        }
        let site = readable_site(&self.core.db, cx, id).await?;
        self.uses_relay(&site).await
    }

    /// Whether a site's containers can log in to the relay: its blueprint has a password for it.
    pub async fn uses_relay(&self, site: &Site) -> Result<bool> {
        let has_password = self.pinned(site).await?.blueprint.variables().contains_key(PASSWORD_VARIABLE);
        Ok(self.core.settings.site_mail.port.is_some() && has_password)
    }

    /// SPF aligns with `From`, as the sender of the envelope is of the same domain; we add no DKIM signature.
    fn sender_domain_view(&self, name: &str) -> SenderDomain {
        let include = self.core.settings.site_mail.spf.clone();
        let include = include.unwrap_or_else(|| format!("include:{}", self.sender_domain()));
        let spf = SenderRecord { purpose: "SPF", name: name.to_owned(), value: format!("v=spf1 {include} ~all") };
        let dmarc =
            SenderRecord { purpose: "DMARC", name: format!("_dmarc.{name}"), value: "v=DMARC1; p=none".to_owned() };
        SenderDomain { name: name.to_owned(), records: vec![spf, dmarc] }
    }
}

impl From<MailLine> for MailLogView {
    fn from(line: MailLine) -> Self {
        Self {
            id: line.mail.id,
            from: line.mail.sender.to_string(),
            replaced_from: line.mail.replaced_sender.map(|address| address.to_string()),
            recipient: line.recipient.to_string(),
            subject: line.mail.subject,
            state: line.state,
            answer: line.answer,
            attempts: line.attempts,
            created_at: line.mail.created_at,
            due_at: line.due_at.filter(|_| !line.state.is_final()),
        }
    }
}
