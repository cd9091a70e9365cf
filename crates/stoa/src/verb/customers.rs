//! `stoa customers`: accounts of customers, verified addresses, and new passwords.

use anyhow::{Result, bail};
use clap::Subcommand;
use serde::Serialize;
use stoa_accounts::{
    command::Register,
    view::{CustomerSort, CustomerView, PersonView},
};
use stoa_control::Control;
use stoa_core::{RequestContext, view::PageNumber};
use stoa_model::account::Actor;
use stoa_sites::view::{SiteFilter, SiteSort, SiteView};

use super::init::read_password;
use crate::{
    bootstrap,
    config::Config,
    confirm::Confirm,
    output::{Output, table, when},
};

#[derive(Subcommand)]
pub enum Customers {
    /// List customers, newest first.
    #[command(visible_alias = "ls")]
    List {
        /// Only those with this text in their name or e-mail address.
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// Maximum number of customers; default: all.
        #[arg(long)]
        limit: Option<usize>,
    },
    /// Create a customer's account, with a verified address.
    Add {
        /// E-mail address.
        email: String,
        /// Name of the organization or person.
        #[arg(long)]
        company: String,
        /// File that contains the password; `-` reads standard input.
        #[arg(long, default_value = "-")]
        password_file: String,
    },
    /// Show a customer with the people and sites of their account.
    Show {
        /// E-mail address.
        email: String,
    },
    /// Mark a customer's e-mail address as verified, for a platform that sends no e-mail.
    Verify {
        /// E-mail address.
        email: String,
    },
    /// Turn off the two-step login of a customer who has lost their device, and end their sessions.
    ResetSecondFactor {
        /// E-mail address.
        email: String,
        #[command(flatten)]
        confirm: Confirm,
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
        Customers::List { search, limit } => {
            out.show(&listed(&control, &cx, search.as_deref(), *limit).await?, |all| list(all))
        }
        Customers::Add { email, company, password_file } => {
            if control.accounts.find_customer(&cx, email).await.is_ok() {
                bail!("{email} has an account already. See it: stoa customers show {email}");
            }
            let password = read_password(password_file)?;
            let command = Register { email: email.clone(), password, company: company.clone() };
            control.accounts.register(&cx, command).await?;
            let id = control.accounts.find_customer(&cx, email).await?.id;
            out.show(&control.accounts.get_customer(&cx, id).await?, |customer| {
                let log_in = format!("{}/login", control.core.portal_url());
                let order = format!("stoa sites order NAME --customer {} --title TITLE", customer.email);
                format!("{} can log in at {log_in}\nOrder a site: {order}", customer.email)
            })
        }
        Customers::Show { email } => show(&control, &cx, email, out).await,
        Customers::Verify { email } => {
            control.accounts.mark_verified(&cx, email).await?;
            out.show(&serde_json::json!({ "verified": true }), |_| format!("{email} is verified."))
        }
        Customers::ResetSecondFactor { email, confirm } => {
            let customer = control.accounts.find_customer(&cx, email).await?;
            confirm.ask(&format!("Turn off the two-step login of {email}? Make sure that it is them who ask."))?;
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

async fn listed(
    control: &Control,
    cx: &RequestContext,
    search: Option<&str>,
    limit: Option<usize>,
) -> Result<Vec<CustomerView>> {
    let find = async |page| control.accounts.search_customers(cx, search, CustomerSort::Newest, page).await;
    super::first_items(find, limit).await
}

/// A customer with everything that belongs to them.
#[derive(Serialize)]
struct Account {
    customer: CustomerView,
    people: Vec<PersonView>,
    sites: Vec<SiteView>,
}

async fn show(control: &Control, cx: &RequestContext, email: &str, out: &Output) -> Result<()> {
    let id = control.accounts.find_customer(cx, email).await?.id;
    let filter = SiteFilter { customer: Some(id), ..SiteFilter::default() };
    let account = Account {
        customer: control.accounts.get_customer(cx, id).await?,
        people: control.accounts.list_people(cx, id).await?,
        sites: control.sites.search(cx, filter, SiteSort::Newest, PageNumber::default()).await?.sites.items,
    };
    out.show(&account, |Account { customer, people, sites }| {
        let rows = [
            ["Id".to_owned(), customer.id.to_string()],
            ["Name".to_owned(), customer.company.clone()],
            ["E-mail".to_owned(), customer.email.clone()],
            ["Since".to_owned(), when(customer.created_at)],
        ];
        let person = |p: &PersonView| {
            let verified = if p.is_verified { "verified" } else { "not verified" };
            let second = if p.has_second_factor { "two-step login" } else { "" };
            [p.email.clone(), p.role.to_string(), verified.to_owned(), second.to_owned()]
        };
        let people = table(["Person", "Role", "Address", "Login"], people.iter().map(person));
        let sites = if sites.is_empty() {
            format!("No sites yet. Order one: stoa sites order NAME --customer {} --title TITLE", customer.email)
        } else {
            super::sites::list(sites)
        };
        format!("{}\n\n{people}\n\n{sites}", table(["", ""], rows))
    })
}

fn list(all: &[CustomerView]) -> String {
    if all.is_empty() {
        return "There are no customers yet.".into();
    }
    let row = |c: &CustomerView| [c.email.clone(), c.company.clone(), c.id.to_string(), when(c.created_at)];
    table(["E-mail", "Company", "Id", "Since"], all.iter().map(row))
}
