//! `stoa staff`: people of the operator.

use anyhow::Result;
use clap::Subcommand;
use stoa_model::{
    account::{Actor, Role},
    secret::ExposeSecret,
};

use super::init::read_password;
use crate::{config::Config, output::Output, wire};

#[derive(Subcommand)]
pub enum Staff {
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
}

pub async fn run(verb: &Staff, config: &Config, out: &Output) -> Result<()> {
    let control = wire::control(config).await?;
    let cx = control.system_cx("staff");
    match verb {
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
    }
}
