//! A plan: make it, look at it, change it, with its card as customers see it.

use std::collections::BTreeMap;

use askama::Template;
use axum::{extract::State, response::Response};
use serde::Deserialize;
use stoa_billing::{command::SavePlan, view::PlanView};
use stoa_core::RequestContext;
use stoa_model::{
    billing::plan::{Feature, Interval},
    id::PlanId,
};

use super::PlanCard;
use crate::{
    app::App,
    extract::{
        body::{Form, Query},
        id::Id,
        permissions::{Administrator, StaffMember},
    },
    http_error::HttpError,
    ui::{
        self,
        field::{Field, Problems},
        form_errors::FormErrors,
        frame::Frame,
    },
};

/// `/staff/plans/new` and `/staff/plans/{id}`
#[derive(Template)]
#[template(path = "billing/staff_plan.html")]
pub struct StaffPlanPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Error messages.
    pub problems: Problems,
    /// What was done, if something was.
    pub done: Option<&'static str>,
    /// The plan as it is sold, if it exists.
    pub plan: Option<PlanView>,
    /// Its card on the price list.
    pub card: Option<PlanCard>,
    /// The fields.
    pub fields: PlanFields,
    /// Whether the viewer may change it.
    pub may_change: bool,
}

/// The fields of a plan.
pub struct PlanFields {
    name: Field,
    description: Field,
    slug: Field,
    blueprints: Vec<BlueprintChoice>,
    blueprint_problem: Option<String>,
    position: Field,
    currency: Field,
    monthly: Field,
    yearly: Field,
    trial_days: Field,
    memory: Field,
    cpu: Field,
    disk: Field,
    database: Field,
    bandwidth: Field,
    requests: Field,
    max_body: Field,
    rate: Field,
    sites: Field,
    features: Vec<FeatureTick>,
    is_active: bool,
    is_hidden: bool,
    version: u32,
}

/// A blueprint to choose.
pub struct BlueprintChoice {
    name: String,
    title: String,
    is_chosen: bool,
}

/// A feature to switch on.
pub struct FeatureTick {
    feature: Feature,
    is_on: bool,
}

/// Input of the form.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct PlanForm {
    #[serde(default)]
    version: u32,
    /// All other fields, and `feature.NAME` for each feature that is switched on.
    #[serde(flatten)]
    typed: BTreeMap<String, String>,
}

impl PlanForm {
    fn text(&self, name: &str) -> String {
        self.typed.get(name).cloned().unwrap_or_default()
    }

    fn has_feature(&self, feature: Feature) -> bool {
        self.typed.contains_key(&format!("feature.{feature}"))
    }

    fn command(&self) -> SavePlan {
        SavePlan {
            slug: self.text("slug"),
            blueprint: self.text("blueprint"),
            name: self.text("name"),
            description: self.text("description"),
            position: self.text("position").trim().parse().unwrap_or(0),
            is_active: self.typed.contains_key("active"),
            is_hidden: self.typed.contains_key("hidden"),
            currency: self.text("currency"),
            monthly: self.text("monthly"),
            yearly: self.text("yearly"),
            memory: self.text("memory"),
            cpu: self.text("cpu"),
            disk: self.text("disk"),
            database: self.text("database"),
            bandwidth: self.text("bandwidth"),
            requests: self.text("requests"),
            max_body: self.text("max_body"),
            rate: self.text("rate"),
            sites: self.text("sites"),
            trial_days: self.text("trial_days"),
            features: Feature::ALL.iter().copied().filter(|feature| self.has_feature(*feature)).collect(),
        }
    }

