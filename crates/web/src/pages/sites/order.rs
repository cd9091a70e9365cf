//! Ordering a store: the fields that registration and `/sites/new` share.

use askama::{Template, filters::HtmlSafe};
use axum::{extract::State, response::Response};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use stoa_billing::{Placed, view::PlanView};
use stoa_core::{RequestContext, Settings};
use stoa_sites::{command::OrderSite, view::BlueprintView};

use crate::{
    app::App,
    extract::{
        body::{Form, Query},
        permissions::Customer,
        stale_form::Resubmission,
    },
    http_error::HttpError,
    pages::billing::PlanCard,
    return_path::percent_encode,
    ui::{
        self,
        field::{Field, Problems},
        form_errors::FormErrors,
        frame::Frame,
    },
};

/// The fields of an order.
#[derive(Template)]
#[template(path = "sites/order_fields.html")]
pub struct OrderFields {
    choices: Vec<Choice>,
    problem: Option<String>,
    subdomain: Field,
    title: Field,
    admin_user: Field,
    admin_password: Field,
    open: bool,
}

impl HtmlSafe for OrderFields {}

/// A blueprint to choose: without plans, or by one of its plans.
struct Choice {
    view: BlueprintView,
    checked: bool,
    plans: Vec<PlanChoice>,
    /// Whether it can be chosen without a plan.
    is_free_choice: bool,
}

/// A plan to choose, at one of its prices.
struct PlanChoice {
    value: String,
    name: String,
    price: String,
    points: String,
    checked: bool,
}

/// Input of the form.
#[derive(Deserialize, Default, Clone)]
pub struct OrderForm {
    /// Blueprint's name.
    #[serde(default)]
    pub blueprint: String,
    /// Subdomain.
    #[serde(default)]
    pub subdomain: String,
    /// Title.
    #[serde(default)]
    pub title: String,
    /// Administrator's login name.
    #[serde(default)]
    pub admin_user: String,
    /// Administrator's password; it is not shown again.
    #[serde(default)]
    pub admin_password: SecretString,
}

/// Query of `/sites/new`.
#[derive(Deserialize, Default)]
pub struct OrderQuery {
    #[serde(flatten)]
    order: OrderForm,
    /// Whether the person signed up although they had an account.
    #[serde(default)]
    known: String,
}

impl OrderForm {
    /// `/sites/new` with these fields, for somebody who turned out to have an account.
    pub fn page(&self) -> String {
        let typed = [
            ("blueprint", &self.blueprint),
            ("subdomain", &self.subdomain),
            ("title", &self.title),
            ("admin_user", &self.admin_user),
        ];
        let typed = typed.map(|(name, value)| format!("&{name}={}", percent_encode(value)));
        format!("/sites/new?known=yes{}", typed.concat())
    }
}

impl From<&OrderForm> for OrderSite {
    fn from(form: &OrderForm) -> Self {
        let OrderForm { blueprint, subdomain, title, admin_user, admin_password } = form.clone();
        let (blueprint, plan) = match blueprint.split_once('/') {
            Some((blueprint, plan)) => (blueprint.to_owned(), plan.to_owned()),
            None => (blueprint, String::new()),
        };
        Self { blueprint, plan, subdomain, title, admin_user, admin_password, ..Self::default() }
    }
}

impl OrderFields {
    /// The fields, with the previous input. The first available blueprint is preselected; the service layer lists
    /// stores first, which is what most people want.
    pub fn new(form: &OrderForm, offer: Offer, settings: &Settings, problems: &Problems) -> Self {
        Self::with_base_domain(&settings.base_domain.to_string(), form, offer, problems)
    }

