//! Customers, staff, and their orders.

use std::sync::{LazyLock, atomic::Ordering};

use stoa_accounts::password::{Hasher, Priority};

use stoa_billing::command::SavePlan;
use stoa_core::{Credential, RequestContext, SessionCredential, random};

use stoa_db::accounts;
use stoa_model::{
    account::{Actor, Customer, Role, Staff},
    host::Hostname,
    id::{CustomerId, SessionId, StaffId},
    secret::SecretString,
    text::{CompanyName, EmailAddress},
};
use stoa_provider::dns::RecordName;
use stoa_sites::{command::OrderSite, view::Ordered};

use crate::TestPlatform;

/// The password of all accounts.
pub const PASSWORD: &str = "correct horse battery";

/// Its hash, computed once per program because it takes tens of milliseconds.
async fn hash() -> &'static str {
    static HASH: tokio::sync::OnceCell<String> = tokio::sync::OnceCell::const_new();
    static HASHER: LazyLock<Hasher> = LazyLock::new(Hasher::default);
    HASH.get_or_init(async || HASHER.hash(SecretString::from(PASSWORD), Priority::Known).await.expect("a hash")).await
}

impl TestPlatform {
    /// The same person now, as if their browser's session had just asked for the password.
    pub fn recent(&self, cx: &RequestContext) -> RequestContext {
        let now = self.now(cx);
        let session = SessionCredential {
            id: Some(SessionId::from_uuid(random::uuid_at(now.now))),
            authenticated_at: now.now,
            has_second_factor: false,
            impersonator: None,
        };
        RequestContext { credential: Credential::Session(session), ..now }
    }

    /// The context of a new customer `name@example.com`, who can log in with [`PASSWORD`].
    ///
    /// # Panics
    /// If the customer exists already.
    pub async fn customer(&self, name: &str) -> RequestContext {
        let created_at = self.clock.now();
        let customer = &Customer {
            id: CustomerId::from_uuid(random::uuid_at(created_at)),
            email: EmailAddress::parse(&format!("{name}@example.com")).expect("an address"),
            company: CompanyName::parse(&format!("{name} & Co")).expect("a name"),
            created_at,
        };
        let hash = hash().await;
        let stored = self.db.write(|tx| Box::pin(async move { accounts::customer_insert(&tx, customer, hash).await }));
        stored.await.expect("a new customer");
        self.request_context(Actor::Customer(customer.id))
    }

    /// Creates the TXT record that proves a domain, with the value from its claim, in public DNS.
    pub fn prove(&self, domain: &Hostname, value: &str) {
        self.world_dns.answer_texts(&RecordName::ownership(domain), Ok(vec![value.to_owned()]));
    }

    /// The context of a new staff member, who can log in with [`PASSWORD`] as `{role}-{n}@stoa.example`;
    /// the first one has n = 1.
    ///
    /// # Panics
    /// If the database doesn't answer.
    pub async fn staff(&self, role: Role) -> RequestContext {
        let (created_at, n) = (self.clock.now(), self.people.fetch_add(1, Ordering::Relaxed) + 1);
        let id = StaffId::from_uuid(random::uuid_at(created_at));
        let name = role.as_str().replace('_', "-");
        let email = EmailAddress::parse(&format!("{name}-{n}@stoa.example")).expect("an address");
        let (member, hash) = (&Staff { id, email, role, created_at }, hash().await);
        let stored = self.db.write(|tx| Box::pin(async move { accounts::staff_insert(&tx, member, hash).await }));
        stored.await.expect("a new staff member");
        self.request_context(Actor::Staff(id, role))
    }

    /// The context of a command by `actor` at the current time.
    pub fn request_context(&self, actor: Actor) -> RequestContext {
        self.control.core.request_context(actor, None, "test".into())
    }

    /// The context of the same actor at the current time.
    pub fn now(&self, cx: &RequestContext) -> RequestContext {
        RequestContext { now: self.clock.now(), ..cx.clone() }
    }

    /// Orders a shop with the subdomain `name`.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn order(&self, cx: &RequestContext, name: &str) -> Ordered {
        let ordered = self.control.sites.order(&self.now(cx), shop(name), None).await;
        ordered.unwrap_or_else(|error| panic!("the order of {name} was refused: {error}"))
    }

    /// Orders a shop with the subdomain `name` and waits until it runs.
    ///
    /// # Panics
    /// If the job fails.
    pub async fn shop(&self, cx: &RequestContext, name: &str) -> Ordered {
        let ordered = self.order(cx, name).await;
        self.run_until_idle().await;
        let job = self.job(ordered.job).await;
        assert_eq!(job.state, stoa_model::job::JobState::Succeeded, "{:?}", job.error_detail);
        ordered
    }
}

/// A plan for shops that costs so much a month, with half the usual limits.
pub fn shop_plan(slug: &str, monthly: &str) -> SavePlan {
    SavePlan {
        slug: slug.into(),
        blueprint: "woocommerce".into(),
        name: slug.into(),
        is_active: true,
        currency: "EUR".into(),
        monthly: monthly.into(),
        memory: "512m".into(),
        cpu: "0.5".into(),
        disk: "5g".into(),
        ..SavePlan::default()
    }
}

/// An ordinary order.
pub fn shop(name: &str) -> OrderSite {
    OrderSite {
        blueprint: "woocommerce".into(),
        subdomain: name.into(),
        title: format!("The {name}"),
        ..OrderSite::default()
    }
}
