//! `stoa subscriptions`: who pays for what, and payments that were received.

use anyhow::Result;
use clap::Subcommand;
use serde_json::json;
use stoa_billing::{SubscriptionFilter, command::MarkPaid};
use stoa_core::view::PageNumber;
use stoa_model::{
    billing::subscription::SubscriptionStatus,
    id::{CheckoutId, SubscriptionId},
};

use crate::{
    bootstrap,
    config::Config,
    confirm::Confirm,
    output::{Output, table, when},
};

#[derive(Subcommand)]
pub enum Subscriptions {
    /// List subscriptions, newest first.
    #[command(visible_alias = "ls")]
    List {
        /// Only those with this text in their customer's name or address, or in their site's title or name.
        #[arg(long)]
        search: Option<String>,
        /// Only those with this status, such as past_due.
        #[arg(long)]
        status: Option<SubscriptionStatus>,
        /// Page of the list.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        page: u32,
    },
    /// List orders that wait for their first payment, oldest first.
    Orders,
    /// Write down a payment that you have received, for the next period.
    Pay {
        /// Id of the subscription.
        subscription: SubscriptionId,
        /// What helps to find the payment again, such as the bank's reference.
        #[arg(long, default_value = "")]
        reference: String,
    },
    /// Write down the first payment of an order, and create its site.
    PayOrder {
        /// Id of the order.
        order: CheckoutId,
        /// What helps to find the payment again, such as the bank's reference.
        #[arg(long, default_value = "")]
        reference: String,
    },
    /// Cancel a subscription at the end of the period that is paid.
    Cancel {
        /// Id of the subscription.
        subscription: SubscriptionId,
        #[command(flatten)]
        confirm: Confirm,
    },
}

pub async fn run(verb: &Subscriptions, config: &Config, out: &Output) -> Result<()> {
    let control = bootstrap::control(config).await?;
    let (cx, billing) = (control.core.system_context("subscriptions"), &control.billing);
    match verb {
        Subscriptions::List { search, status, page } => {
            let filter = SubscriptionFilter { text: search.clone(), status: *status, ..SubscriptionFilter::default() };
            let found = billing.search_subscriptions(&cx, filter, PageNumber::new(*page)).await?;
            out.show(&found.items, |items| {
                if items.is_empty() {
                    return "No subscription found.".into();
                }
                let rows = items.iter().map(|of| {
                    let site = of.hostname.clone().unwrap_or_else(|| "(no site yet)".into());
                    let until = of.period_end.map_or_else(String::new, when);
                    [of.id.to_string(), site, of.customer_name.clone(), of.price.clone(), of.status.to_string(), until]
                });
                table(["Subscription", "Site", "Customer", "Price", "Status", "Paid until"], rows)
            })
        }
        Subscriptions::Orders => {
            let found = billing.all_open_checkouts(&cx).await?;
            out.show(&found, |found| {
                if found.is_empty() {
                    return "No order waits for its payment.".into();
                }
                let rows = found.iter().map(|order| {
                    let (id, reference) = (order.id.to_string(), order.reference.clone());
                    [id, order.hostname.clone(), order.email.clone(), order.price.clone(), reference]
                });
                table(["Order", "Address", "Customer", "Price", "Reference"], rows)
            })
        }
        Subscriptions::Pay { subscription, reference } => {
            let command = MarkPaid { reference: reference.clone(), paid_until: None };
            let view = billing.mark_paid(&cx, *subscription, command).await?;
            out.show(&view, |view| format!("Paid until {}.", view.period_end.map_or_else(String::new, when)))
        }
        Subscriptions::PayOrder { order, reference } => {
            let command = MarkPaid { reference: reference.clone(), paid_until: None };
            let ordered = billing.mark_checkout_paid(&cx, *order, command).await?;
            out.show(&json!({ "site": ordered.site, "job": ordered.job }), |_| {
                format!("The site is being created. Follow it with: stoa jobs show {}", ordered.job)
            })
        }
        Subscriptions::Cancel { subscription, confirm } => {
            confirm.ask("Cancel this subscription? Its site is stopped at the end of the period that is paid.")?;
            let view = billing.cancel_subscription(&cx, *subscription).await?;
            out.show(&view, |view| format!("It ends at {}.", view.cancel_at.map_or_else(String::new, when)))
        }
    }
}