    /// What the form begins with for a plan that exists.
    fn of(plan: &PlanView) -> Self {
        let terms = &plan.terms;
        let price = |interval: Interval| {
            let sold = plan.prices.iter().find(|price| price.interval == interval);
            sold.map(|price| price.money.amount()).unwrap_or_default()
        };
        let some = |count: u64| if count == 0 { String::new() } else { count.to_string() };
        let currency = plan.prices.first().map(|price| price.money.currency.to_string()).unwrap_or_default();
        let mut typed: BTreeMap<String, String> = [
            ("slug", plan.slug.clone()),
            ("blueprint", plan.blueprint.clone()),
            ("name", plan.name.clone()),
            ("description", plan.description.clone()),
            ("position", plan.position.to_string()),
            ("currency", currency),
            ("monthly", price(Interval::Month)),
            ("yearly", price(Interval::Year)),
            ("memory", terms.memory.to_string()),
            ("cpu", terms.cpu.to_string()),
            ("disk", terms.disk.to_string()),
            ("database", terms.database.map(|bytes| bytes.to_string()).unwrap_or_default()),
            ("bandwidth", terms.bandwidth.map(|bytes| bytes.to_string()).unwrap_or_default()),
            ("requests", terms.requests.map(|count| count.to_string()).unwrap_or_default()),
            ("max_body", stoa_model::limits::Bytes(terms.edge.max_body).to_string()),
            ("rate", terms.edge.rate.to_string()),
            ("sites", some(terms.sites.into())),
            ("trial_days", some(terms.trial_days.into())),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        let mut tick = |name: String, is_on: bool| {
            if is_on {
                typed.insert(name, "yes".into());
            }
        };
        tick("active".into(), plan.is_active);
        tick("hidden".into(), plan.is_hidden);
        terms.features.iter().for_each(|feature| tick(format!("feature.{feature}"), true));
        Self { version: plan.version, typed }
    }

    /// What the form of a new plan begins with.
    fn new_plan(currency: &str) -> Self {
        let typed = [("currency", currency), ("memory", "1g"), ("cpu", "1"), ("disk", "25g"), ("active", "yes")];
        Self { version: 0, typed: typed.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect() }
    }
}

impl PlanFields {
    fn new(form: &PlanForm, blueprints: Vec<(String, String)>, problems: &Problems) -> Self {
        let line = |name: &'static str, label: &'static str| Field::text(name, label, &form.text(name)).fill("off");
        let chosen = form.text("blueprint");
        let choice = |(name, title): (String, String)| BlueprintChoice { is_chosen: name == chosen, name, title };
        let tick = |feature: &Feature| FeatureTick { feature: *feature, is_on: form.has_feature(*feature) };
        Self {
            name: line("name", "Name").hint("What customers see, such as Basic.").with(problems),
            description: line("description", "Description").hint("One sentence.").optional().with(problems),
            slug: line("slug", "Short name")
                .hint("Part of addresses and orders, such as shop-basic. It can’t be changed later.")
                .with(problems),
            blueprints: blueprints.into_iter().map(choice).collect(),
            blueprint_problem: problems.of("blueprint").map(str::to_owned),
            position: Field::number("position", "Place on the price list", &form.text("position"))
                .hint("Lower comes first.")
                .optional(),
            currency: line("currency", "Currency").hint("Such as EUR or USD.").with(problems),
            monthly: line("monthly", "Price per month").hint("0 is free.").optional().with(problems),
            yearly: line("yearly", "Price per year").optional().with(problems),
            trial_days: Field::number("trial_days", "Trial in days", &form.text("trial_days"))
                .optional()
                .with(problems),
            memory: line("memory", "Memory").hint("256m to 16g.").with(problems),
            cpu: line("cpu", "CPU cores").hint("0.25 to 8.").with(problems),
            disk: line("disk", "Storage").hint("Such as 25g.").with(problems),
            database: line("database", "Largest database").optional().with(problems),
            bandwidth: line("bandwidth", "Traffic per month").optional().with(problems),
            requests: Field::number("requests", "Requests per day", &form.text("requests")).optional().with(problems),
            max_body: line("max_body", "Largest upload").optional().with(problems),
            rate: Field::number("rate", "Requests per second", &form.text("rate"))
                .hint("0 is no limit. Empty is what all sites have.")
                .optional()
                .with(problems),
            sites: Field::number("sites", "Sites per customer", &form.text("sites")).optional().with(problems),
            features: Feature::ALL.iter().map(tick).collect(),
            is_active: form.typed.contains_key("active"),
            is_hidden: form.typed.contains_key("hidden"),
            version: form.version,
        }
    }
}

/// Query of the page.
#[derive(Deserialize)]
pub struct PlanQuery {
    #[serde(default)]
    done: String,
}

/// `GET /staff/plans/new`
pub async fn show_new(
    State(app): State<App>,
    Administrator(cx): Administrator,
    frame: Frame,
) -> Result<Response, HttpError> {
    let form = PlanForm::new_plan(app.control.settings().billing.currency.code());
    Ok(ui::ok(&build(&app, &cx, frame, None, &form, Problems::default()).await?))
}

/// `POST /staff/plans/new`
pub async fn create(
    State(app): State<App>,
    Administrator(cx): Administrator,
    frame: Frame,
    Form(form): Form<PlanForm>,
) -> Result<Response, HttpError> {
    match app.control.billing.create_plan(&cx, form.command()).await {
        Ok(plan) => Ok(ui::see_other(&format!("/staff/plans/{}?done=created", plan.id))),
        Err(error) => refused(&app, &cx, frame, None, &form, error).await,
    }
}

/// `GET /staff/plans/{id}`
pub async fn show(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    Id(id): Id<PlanId>,
    frame: Frame,
    Query(query): Query<PlanQuery>,
) -> Result<Response, HttpError> {
    let plan = app.control.billing.plan(&cx, id).await?;
    let form = PlanForm::of(&plan);
    let done = match query.done.as_str() {
        "created" => Some("The plan was created."),
        "saved" => Some("The plan was saved. Who has bought it keeps what they have bought."),
        _ => None,
    };
    let page = build(&app, &cx, frame, Some(plan), &form, Problems::default()).await?;
    Ok(ui::ok(&StaffPlanPage { done, ..page }))
}

/// `POST /staff/plans/{id}`
pub async fn update(
    State(app): State<App>,
    Administrator(cx): Administrator,
    Id(id): Id<PlanId>,
    frame: Frame,
    Form(form): Form<PlanForm>,
) -> Result<Response, HttpError> {
    match app.control.billing.update_plan(&cx, id, form.version, form.command()).await {
        Ok(_) => Ok(ui::see_other(&format!("/staff/plans/{id}?done=saved"))),
        Err(error) => {
            let plan = app.control.billing.plan(&cx, id).await?;
            refused(&app, &cx, frame, Some(plan), &form, error).await
        }
    }
}

async fn refused(
    app: &App,
    cx: &RequestContext,
    frame: Frame,
    plan: Option<PlanView>,
    form: &PlanForm,
    error: stoa_core::Error,
) -> Result<Response, HttpError> {
    let form_errors = FormErrors::try_from(error)?;
    let response = form_errors.response();
    Ok(response.page(&build(app, cx, frame, plan, form, form_errors.problems).await?))
}

async fn build(
    app: &App,
    cx: &RequestContext,
    frame: Frame,
    plan: Option<PlanView>,
    form: &PlanForm,
    problems: Problems,
) -> Result<StaffPlanPage, HttpError> {
    let blueprints = app.control.sites.list_blueprints(cx).await?;
    let blueprints = blueprints.into_iter().map(|blueprint| (blueprint.name, blueprint.title)).collect();
    let fields = PlanFields::new(form, blueprints, &problems);
    let (card, may_change) = (plan.as_ref().map(PlanCard::new), frame.is_admin());
    Ok(StaffPlanPage { frame, problems, done: None, plan, card, fields, may_change })
}

#[cfg(test)]
mod tests {
    use stoa_model::{
        billing::plan::PlanTerms,
        limits::{Bytes, MilliCpu},
        route::RouteLimits,
    };

