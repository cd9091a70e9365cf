//! People, and what they ask for.

use std::sync::{LazyLock, atomic::Ordering};

use stoa_accounts::password::Hasher;

use stoa_core::RequestContext;

use stoa_db::accounts;
use stoa_model::{
    account::{Actor, Customer, Role, Staff},
    host::Hostname,
    id::{CustomerId, StaffId},
    secret::SecretString,
    text::{CompanyName, EmailAddress},
};
use stoa_provider::dns::RecordName;
use stoa_sites::{command::OrderSite, view::Ordered};

use crate::TestPlatform;

/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery";

/// Its hash: once for all tests of a program, for it costs tens of milliseconds.
async fn hash() -> &'static str {
    static HASH: tokio::sync::OnceCell<String> = tokio::sync::OnceCell::const_new();
    static HASHER: LazyLock<Hasher> = LazyLock::new(Hasher::default);
    HASH.get_or_init(async || HASHER.hash(SecretString::from(PASSWORD)).await.expect("a hash")).await
}

impl TestPlatform {
    /// The context of a new customer `name@example.com`, who can log in with [`PASSWORD`].
    ///
    /// # Panics
    /// If there is such a customer already.
    pub async fn customer(&self, name: &str) -> RequestContext {
        let created_at = self.clock.now();
        let customer = &Customer {
            id: CustomerId::from_uuid(stoa_core::random::uuid_at(created_at)),
            email: EmailAddress::parse(&format!("{name}@example.com")).expect("an address"),
            company: CompanyName::parse(&format!("{name} & Co")).expect("a name"),
            created_at,
        };
        let hash = hash().await;
        let stored = self.db.write(|tx| Box::pin(async move { accounts::customer_insert(&tx, customer, hash).await }));
        stored.await.expect("a new customer");
        self.request_context(Actor::Customer(customer.id))
    }

    /// Makes the TXT record that proves a domain, with the value that its claim told, in the world's DNS.
    pub fn prove(&self, domain: &Hostname, value: &str) {
        self.world_dns.answer_texts(&RecordName::ownership(domain), Ok(vec![value.to_owned()]));
    }

    /// The context of a new person of the operator, who can log in with [`PASSWORD`] as
    /// `{role}-{n}@stoa.example`; the first one has n = 1.
    ///
    /// # Panics
    /// If the database doesn't answer.
    pub async fn staff(&self, role: Role) -> RequestContext {
        let (created_at, n) = (self.clock.now(), self.people.fetch_add(1, Ordering::Relaxed) + 1);
        let id = StaffId::from_uuid(stoa_core::random::uuid_at(created_at));
        let name = role.as_str().replace('_', "-");
        let email = EmailAddress::parse(&format!("{name}-{n}@stoa.example")).expect("an address");
        let (member, hash) = (&Staff { id, email, role, created_at }, hash().await);
        let stored = self.db.write(|tx| Box::pin(async move { accounts::staff_insert(&tx, member, hash).await }));
        stored.await.expect("a new person");
        self.request_context(Actor::Staff(id, role))
    }

    /// The context of a command that `actor` gives now.
    pub fn request_context(&self, actor: Actor) -> RequestContext {
        self.control.core.request_context(actor, None, "test".into())
    }

    /// The same actor, now.
    pub fn now(&self, cx: &RequestContext) -> RequestContext {
        RequestContext { now: self.clock.now(), ..cx.clone() }
    }

    /// Orders a shop at `name`.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn order(&self, cx: &RequestContext, name: &str) -> Ordered {
        let ordered = self.control.sites.order(&self.now(cx), shop(name), None).await;
        ordered.unwrap_or_else(|error| panic!("the order of {name} was refused: {error}"))
    }

    /// Orders a shop at `name` and waits until it is there.
    ///
    /// # Panics
    /// If it does not come to be.
    pub async fn shop(&self, cx: &RequestContext, name: &str) -> Ordered {
        let ordered = self.order(cx, name).await;
        self.run_until_idle().await;
        let job = self.job(ordered.job).await;
        assert_eq!(job.state, stoa_model::job::JobState::Succeeded, "{:?}", job.error_detail);
        ordered
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