    /// Like [`new`](Self::new), for a base domain.
    pub fn with_base_domain(base: &str, form: &OrderForm, offer: Offer, problems: &Problems) -> Self {
        let Offer { blueprints, plans, plans_are_optional } = offer;
        let choices = choices(blueprints, &plans, plans_are_optional);
        let first = choices.iter().filter(|choice| choice.view.available).find_map(Choice::first);
        let selected = if form.blueprint.is_empty() { first.unwrap_or_default() } else { form.blueprint.clone() };
        let subdomain = Field::text("subdomain", "Address", &form.subdomain)
            .hint("3 to 40 letters, digits and hyphens.")
            .suffix(format!(".{base}"))
            .checked("address")
            .with(problems);
        let title = Field::text("title", "Store name", &form.title)
            .hint("The name visitors will see.")
            .checked("value")
            .derives("subdomain")
            .with(problems);
        let admin_user = Field::text("admin_user", "Admin username", &form.admin_user)
            .hint("Leave empty for “admin”. Some types of stores use your e-mail address instead.")
            .optional()
            .checked("value")
            .with(problems);
        let admin_password = Field::new_password("admin_password", "Admin password")
            .hint("At least 8 characters. Leave empty and we'll generate one, which your dashboard shows.")
            .optional()
            .with(problems);
        let typed = !form.admin_user.is_empty() || !form.admin_password.expose_secret().is_empty();
        let open = typed || ["admin_user", "admin_password"].iter().any(|field| problems.of(field).is_some());
        let problem = problems.of("blueprint").or_else(|| problems.of("plan")).map(str::to_owned);
        let choices = choices.into_iter().map(|choice| choice.chosen(&selected)).collect();
        Self { choices, problem, subdomain, title, admin_user, admin_password, open }
    }
}

/// What can be ordered.
pub struct Offer {
    /// What sites are created from.
    pub blueprints: Vec<BlueprintView>,
    /// The plans that they are sold by.
    pub plans: Vec<PlanView>,
    /// Whether a site can be ordered without a plan although there are plans for it: by staff.
    pub plans_are_optional: bool,
}

impl Offer {
    /// What a customer, or somebody who is about to be one, can order; with the plan that the form names.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn to_customers(app: &App, cx: &RequestContext, form: &OrderForm) -> Result<Self, HttpError> {
        let asked = form.blueprint.split_once('/').map_or("", |(_, plan)| plan);
        Ok(Self {
            blueprints: app.control.sites.list_blueprints(cx).await?,
            plans: app.control.billing.offered_plans(asked).await?,
            plans_are_optional: false,
        })
    }
}

fn choices(blueprints: Vec<BlueprintView>, plans: &[PlanView], plans_are_optional: bool) -> Vec<Choice> {
    let of_blueprint = |view: BlueprintView| {
        let plans = plans.iter().filter(|plan| plan.blueprint == view.name);
        let plans: Vec<_> = plans.flat_map(|plan| plan_choices(plan, view.available)).collect();
        Choice { is_free_choice: plans.is_empty() || plans_are_optional, plans, view, checked: false }
    };
    blueprints.into_iter().map(of_blueprint).collect()
}

fn plan_choices(plan: &PlanView, available: bool) -> impl Iterator<Item = PlanChoice> {
    let card = PlanCard::new(plan);
    let (name, points) = (card.name, card.points.join(" · "));
    card.prices.into_iter().filter(move |_| available).map(move |price| PlanChoice {
        value: price.choice,
        name: name.clone(),
        price: price.text,
        points: points.clone(),
        checked: false,
    })
}

impl Choice {
    /// What is chosen of it if nothing else is.
    fn first(&self) -> Option<String> {
        if self.is_free_choice {
            Some(self.view.name.clone())
        } else {
            self.plans.first().map(|plan| plan.value.clone())
        }
    }

    /// The same with what is selected marked. A plan can be named without its price, and a blueprint without its plan.
    fn chosen(mut self, selected: &str) -> Self {
        self.checked = self.is_free_choice && self.view.available && self.view.name == selected;
        let is_selected = |plan: &PlanChoice| {
            plan.value == selected
                || plan.value.split_once(':').is_some_and(|(plan, _)| plan == selected)
                || (!self.is_free_choice && self.view.name == selected)
        };
        if let Some(at) = self.plans.iter().position(is_selected) {
            self.plans[at].checked = true;
        }
        self
    }
}

/// `/sites/new`
#[derive(Template)]
#[template(path = "sites/order.html")]
pub struct OrderPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Error messages.
    pub problems: Problems,
    /// Whether the person signed up although they had an account.
    pub is_known: bool,
    /// The fields.
    pub order: OrderFields,
}

