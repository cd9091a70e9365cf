//! One customer, for staff: who they are, their people and sites, and notes about them.

use askama::Template;
use axum::{extract::State, response::Response};
use jiff::Timestamp;
use serde::Deserialize;
use stoa_accounts::view::{NoteView, PersonView};
use stoa_core::{RequestContext, staff_reads::CustomerData, view::PageNumber};
use stoa_model::{
    account::{Actor, Role},
    id::{CustomerId, NoteId},
};
use stoa_sites::view::{SiteFilter, SiteSort};

use super::{
    confirm::{ConfirmedForm, recent_context},
    staff_customers::CustomerLine,
};
use crate::{
    app::App,
    extract::{
        body::{Form, Query},
        id::Id,
        permissions::{Administrator, StaffMember},
    },
    http_error::HttpError,
    pages::sites::list::SiteCard,
    ui::{
        self,
        field::{Field, Problems},
        form_errors::FormErrors,
        frame::Frame,
        time::{self, Moment},
    },
};

/// `/staff/customers/{id}`
#[derive(Template)]
#[template(path = "accounts/staff_customer.html")]
pub struct CustomerPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Error messages.
    pub problems: Problems,
    /// What was done, if something was.
    pub done: Option<&'static str>,
    /// The customer.
    pub customer: CustomerLine,
    /// The members of their organization.
    pub people: Vec<PersonView>,
    /// The newest of their sites.
    pub sites: Vec<SiteCard>,
    /// Notes about them, newest first.
    pub notes: Vec<NoteLine>,
    /// The note that is being written.
    pub note: String,
    /// Why the viewer wants to see the customer's portal.
    pub reason: Field,
    /// Whether the viewer may read the audit log and turn two-step login off.
    pub is_admin: bool,
}

/// A note, as shown.
pub struct NoteLine {
    /// Its id.
    pub id: NoteId,
    /// Who has written it.
    pub author: String,
    /// The note.
    pub text: String,
    /// When.
    pub written: Moment,
    /// Whether the viewer may delete it.
    pub is_removable: bool,
}

impl NoteLine {
    fn new(note: NoteView, now: Timestamp) -> Self {
        let NoteView { id, author, text, created_at, is_removable } = note;
        let author = author.unwrap_or_else(|| "Former staff".to_owned());
        Self { id, author, text, written: time::moment(created_at, now), is_removable }
    }
}

/// Query of the page.
#[derive(Deserialize)]
pub struct CustomerQuery {
    #[serde(default)]
    done: String,
}

/// Input of the form that adds a note.
#[derive(Deserialize, Default)]
pub struct NoteForm {
    #[serde(default)]
    note: String,
}

/// `GET /staff/customers/{id}`
pub async fn show(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    Id(id): Id<CustomerId>,
    frame: Frame,
    Query(query): Query<CustomerQuery>,
) -> Result<Response, HttpError> {
    let done = match query.done.as_str() {
        "second-factor" => Some(
            "Two-step login was turned off and passkeys were removed. They were told by e-mail, and their sessions were ended.",
        ),
        "note" => Some("The note was added."),
        "view-ended" => Some("The view has ended, and you are back on the staff side."),
        "note-deleted" => Some("The note was deleted."),
        _ => None,
    };
    let page = build(&app, &cx, id, frame, Problems::default()).await?;
    Ok(ui::ok(&CustomerPage { done, ..page }))
}

/// `POST /staff/customers/{id}/second-factor/reset`: of the person who has founded this organization.
pub async fn reset_second_factor(
    State(app): State<App>,
    Administrator(cx): Administrator,
    Id(id): Id<CustomerId>,
    frame: Frame,
    Form(form): Form<ConfirmedForm>,
) -> Result<Response, HttpError> {
    let action = format!("/staff/customers/{id}/second-factor/reset");
    let cx = match recent_context(&app, cx, &frame, (&action, Vec::new()), &form.confirm_password).await? {
        Ok(cx) => cx,
        Err(page) => return Ok(page),
    };
    let outcome = app.control.accounts.reset_second_factor(&cx, Actor::Customer(id)).await;
    finish(&app, &cx, id, frame, String::new(), outcome, "second-factor").await
}

/// `POST /staff/customers/{id}/notes`
pub async fn add_note(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    Id(id): Id<CustomerId>,
    frame: Frame,
    Form(form): Form<NoteForm>,
) -> Result<Response, HttpError> {
    let outcome = app.control.accounts.add_note(&cx, id, &form.note).await.map(drop);
    finish(&app, &cx, id, frame, form.note, outcome, "note").await
}

/// `POST /staff/notes/{id}/delete`
pub async fn delete_note(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    Id(id): Id<NoteId>,
) -> Result<Response, HttpError> {
    let customer = app.control.accounts.delete_note(&cx, id).await?;
    Ok(ui::see_other(&format!("/staff/customers/{customer}?done=note-deleted#notes-title")))
}

/// The page again, after the customer's portal could not be viewed.
pub(super) async fn show_error(
    app: &App,
    cx: &RequestContext,
    id: CustomerId,
    frame: Frame,
    reason: &str,
    error: stoa_core::Error,
) -> Result<Response, HttpError> {
    let form_errors = FormErrors::try_from(error)?;
    let page = build(app, cx, id, frame, form_errors.problems.clone()).await?;
    let reason = reason_field(reason, &form_errors.problems);
    Ok(form_errors.response().page(&CustomerPage { reason, ..page }))
}

fn reason_field(typed: &str, problems: &Problems) -> Field {
    Field::text("reason", "Reason", typed).hint("Such as a ticket number. It is kept in the audit log.").with(problems)
}

/// Back to the page, or the page again with what is wrong.
async fn finish(
    app: &App,
    cx: &RequestContext,
    id: CustomerId,
    frame: Frame,
    note: String,
    outcome: stoa_core::Result<()>,
    done: &str,
) -> Result<Response, HttpError> {
    match outcome {
        Ok(()) => Ok(ui::see_other(&format!("/staff/customers/{id}?done={done}"))),
        Err(error) => {
            let form_errors = FormErrors::try_from(error)?;
            let response = form_errors.response();
            let page = build(app, cx, id, frame, form_errors.problems).await?;
            Ok(response.page(&CustomerPage { note, ..page }))
        }
    }
}

async fn build(
    app: &App,
    cx: &RequestContext,
    id: CustomerId,
    frame: Frame,
    problems: Problems,
) -> Result<CustomerPage, HttpError> {
    let accounts = &app.control.accounts;
    let customer = accounts.get_customer(cx, id).await?;
    app.control.core.audit_staff_read(cx, id, CustomerData::Profile).await?;
    let filter = SiteFilter { customer: Some(id), ..SiteFilter::default() };
    let found = app.control.sites.search(cx, filter, SiteSort::Newest, PageNumber::default()).await?;
    let sites = found.sites.items.into_iter().map(|site| SiteCard::new(site, cx.now)).collect();
    let notes = accounts.list_notes(cx, id).await?;
    Ok(CustomerPage {
        frame,
        reason: reason_field("", &problems),
        problems,
        done: None,
        customer: CustomerLine::new(customer, found.all, cx.now),
        people: accounts.list_people(cx, id).await?,
        sites,
        notes: notes.into_iter().map(|note| NoteLine::new(note, cx.now)).collect(),
        note: String::new(),
        is_admin: cx.actor.has_role(Role::Admin),
    })
}
