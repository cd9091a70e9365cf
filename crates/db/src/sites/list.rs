//! Sites as screens list them.

use sea_orm::{
    ColumnTrait, Condition, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
    sea_query::{Asterisk, Expr, ExprTrait, Func},
};
use stoa_model::{
    id::CustomerId,
    site::{Lifecycle, Site},
    status::StatusGroup,
};

use super::read;
use crate::{
    Conn, DbError,
    codec::Row,
    entity::{customers, hostnames, sites},
    listing::{Window, mentions, needle},
};

/// Column of a site's [`StatusGroup`], which the database computes; NULL for tombstones.
const STATUS_GROUP: &str = "status_group";

/// Which sites a list shows; all but tombstones by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SiteFilter {
    /// Only this customer's.
    pub customer: Option<CustomerId>,
    /// Only those with a status of this group.
    pub group: Option<StatusGroup>,
    /// Only those of this blueprint.
    pub blueprint: Option<String>,
    /// Only those with this text in their title, one of their names, or their customer's name or e-mail address.
    pub text: Option<String>,
}

/// The order of a list of sites.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SiteSort {
    /// The newest first.
    #[default]
    Newest,
    /// The oldest first.
    Oldest,
    /// By title.
    Title,
}

/// A part of the filtered list.
pub async fn sites_listed(
    c: &impl Conn,
    filter: &SiteFilter,
    sort: SiteSort,
    window: Window,
) -> Result<Vec<Site>, DbError> {
    // By state, not by group, so that no planner takes the index of groups and then sorts all sites by id.
    let found = filtered(filter).filter(sites::Column::State.ne(Lifecycle::Deleted.as_str()));
    let sorted = match sort {
        SiteSort::Newest => found.order_by_desc(sites::Column::Id),
        SiteSort::Oldest => found.order_by_asc(sites::Column::Id),
        SiteSort::Title => found.order_by(sites::Column::Title, Order::Asc).order_by_asc(sites::Column::Id),
    };
    read(sorted.offset(window.offset).limit(window.limit).all(c.raw()).await?)
}

/// How many sites the filter finds in each group; groups without sites are left out.
pub async fn sites_by_group(c: &impl Conn, filter: &SiteFilter) -> Result<Vec<(StatusGroup, u64)>, DbError> {
    let counted = filtered(filter)
        .select_only()
        .expr(Expr::col(STATUS_GROUP))
        .expr_as(Func::count(Expr::col(Asterisk)), "n")
        .filter(Expr::col(STATUS_GROUP).is_not_null())
        .group_by(Expr::col(STATUS_GROUP));
    let rows: Vec<(String, i64)> = counted.into_tuple().all(c.raw()).await?;
    let read = Row { table: "sites", id: &"(counts)" };
    rows.into_iter().map(|(group, n)| Ok((read.parse(&group)?, read.number(n)?))).collect()
}

/// How many sites each of these customers has, without tombstones; customers without sites are left out.
pub async fn sites_per_customer(c: &impl Conn, customers: &[CustomerId]) -> Result<Vec<(CustomerId, u64)>, DbError> {
    let counted = sites::Entity::find()
        .select_only()
        .column(sites::Column::Customer)
        .column_as(sites::Column::Id.count(), "n")
        .filter(sites::Column::Customer.is_in(customers.iter().map(|customer| customer.uuid())))
        .filter(sites::Column::State.ne(Lifecycle::Deleted.as_str()))
        .group_by(sites::Column::Customer);
    let rows: Vec<(uuid::Uuid, i64)> = counted.into_tuple().all(c.raw()).await?;
    let read = Row { table: "sites", id: &"(counts)" };
    rows.into_iter().map(|(customer, n)| Ok((CustomerId::from_uuid(customer), read.number(n)?))).collect()
}

/// What the filter finds, and tombstones unless it names a group.
fn filtered(filter: &SiteFilter) -> Select<sites::Entity> {
    let mut found = sites::Entity::find();
    if let Some(group) = filter.group {
        found = found.filter(Expr::col(STATUS_GROUP).eq(group.as_str()));
    }
    if let Some(customer) = filter.customer {
        found = found.filter(sites::Column::Customer.eq(customer.uuid()));
    }
    if let Some(blueprint) = &filter.blueprint {
        found = found.filter(sites::Column::Blueprint.eq(blueprint));
    }
    if let Some(text) = needle(filter.text.as_deref()) {
        found = found.filter(mentioned(&text));
    }
    found
}

fn mentioned(text: &str) -> Condition {
    let customers = customers::Entity::find()
        .select_only()
        .column(customers::Column::Id)
        .filter(
            Condition::any()
                .add(mentions(customers::Column::Email, text))
                .add(mentions(customers::Column::Company, text)),
        )
        .into_query();
    let names = hostnames::Entity::find()
        .select_only()
        .column(hostnames::Column::Site)
        .filter(mentions(hostnames::Column::Hostname, text))
        .into_query();
    Condition::any()
        .add(mentions(sites::Column::Title, text))
        .add(sites::Column::Id.in_subquery(names))
        .add(sites::Column::Customer.in_subquery(customers))
}
