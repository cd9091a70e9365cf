//! `stoa customers`: accounts of customers, verified addresses, and new passwords.

use anyhow::Result;
use clap::Subcommand;
use stoa_accounts::view::CustomerView;
use stoa_control::Control;
use stoa_core::RequestContext;
use stoa_model::account::Actor;

use super::init::read_password;
use crate::{
    bootstrap,
    config::Config,
    output::{Output, table},
};

#[derive(Subcommand)]
pub enum Customers {
    /// List all customers, newest first.
    List,
    /// Mark a customer's e-mail address as verified, for a platform that sends no e-mail.
    Verify {
        /// E-mail address.
        email: String,
    },
    /// Turn off the two-step login of a customer who has lost their device, and end their sessions.
    ResetSecondFactor {
        /// E-mail address.
        email: String,
    },
    /// Set a customer's password and end their sessions and API tokens.
    Password {
        /// E-mail address.
        email: String,
        /// File that contains the password; `-` reads standard input.
        #[arg(long, default_value = "-")]
        password_file: String,
    },
}

pub async fn run(verb: &Customers, config: &Config, out: &Output) -> Result<()> {
    let control = bootstrap::control(config).await?;
    let cx = control.core.system_context("customers");
    match verb {
        Customers::List => out.show(&all(&control, &cx).await?, |all| list(all)),
        Customers::Verify { email } => {
            control.accounts.mark_verified(&cx, email).await?;
            out.show(&serde_json::json!({ "verified": true }), |_| format!("{email} is verified."))
        }
        Customers::ResetSecondFactor { email } => {
            let customer = control.accounts.find_customer(&cx, email).await?;
            control.accounts.reset_second_factor(&cx, Actor::Customer(customer.id)).await?;
            out.show(&serde_json::json!({ "reset": true }), |_| "Two-step login was turned off.".into())
        }
        Customers::Password { email, password_file } => {
            // Fail before asking for the password.
            control.accounts.find_customer(&cx, email).await?;
            control.accounts.set_customer_password(&cx, email, read_password(password_file)?).await?;
            out.show(&serde_json::json!({ "changed": true }), |_| "The password was changed.".into())
        }
    }
}

async fn all(control: &Control, cx: &RequestContext) -> Result<Vec<CustomerView>> {
    let mut customers: Vec<CustomerView> = Vec::new();
    loop {
        let before = customers.last().map(|customer| customer.id);
        let page = control.accounts.list_customers(cx, before, 100).await?;
        customers.extend(page.items);
        if page.next.is_none() {
            return Ok(customers);
        }
    }
}

fn list(all: &[CustomerView]) -> String {
    if all.is_empty() {
        return "There are no customers yet.".into();
    }
    let row = |c: &CustomerView| [c.email.clone(), c.company.clone(), c.id.to_string(), format!("{:.0}", c.created_at)];
    table(["E-mail", "Company", "Id", "Since"], all.iter().map(row))
}
