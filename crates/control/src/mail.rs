//! Whether e-mail leaves this machine.

use stoa_core::{
    RequestContext, Result,
    doctor::{good, wrong},
    email::{EmailBody, EmailDraft},
    view::{Finding, Verdict},
};
use stoa_integrations::mail::Mailer;
use stoa_model::{account::Role, mail::MailKind, text::EmailAddress};

use crate::Control;

/// What became of a test e-mail.
#[derive(Debug, Clone, serde::Serialize)]
pub struct MailTest {
    /// The steps that succeeded, in order.
    pub steps: Vec<String>,
    /// Whether it was handed over.
    pub sent: bool,
    /// What became of it: the server's answer, the file in the outbox, or what went wrong.
    pub result: String,
}

impl Control {
    /// Checks that the mail server takes connections and our login.
    pub(crate) async fn check_mail(&self) -> Finding {
        let check = "mail";
        if let Ok(Some(suppression)) = self.mail_log.staff_suppression().await {
            let found = format!("nothing is sent to staff_mail ({}): {}", suppression.address, suppression.reason);
            let remedy = "Correct `staff_mail`, or remove the address from the list under Mail, Suppressed addresses.";
            return wrong(check, Verdict::Bad, found, remedy);
        }
        let server = match &self.mailer {
            Mailer::Smtp { server, .. } => server,
            Mailer::Outbox { folder, .. } => {
                let found = format!("e-mail is written to {} and goes nowhere", folder.display());
                return wrong(check, Verdict::Warning, found, "Set `mail.host` to your mail server (docs/operate.md).");
            }
        };
        match server.check(&mut Vec::new()).await {
            Ok(()) => good(check, format!("{} takes e-mail", server.server())),
            Err(error) => {
                let remedy = "Correct the section [mail] of the configuration, then run `stoa mail test ADDRESS`. E-mail \
                              waits for up to five days.";
                wrong(check, Verdict::Bad, error.to_string(), remedy)
            }
        }
    }

    /// Sends a test e-mail now, without the queue. Requires the role admin.
    ///
    /// # Errors
    /// Without the role. That it can't be sent is a result, not an error.
    pub async fn test_mail(&self, cx: &RequestContext, to: EmailAddress) -> Result<MailTest> {
        cx.require(Role::Admin)?;
        let product = &self.core.settings.product_name;
        let email = EmailDraft {
            key: format!("test/{}/{}", to, cx.now.as_millisecond()),
            kind: MailKind::Other,
            to,
            subject: format!("Test e-mail from {product}"),
            body: EmailBody::new("This is a test e-mail, sent by the operator. Nothing needs to be done."),
        };
        let email = email.render(&self.core.settings);
        let mut steps = Vec::new();
        let sent = self.mailer.send_in_steps(&email, &mut steps).await;
        Ok(MailTest { steps, sent: sent.is_ok(), result: sent.unwrap_or_else(|error| error.to_string()) })
    }
}
