//! All staff accounts, for staff. Only super admins may add one.

use askama::Template;
use axum::{extract::State, response::Response};
use jiff::Timestamp;
use stoa_accounts::view::StaffView;
use stoa_core::RequestContext;
use stoa_model::{
    account::{Actor, Role, StaffState},
    id::StaffId,
};

use crate::{
    app::App,
    extract::{body::Query, permissions::StaffMember},
    http_error::HttpError,
    ui::{
        self,
        frame::Frame,
        time::{self, Moment},
    },
};

/// `/staff/people`
#[derive(Template)]
#[template(path = "accounts/staff_accounts.html")]
pub struct StaffAccountsPage {
    /// Layout of the page.
    pub frame: Frame,
    /// What was done, if something was.
    pub done: Option<&'static str>,
    /// All accounts.
    pub accounts: Vec<StaffLine>,
    /// Whether the viewer may add one.
    pub may_manage: bool,
    /// Whether staff must use two-step login.
    pub requires_second_factor: bool,
}

/// A staff account, as shown.
pub struct StaffLine {
    /// Its id.
    pub id: StaffId,
    /// Name of the person, or their address.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// What they may do.
    pub role: Role,
    /// Whether they can log in.
    pub state: StaffState,
    /// Until when their temporary password works.
    pub temporary_until: Option<String>,
    /// How they log in besides the password; `None` without more.
    pub second_factor: Option<&'static str>,
    /// When they last logged in.
    pub last_login: Option<Moment>,
    /// When the account was created.
    pub created: Moment,
    /// Whether it is the viewer's own.
    pub is_self: bool,
}

impl StaffLine {
    /// An account, seen by whoever asks.
    pub fn new(account: &StaffView, cx: &RequestContext) -> Self {
        let moment = |at: Timestamp| time::moment(at, cx.now);
        Self {
            id: account.id,
            name: account.display_name().to_owned(),
            email: account.email.clone(),
            role: account.role,
            state: account.state,
            temporary_until: account.password_expires_at.map(time::day),
            second_factor: second_factor(account),
            last_login: account.last_login_at.map(moment),
            created: moment(account.created_at),
            is_self: matches!(cx.actor, Actor::Staff(id, _) if id == account.id),
        }
    }
}

const fn second_factor(account: &StaffView) -> Option<&'static str> {
    match (account.has_totp, account.has_passkey) {
        (true, true) => Some("App and passkey"),
        (true, false) => Some("App"),
        (false, true) => Some("Passkey"),
        (false, false) => None,
    }
}

/// Query of the page.
#[derive(serde::Deserialize)]
pub struct StaffQuery {
    #[serde(default)]
    done: String,
}

/// `GET /staff/people`
pub async fn show(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    frame: Frame,
    Query(query): Query<StaffQuery>,
) -> Result<Response, HttpError> {
    let done = (query.done == "deleted").then_some("The account was deleted. History keeps the name.");
    let found = app.control.accounts.list_staff(&cx).await?;
    let accounts = found.iter().map(|account| StaffLine::new(account, &cx)).collect();
    let (may_manage, settings) = (cx.actor.has_role(Role::SuperAdmin), app.control.settings());
    let requires_second_factor = settings.staff_second_factor;
    Ok(ui::ok(&StaffAccountsPage { frame, done, accounts, may_manage, requires_second_factor }))
}
