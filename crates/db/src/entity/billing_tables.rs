//! The tables of the area `billing`.

tables! {
    plans = "plans" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        slug: String,
        blueprint: String,
        name: String,
        description: String,
        position: i64,
        active: i64,
        hidden: i64,
        version: i64,
        stripe_id: Option<String>,
        created_at: i64,
    }
    plan_versions = "plan_versions" {
        #[sea_orm(primary_key, auto_increment = false)] plan: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] version: i64,
        terms: String,
        created_at: i64,
    }
    prices = "prices" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        plan: Uuid,
        amount: i64,
        currency: String,
        period: String,
        stripe_id: Option<String>,
        created_at: i64,
        archived_at: Option<i64>,
    }
    subscriptions = "subscriptions" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        customer: Uuid,
        site: Option<Uuid>,
        live_site: Option<Uuid>,
        plan: Uuid,
        plan_version: i64,
        price: Uuid,
        provider: String,
        stripe_id: Option<String>,
        status: String,
        period_start: i64,
        period_end: Option<i64>,
        past_due_since: Option<i64>,
        cancel_at: Option<i64>,
        ended_at: Option<i64>,
        created_at: i64,
        check_at: Option<i64>,
        access: String,
        letter: Option<String>,
    }
    entitlements = "entitlements" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        site: Uuid,
        open_site: Option<Uuid>,
        subscription: Uuid,
        plan: Uuid,
        plan_version: i64,
        access: String,
        cause: String,
        from_at: i64,
        to_at: Option<i64>,
    }
    checkouts = "checkouts" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        customer: Option<Uuid>,
        email: String,
        hostname: String,
        open_hostname: Option<String>,
        site_order: String,
        plan: Uuid,
        plan_version: i64,
        price: Uuid,
        state: String,
        session: Option<String>,
        url: Option<String>,
        site: Option<Uuid>,
        created_at: i64,
        expires_at: i64,
    }
    stripe_customers = "stripe_customers" {
        #[sea_orm(primary_key, auto_increment = false)] stripe_id: String,
        customer: Uuid,
        created_at: i64,
    }
    stripe_events = "stripe_events" {
        #[sea_orm(primary_key, auto_increment = false)] id: String,
        kind: String,
        object: String,
        created_at: i64,
        received_at: i64,
    }
    stripe_objects = "stripe_objects" {
        #[sea_orm(primary_key, auto_increment = false)] id: String,
        epoch: i64,
        written: i64,
    }
    billing_mismatches = "billing_mismatches" {
        #[sea_orm(primary_key, auto_increment = false)] id: String,
        kind: String,
        object: String,
        detail: String,
        found_at: i64,
    }
    payments = "payments" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        subscription: Uuid,
        customer: Uuid,
        amount: i64,
        currency: String,
        provider: String,
        reference: String,
        stripe_id: Option<String>,
        actor: String,
        period_start: i64,
        period_end: Option<i64>,
        paid_at: i64,
    }
}
