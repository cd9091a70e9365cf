//! Getting into a site: its logins, revealed on demand and audited, and the one-click login.

use crate::Sites;
use crate::power::ensure_active;
use serde::Deserialize;
use stoa_core::permissions::{managed_site, readable_site};
use stoa_db::{history, secrets};
use stoa_model::{
    blueprint::HookName,
    field::Invalid,
    id::{JobId, SiteId},
    secret::SecretString,
};

use crate::{
    sagas::{plan::credential_context, run_hook},
    view::{CredentialView, NextStepView},
};
use stoa_core::{Error, RequestContext, Result, random};

/// What a login hook prints.
#[derive(Deserialize)]
struct LoginPath {
    path: String,
}

impl Sites {
    /// The logins of a site, without their passwords.
    ///
    /// # Errors
    /// Not found, or the actor may not have them.
    pub async fn list_credentials(&self, cx: &RequestContext, id: SiteId) -> Result<Vec<CredentialView>> {
        let site = managed_site(&self.core.db, cx, id).await?;
        let base = self.core.settings.application_url(&site);
        let rows = secrets::credentials_get(&self.core.db, id).await?.into_iter();
        let view = |c: secrets::Credential| CredentialView {
            ordinal: c.ordinal,
            label: c.label,
            url: format!("{base}{}", path_of(&c.url)),
            username: c.username,
        };
        Ok(rows.map(view).collect())
    }

    /// One password. That it was looked at goes into the audit trail and the site's history.
    ///
    /// # Errors
    /// Not found, or the actor may not have it.
    pub async fn reveal_credential(&self, cx: &RequestContext, id: SiteId, ordinal: u32) -> Result<SecretString> {
        cx.refuse_impersonator()?;
        managed_site(&self.core.db, cx, id).await?;
        let found = secrets::credentials_get(&self.core.db, id).await?.into_iter().find(|c| c.ordinal == ordinal);
        let credential = found.ok_or(Error::NotFound("login"))?;
        let password =
            self.core.key.open(&credential_context(id, ordinal), &credential.sealed).map_err(Error::internal)?;
        let event = &cx.audit("site.credential.reveal", id, serde_json::json!({ "label": credential.label }));
        let text = &format!("Password “{}” viewed", credential.label);
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    history::site_event(&tx, id, cx.now, "revealed", text).await?;
                    history::audit(&tx, event).await
                })
            })
            .await?;
        Ok(password)
    }

    /// An address that logs its user into the site's administration, once and within a minute.
    ///
    /// # Errors
    /// Not found, not running, or the site's software has no such way in.
    pub async fn login_link(&self, cx: &RequestContext, id: SiteId) -> Result<String> {
        self.login_link_to(cx, id, None).await
    }

    /// Like [`login_link`](Self::login_link), to a page of the application: its login hook's path gets `to`.
    ///
    /// # Errors
    /// As for [`login_link`](Self::login_link); a path that is none of the blueprint's next steps.
    pub async fn login_link_to(&self, cx: &RequestContext, id: SiteId, to: Option<&str>) -> Result<String> {
        cx.refuse_impersonator()?;
        let site = managed_site(&self.core.db, cx, id).await?;
        ensure_active(&site)?;
        if let Some(to) = to {
            let steps = &self.pinned(&site).await?.blueprint.next_steps;
            if !steps.iter().any(|step| step.path == to) {
                return Err(Invalid::new("to", "This page is none of the store's next steps.").into());
            }
        }
        let no_way =
            || Error::Conflict("This kind of site has no one-click login. Use the login shown on its page.".into());
        let hook = self.pinned(&site).await?.blueprint.hook(HookName::Login).ok_or_else(no_way)?.clone();
        let plan = self.site_plan(&site, JobId::from_uuid(random::uuid_at(cx.now))).await?;
        let stdin = hook.stdin_json(&plan.values(&self.core.key).map_err(Error::internal)?).map_err(Error::internal)?;
        let _place = self.programs.enter(site.customer, id)?;
        let event = &cx.audit("site.login", id, serde_json::json!({}));
        self.core.db.write(|tx| Box::pin(async move { history::audit(&tx, event).await })).await?;
        let away = |source: stoa_core::error::Source| Error::Unavailable {
            message: "The site did not answer. Please try again in a moment.".into(),
            source,
        };
        let output = run_hook(&**self.engine_of(&site)?, &site.project, &hook, stdin.map(SecretString::from))
            .await
            .map_err(|e| away(e.into()))?;
        if output.code != 0 {
            return Err(away(format!("the login hook ended with {}: {}", output.code, output.stderr.trim()).into()));
        }
        let answer: LoginPath = serde_json::from_str(&output.stdout).map_err(|e| away(e.into()))?;
        if !is_path(&answer.path) {
            return Err(Error::internal("the login hook did not print a path"));
        }
        let url = format!("{}{}", self.core.settings.application_url(&site), answer.path);
        Ok(match to {
            Some(to) => {
                let to = form_urlencoded::Serializer::new(String::new()).append_pair("to", to).finish();
                format!("{url}{}{to}", if url.contains('?') { '&' } else { '?' })
            }
            None => url,
        })
    }

    /// What the owner of this site does first, as its blueprint says.
    ///
    /// # Errors
    /// Not found.
    pub async fn list_next_steps(&self, cx: &RequestContext, id: SiteId) -> Result<Vec<NextStepView>> {
        let site = readable_site(&self.core.db, cx, id).await?;
        let loaded = self.pinned(&site).await?;
        Ok(self.next_steps(&loaded).await)
    }
}

/// The path of an address: the site may have another main address than when the login was kept.
pub(crate) fn path_of(url: &str) -> &str {
    url.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..])).unwrap_or("/")
}

/// Whether what a hook printed is a path of its own site. Browsers drop tabs and line feeds and read `\` as `/`, so
/// that with these it could become another site's address.
fn is_path(text: &str) -> bool {
    let is_absolute = text.starts_with('/') && !text.starts_with("//");
    is_absolute && text.len() <= 4096 && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_can_only_print_a_path() {
        assert!(is_path("/?stoa-login=token") && is_path("/wp-login.php?a=%20b#c"));
        for bad in
            ["", "x", "//evil.example", "/\\evil.example", "/\t/evil.example", "/a\r\nSet-Cookie: x", "/a b", "/\u{7f}"]
        {
            assert!(!is_path(bad), "{bad:?}");
        }
        assert!(!is_path(&format!("/{}", "x".repeat(5000))));
    }
}