    use super::*;

    /// Whoever saves a plan without a change must not make a new version of it.
    #[test]
    fn the_form_of_a_plan_says_what_the_plan_is() {
        let plan = PlanView {
            id: "plan_019345c27c0070008000000000000008".parse().expect("an id"),
            slug: "basic".into(),
            blueprint: "woocommerce".into(),
            name: "Basic".into(),
            description: String::new(),
            position: 2,
            is_active: true,
            is_hidden: false,
            version: 3,
            terms: PlanTerms {
                memory: Bytes::mib(1536),
                cpu: MilliCpu(500),
                disk: Bytes::mib(25 << 10),
                database: None,
                bandwidth: None,
                requests: None,
                edge: RouteLimits::body(100 << 20),
                sites: 0,
                trial_days: 0,
                features: [Feature::Sla].into(),
            },
            prices: Vec::new(),
        };
        let form = PlanForm::of(&plan);
        let command = form.command();
        assert_eq!((form.version, command.position, command.is_active, command.is_hidden), (3, 2, true, false));
        assert_eq!((command.memory.as_str(), command.cpu.as_str(), command.disk.as_str()), ("1536m", "0.5", "25g"));
        // Empty would be the usual rate of all sites; no limit is 0.
        assert_eq!((command.rate.as_str(), command.max_body.as_str(), command.sites.as_str()), ("0", "100m", ""));
        assert_eq!(command.features, plan.terms.features);
    }
}