/// `GET /sites/new`
pub async fn show(
    State(app): State<App>,
    Customer(cx): Customer,
    frame: Frame,
    Query(query): Query<OrderQuery>,
) -> Result<Response, HttpError> {
    if let Some(page) = own_site(&app, &cx, &query.order).await {
        return Ok(ui::see_other(&page));
    }
    let page = build(&app, &cx, frame, &query.order, Problems::default()).await?;
    Ok(ui::ok(&OrderPage { is_known: !query.known.is_empty(), ..page }))
}

/// Where somebody goes who has ordered: to the job that creates the site, or to where they pay.
pub fn page_of(placed: &Placed) -> String {
    match placed {
        Placed::Site(ordered) => format!("/jobs/{}", ordered.job),
        // That page leads on to the provider's: a form may lead to no other site.
        Placed::Checkout(checkout) => format!("/billing/orders/{}?pay=1", checkout.id),
    }
}

/// The page of the customer's site that this form has ordered before: it was sent twice, or its answer was lost.
async fn own_site(app: &App, cx: &RequestContext, form: &OrderForm) -> Option<String> {
    if form.subdomain.is_empty() {
        return None;
    }
    let site = app.control.sites.find(cx, &form.subdomain).await.ok()?;
    (site.title == form.title).then(|| site.job.map_or(format!("/sites/{}", site.id), |job| format!("/jobs/{job}")))
}

/// `POST /sites/new`
pub async fn submit(
    State(app): State<App>,
    Customer(cx): Customer,
    frame: Frame,
    Resubmission(is_stale): Resubmission,
    Form(form): Form<OrderForm>,
) -> Result<Response, HttpError> {
    if is_stale {
        return page(&app, &cx, frame, &form, Resubmission::form_errors()).await;
    }
    let form_errors = match app.control.billing.order(&cx, OrderSite::from(&form), None).await {
        Ok(placed) => return Ok(ui::see_other(&page_of(&placed))),
        Err(error) => FormErrors::try_from(error)?,
    };
    if let Some(page) = own_site(&app, &cx, &form).await {
        return Ok(ui::see_other(&page));
    }
    page(&app, &cx, frame, &form, form_errors).await
}

async fn page(
    app: &App,
    cx: &RequestContext,
    frame: Frame,
    form: &OrderForm,
    form_errors: FormErrors,
) -> Result<Response, HttpError> {
    let response = form_errors.response();
    Ok(response.page(&build(app, cx, frame, form, form_errors.problems).await?))
}

async fn build(
    app: &App,
    cx: &RequestContext,
    frame: Frame,
    form: &OrderForm,
    problems: Problems,
) -> Result<OrderPage, HttpError> {
    let offer = Offer::to_customers(app, cx, form).await?;
    let order = OrderFields::new(form, offer, app.control.settings(), &problems);
    Ok(OrderPage { frame, problems, is_known: false, order })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(typed: &str) -> Vec<String> {
        let view = |(name, available): (&str, bool)| BlueprintView {
            name: name.into(),
            title: name.into(),
            description: String::new(),
            notices: Vec::new(),
            available,
        };
        let blueprints = [("magento", false), ("woocommerce", true), ("ebuilder", true)].map(view);
        let form = OrderForm { blueprint: typed.into(), ..OrderForm::default() };
        let offer = Offer { blueprints: blueprints.into(), plans: Vec::new(), plans_are_optional: false };
        let fields = OrderFields::with_base_domain("stoa.test", &form, offer, &Problems::default());
        fields.choices.into_iter().filter(|c| c.checked).map(|c| c.view.name).collect()
    }

    #[test]
    fn the_first_available_blueprint_is_preselected() {
        assert_eq!(chosen(""), ["woocommerce"]);
    }

    #[test]
    fn the_selection_is_kept_unless_it_is_unavailable() {
        assert_eq!(chosen("ebuilder"), ["ebuilder"]);
        assert_eq!(chosen("magento"), [""; 0]);
    }
}
