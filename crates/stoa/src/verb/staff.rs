//! `stoa staff`: accounts of the operator's staff.

use anyhow::Result;
use clap::Subcommand;
use jiff::Timestamp;
use serde_json::json;
use stoa_accounts::{
    command::{CreateStaff, PasswordDelivery, UpdateStaff},
    view::{StaffView, TokenView},
};
use stoa_control::Control;
use stoa_core::RequestContext;
use stoa_model::{
    account::{Actor, Role},
    id::TokenId,
    secret::ExposeSecret,
};

use super::init::read_password;
use crate::{
    bootstrap,
    config::Config,
    confirm::Confirm,
    output::{Output, table, when},
};

#[derive(Subcommand)]
pub enum Staff {
    /// List all staff, oldest first.
    #[command(visible_alias = "ls")]
    List,
    /// Add a member of staff, with a password, or with an e-mail that gives them one.
    Add {
        /// E-mail address.
        email: String,
        /// Role: support, admin or super_admin.
        #[arg(long, default_value = "admin")]
        role: Role,
        /// Name of the person; needed to send an e-mail.
        #[arg(long)]
        name: Option<String>,
        /// File that contains the password; `-` reads standard input.
        #[arg(long, default_value = "-")]
        password_file: String,
        /// Send a link to choose a password. It works for three days.
        #[arg(long, requires = "name", conflicts_with = "password_file")]
        invite: bool,
        /// Send a temporary password, which has to be changed at the first login.
        #[arg(long, requires = "name", conflicts_with_all = ["password_file", "invite"])]
        temporary_password: bool,
    },
    /// Change someone's role. Ends their sessions and API tokens.
    Role {
        /// E-mail address.
        email: String,
        /// Role: support, admin or super_admin.
        role: Role,
    },
    /// Lock someone out: ends their sessions and API tokens, and removes their password.
    Deactivate {
        /// E-mail address.
        email: String,
        #[command(flatten)]
        confirm: Confirm,
    },
    /// Let someone in again: sends a link to choose a new password.
    Reactivate {
        /// E-mail address.
        email: String,
    },
    /// Delete an account. Notes and the audit trail keep the name.
    Delete {
        /// E-mail address.
        email: String,
        #[command(flatten)]
        confirm: Confirm,
    },
    /// Remove someone's password, end their sessions and API tokens, and send a link to choose a new one.
    ResetPassword {
        /// E-mail address.
        email: String,
        /// Send a temporary password instead, which has to be changed at the first login.
        #[arg(long)]
        temporary_password: bool,
        #[command(flatten)]
        confirm: Confirm,
    },
    /// Set someone's password and end their sessions and API tokens.
    Password {
        /// E-mail address.
        email: String,
        /// File that contains the password; `-` reads standard input.
        #[arg(long, default_value = "-")]
        password_file: String,
    },
    /// Turn off the two-step login of somebody who has lost their device, and end their sessions.
    ResetSecondFactor {
        /// E-mail address.
        email: String,
        #[command(flatten)]
        confirm: Confirm,
    },
    /// Issue an API token and print it. It can't be shown again.
    Token {
        /// E-mail address.
        email: String,
        /// What the token is for.
        #[arg(long, default_value = "command line")]
        name: String,
    },
    /// List someone's API tokens, newest first.
    Tokens {
        /// E-mail address.
        email: String,
    },
    /// Revoke an API token.
    Revoke {
        /// Id of the token, `tok_…`.
        token: TokenId,
        #[command(flatten)]
        confirm: Confirm,
    },
}

