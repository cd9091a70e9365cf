//! `stoa staff`: accounts of the operator's staff.

use anyhow::Result;
use clap::Subcommand;
use jiff::Timestamp;
use stoa_accounts::view::{StaffView, TokenView};
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
    output::{Output, table},
};

#[derive(Subcommand)]
pub enum Staff {
    /// List all staff, oldest first.
    #[command(visible_alias = "ls")]
    List,
    /// Add a member of staff.
    Add {
        /// E-mail address.
        email: String,
        /// Role: support, admin or super_admin.
        #[arg(long, default_value = "admin")]
        role: Role,
        /// File that contains the password; `-` reads standard input.
        #[arg(long, default_value = "-")]
        password_file: String,
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
        Staff::Add { email, role, password_file } => {
            let id = control.accounts.create_staff(&cx, email, *role, read_password(password_file)?).await?;
            out.show(&serde_json::json!({ "id": id }), |_| format!("{email} can log in as {}.", role.as_str()))
        }
        Staff::Password { email, password_file } => {
            control.accounts.set_staff_password(&cx, email, read_password(password_file)?).await?;
            out.show(&serde_json::json!({ "changed": true }), |_| "The password was changed.".into())
        }
        Staff::ResetSecondFactor { email, confirm } => {
            let staff = control.accounts.find_staff(&cx, email).await?;
            confirm.ask(&format!("Turn off the two-step login of {email}? Make sure that it is them who ask."))?;
            control.accounts.reset_second_factor(&cx, Actor::Staff(staff.id, staff.role)).await?;
            out.show(&serde_json::json!({ "reset": true }), |_| "Two-step login was turned off.".into())
        }
        Staff::Token { email, name } => {
            let staff = control.accounts.find_staff(&cx, email).await?;
            let token = control.accounts.create_token_for(&cx, Actor::Staff(staff.id, staff.role), name).await?;
            let text = token.expose_secret();
            out.show(&serde_json::json!({ "token": text }), |_| text.to_owned())
        }
        Staff::Tokens { email } => {
            out.show(&control.accounts.list_staff_tokens(&cx, email).await?, |all| token_table(all))
        }
        Staff::Revoke { token, confirm } => {
            confirm.ask("Revoke this token? Whatever uses it stops working.")?;
            control.accounts.revoke_staff_token(&cx, *token).await?;
            out.show(&serde_json::json!({ "revoked": true }), |_| "The token was revoked.".into())
        }
    }
}

fn staff_table(all: &[StaffView]) -> String {
    let row =
        |s: &StaffView| [s.email.clone(), s.role.as_str().to_owned(), s.id.to_string(), format!("{:.0}", s.created_at)];
    table(["E-mail", "Role", "Id", "Since"], all.iter().map(row))
}

fn token_table(all: &[TokenView]) -> String {
    if all.is_empty() {
        return "This account has no API tokens.".into();
    }
    let time = |at: Option<Timestamp>, none: &str| at.map_or_else(|| none.to_owned(), |at| format!("{at:.0}"));
    let row = |t: &TokenView| {
        let (expires, used) = (time(t.expires_at, "never"), time(t.last_used_at, "never"));
        [t.id.to_string(), t.name.clone(), time(Some(t.created_at), ""), expires, used]
    };
    table(["Token", "Purpose", "Created", "Expires", "Last used"], all.iter().map(row))
}
