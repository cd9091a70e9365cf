//! Ordering a store: the fields that registration and `/sites/new` share.

use askama::{Template, filters::HtmlSafe};
use axum::{extract::State, response::Response};
use serde::Deserialize;
use stoa_control::{RequestContext, Settings, command::OrderSite, view::BlueprintView};

use crate::{
    app::App,
    extract::{body::Form, rights::Customer},
    fault::Fault,
    ui::{
        self,
        field::{Field, Problems},
        frame::Frame,
        refusal::Refusal,
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
    open: bool,
}

impl HtmlSafe for OrderFields {}

/// A blueprint to choose.
struct Choice {
    view: BlueprintView,
    checked: bool,
}

/// What was typed.
#[derive(Deserialize, Default, Clone)]
pub struct OrderForm {
    /// Blueprint's name.
    #[serde(default)]
    pub blueprint: String,
    /// Label under the base domain.
    #[serde(default)]
    pub subdomain: String,
    /// Title.
    #[serde(default)]
    pub title: String,
    /// Administrator's login name.
    #[serde(default)]
    pub admin_user: String,
}

impl From<&OrderForm> for OrderSite {
    fn from(form: &OrderForm) -> Self {
        let OrderForm { blueprint, subdomain, title, admin_user } = form.clone();
        Self { blueprint, subdomain, title, admin_user, ..Self::default() }
    }
}

impl OrderFields {
    /// The fields, with what was typed before. The first blueprint that can be had is chosen
    /// beforehand; the service layer lists stores first, which is what most people come for.
    pub fn new(form: &OrderForm, blueprints: Vec<BlueprintView>, settings: &Settings, problems: &Problems) -> Self {
        Self::under(&settings.base_domain.to_string(), form, blueprints, problems)
    }

    /// The same, under a base domain.
    pub fn under(base: &str, form: &OrderForm, blueprints: Vec<BlueprintView>, problems: &Problems) -> Self {
        let first = blueprints.iter().find(|b| b.available).map(|b| b.name.clone());
        let wanted = if form.blueprint.is_empty() { first.unwrap_or_default() } else { form.blueprint.clone() };
        let choose = |view: BlueprintView| Choice { checked: view.available && view.name == wanted, view };
        let subdomain = Field::text("subdomain", "Address", &form.subdomain)
            .hint("3 to 40 letters, digits and hyphens.")
            .suffix(format!(".{base}"))
            .checked("address")
            .with(problems);
        let title = Field::text("title", "Title", &form.title)
            .hint("The name your visitors read. You can change it in the store at any time.")
            .checked("value")
            .with(problems);
        let admin_user = Field::text("admin_user", "Login name of the store's administrator", &form.admin_user)
            .hint("“admin” if you leave it empty. The password is made for you; you find it on the store's page.")
            .optional()
            .checked("value")
            .with(problems);
        let open = problems.of("admin_user").is_some() || !form.admin_user.is_empty();
        let problem = problems.of("blueprint").map(str::to_owned);
        Self { choices: blueprints.into_iter().map(choose).collect(), problem, subdomain, title, admin_user, open }
    }
}

/// `/sites/new`
#[derive(Template)]
#[template(path = "sites/order.html")]
pub struct OrderPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What is wrong.
    pub problems: Problems,
    /// The fields.
    pub order: OrderFields,
}

/// `GET /sites/new`
pub async fn show(State(app): State<App>, Customer(cx): Customer, frame: Frame) -> Result<Response, Fault> {
    page(&app, &cx, frame, &OrderForm::default(), Refusal::default()).await
}

/// `POST /sites/new`
pub async fn submit(
    State(app): State<App>,
    Customer(cx): Customer,
    frame: Frame,
    Form(form): Form<OrderForm>,
) -> Result<Response, Fault> {
    let refusal = match app.control.site_order(&cx, OrderSite::from(&form), None).await {
        Ok(ordered) => return Ok(ui::see_other(&format!("/jobs/{}", ordered.job))),
        Err(error) => Refusal::of(error)?,
    };
    page(&app, &cx, frame, &form, refusal).await
}

async fn page(
    app: &App,
    cx: &RequestContext,
    frame: Frame,
    form: &OrderForm,
    refusal: Refusal,
) -> Result<Response, Fault> {
    let blueprints = app.control.blueprints(cx).await?;
    let order = OrderFields::new(form, blueprints, app.control.settings(), &refusal.problems);
    Ok(refusal.reply().page(&OrderPage { frame, problems: refusal.problems, order }))
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
        let fields = OrderFields::under("stoa.test", &form, blueprints.into(), &Problems::default());
        fields.choices.into_iter().filter(|c| c.checked).map(|c| c.view.name).collect()
    }

    #[test]
    fn the_first_blueprint_that_can_be_had_is_chosen_beforehand() {
        assert_eq!(chosen(""), ["woocommerce"]);
    }

    #[test]
    fn what_was_chosen_stays_chosen_and_what_cannot_be_had_is_not() {
        assert_eq!(chosen("ebuilder"), ["ebuilder"]);
        assert_eq!(chosen("magento"), [""; 0]);
    }
}