pub async fn run(verb: &Staff, config: &Config, out: &Output) -> Result<()> {
    let control = bootstrap::control(config).await?;
    let cx = control.core.system_context("staff");
    match verb {
        Staff::List => out.show(&control.accounts.list_staff(&cx).await?, |all| staff_table(all)),
        Staff::Add { email, role, name, password_file, invite, temporary_password } => {
            let delivery = match (invite, temporary_password) {
                (true, _) => Some(PasswordDelivery::Link),
                (false, true) => Some(PasswordDelivery::Temporary),
                (false, false) => None,
            };
            let Some(delivery) = delivery else {
                let password = read_password(password_file)?;
                let id = control.accounts.create_staff(&cx, email, *role, name.as_deref(), password).await?;
                return out.show(&json!({ "id": id }), |_| format!("{email} can log in as {}.", role.as_str()));
            };
            let (name, email) = (name.clone().unwrap_or_default(), email.clone());
            let text = format!("An e-mail to {email} is on its way.");
            let id = control.accounts.invite_staff(&cx, CreateStaff { name, email, role: *role, delivery }).await?;
            out.show(&json!({ "id": id }), |_| text)
        }
        Staff::Role { email, role } => {
            let StaffView { id, name, email, version, .. } = find(&control, &cx, email).await?;
            let name = name.unwrap_or_else(|| email.clone());
            let command = UpdateStaff { name, email: email.clone(), role: *role, version };
            control.accounts.update_staff(&cx, id, command).await?;
            out.show(&json!({ "role": role }), |_| format!("{email} has the role {} now.", role.as_str()))
        }
        Staff::Deactivate { email, confirm } => {
            confirm.ask(&format!("Lock {email} out? Their sessions and API tokens end."))?;
            control.accounts.deactivate_staff(&cx, find(&control, &cx, email).await?.id).await?;
            let next = format!("{email} is locked out. Undo: stoa staff reactivate {email}");
            out.show(&json!({ "deactivated": true }), |_| next)
        }
        Staff::Reactivate { email } => {
            control.accounts.reactivate_staff(&cx, find(&control, &cx, email).await?.id).await?;
            out.show(&json!({ "reactivated": true }), |_| {
                format!("A link for {email} to choose a password is on its way.")
            })
        }
        Staff::Delete { email, confirm } => {
            confirm.ask_for_name(&format!("Delete the account of {email}? This can't be undone."), email)?;
            control.accounts.delete_staff(&cx, find(&control, &cx, email).await?.id).await?;
            out.show(&json!({ "deleted": true }), |_| format!("The account of {email} was deleted."))
        }
        Staff::ResetPassword { email, temporary_password, confirm } => {
            confirm.ask(&format!("Remove the password of {email}? Their sessions and API tokens end."))?;
            let delivery = if *temporary_password { PasswordDelivery::Temporary } else { PasswordDelivery::Link };
            let id = find(&control, &cx, email).await?.id;
            control.accounts.reset_staff_password(&cx, id, delivery).await?;
            out.show(&json!({ "reset": true }), |_| {
                format!("The password was removed. An e-mail to {email} is on its way.")
            })
        }
        Staff::Password { email, password_file } => {
            control.accounts.set_staff_password(&cx, email, read_password(password_file)?).await?;
            out.show(&json!({ "changed": true }), |_| "The password was changed.".into())
        }
        Staff::ResetSecondFactor { email, confirm } => {
            let staff = control.accounts.find_staff(&cx, email).await?;
            confirm.ask(&format!("Turn off the two-step login of {email}? Make sure that it is them who ask."))?;
            control.accounts.reset_second_factor(&cx, Actor::Staff(staff.id, staff.role)).await?;
            out.show(&json!({ "reset": true }), |_| "Two-step login was turned off.".into())
        }
        Staff::Token { email, name } => {
            let staff = control.accounts.find_staff(&cx, email).await?;
            let token = control.accounts.create_token_for(&cx, Actor::Staff(staff.id, staff.role), name).await?;
            let text = token.expose_secret();
            out.show(&json!({ "token": text }), |_| text.to_owned())
        }
        Staff::Tokens { email } => {
            out.show(&control.accounts.list_staff_tokens(&cx, email).await?, |all| token_table(all))
        }
        Staff::Revoke { token, confirm } => {
            confirm.ask("Revoke this token? Whatever uses it stops working.")?;
            control.accounts.revoke_staff_token(&cx, *token).await?;
            out.show(&json!({ "revoked": true }), |_| "The token was revoked.".into())
        }
    }
}

async fn find(control: &Control, cx: &RequestContext, email: &str) -> Result<StaffView> {
    let staff = control.accounts.find_staff(cx, email).await?;
    Ok(control.accounts.get_staff(cx, staff.id).await?)
}

fn staff_table(all: &[StaffView]) -> String {
    let row = |s: &StaffView| {
        let name = s.name.clone().unwrap_or_default();
        let second_factor = if s.has_totp || s.has_passkey { "yes" } else { "no" };
        let last = s.last_login_at.map_or_else(|| "never".to_owned(), when);
        let (role, state) = (s.role.as_str().to_owned(), s.state.as_str().to_owned());
        [s.email.clone(), name, role, state, second_factor.to_owned(), last]
    };
    table(["E-mail", "Name", "Role", "State", "Two-step", "Last login"], all.iter().map(row))
}

fn token_table(all: &[TokenView]) -> String {
    if all.is_empty() {
        return "This account has no API tokens.".into();
    }
    let time = |at: Option<Timestamp>, none: &str| at.map_or_else(|| none.to_owned(), when);
    let row = |t: &TokenView| {
        let (expires, used) = (time(t.expires_at, "never"), time(t.last_used_at, "never"));
        [t.id.to_string(), t.name.clone(), time(Some(t.created_at), ""), expires, used]
    };
    table(["Token", "Purpose", "Created", "Expires", "Last used"], all.iter().map(row))
}
