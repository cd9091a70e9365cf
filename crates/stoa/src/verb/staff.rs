//! `stoa staff`: people of the operator.

use anyhow::Result;
use clap::Subcommand;
use jiff::Timestamp;
use stoa_control::view::{StaffView, TokenView};
use stoa_model::{
    account::{Actor, Role},
    id::TokenId,
    secret::ExposeSecret,
};

use super::init::read_password;
use crate::{
    config::Config,
    output::{Output, table},
    bootstrap,
};

#[derive(Subcommand)]
pub enum Staff {
    /// All people, oldest first.
    List,
    /// Add a person.
    Add {
        /// E-mail address.
        email: String,
        /// support, admin or super_admin.
        #[arg(long, default_value = "admin")]
        role: Role,
        /// File with the password; `-` reads standard input.
        #[arg(long, default_value = "-")]
        password_file: String,
    },
    /// Set a person's password and end their sessions.
    Password {
        /// E-mail address.
        email: String,
        /// File with the password; `-` reads standard input.
        #[arg(long, default_value = "-")]
        password_file: String,
    },
    /// Issue an API token for a person and print it, once.
    Token {
        /// E-mail address.
        email: String,
        /// What it is for.
        #[arg(long, default_value = "command line")]
        name: String,
    },
    /// A person's API tokens, newest first.
    Tokens {
        /// E-mail address.
        email: String,
    },
    /// End an API token of a person.
    Revoke {
        /// Its id, `tok_…`.
        token: TokenId,
    },
}

pub async fn run(verb: &Staff, config: &Config, out: &Output) -> Result<()> {
    let control = bootstrap::control(config).await?;
    let cx = control.system_context("staff");
    match verb {
        Staff::List => out.show(&control.staff_list(&cx).await?, |all| people(all)),
        Staff::Add { email, role, password_file } => {
            let id = control.staff_create(&cx, email, *role, read_password(password_file)?).await?;
            out.show(&serde_json::json!({ "id": id }), |_| format!("{email} can log in as {}.", role.as_str()))
        }
        Staff::Password { email, password_file } => {
            control.staff_password(&cx, email, read_password(password_file)?).await?;
            out.show(&serde_json::json!({ "changed": true }), |_| "The password was changed.".into())
        }
        Staff::Token { email, name } => {
            let staff = control.staff_find(&cx, email).await?;
            let token = control.token_for(&cx, Actor::Staff(staff.id, staff.role), name).await?;
            let text = token.expose_secret();
            out.show(&serde_json::json!({ "token": text }), |_| text.to_owned())
        }
        Staff::Tokens { email } => out.show(&control.staff_tokens(&cx, email).await?, |all| tokens(all)),
        Staff::Revoke { token } => {
            control.staff_revoke(&cx, *token).await?;
            out.show(&serde_json::json!({ "revoked": true }), |_| "The token opens nothing more.".into())
        }
    }
}

fn people(all: &[StaffView]) -> String {
    let row =
        |s: &StaffView| [s.email.clone(), s.role.as_str().to_owned(), s.id.to_string(), format!("{:.0}", s.created_at)];
    table(["E-mail", "Role", "Id", "Since"], all.iter().map(row))
}

fn tokens(all: &[TokenView]) -> String {
    if all.is_empty() {
        return "This person has no API tokens.".into();
    }
    let time = |at: Option<Timestamp>, none: &str| at.map_or_else(|| none.to_owned(), |at| format!("{at:.0}"));
    let row = |t: &TokenView| {
        let (ends, used) = (time(t.expires_at, "never"), time(t.last_used_at, "never"));
        [t.id.to_string(), t.name.clone(), time(Some(t.created_at), ""), ends, used]
    };
    table(["Token", "For", "Made", "Ends", "Last used"], all.iter().map(row))
}
