//! The text that staff search for in everything there is, as a whole: for an index in memory.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use stoa_model::{
    domain::DomainState,
    id::{CustomerId, DomainId, SiteId},
    site::Lifecycle,
};
use uuid::Uuid;

use crate::{
    Conn, DbError,
    entity::{customers, domains, hostnames, sites},
};

/// What can be found, newest first; each with its texts, a line for each.
#[derive(Debug)]
pub struct SearchTexts {
    /// Sites that are not gone: title, names, and the customer's name and e-mail address.
    pub sites: Vec<(SiteId, String)>,
    /// Customers: name and e-mail address.
    pub customers: Vec<(CustomerId, String)>,
    /// Domains that are not removed: the name.
    pub domains: Vec<(DomainId, String)>,
}

/// All that can be found. Reads whole tables.
pub async fn search_texts(c: &impl Conn) -> Result<SearchTexts, DbError> {
    let found = customers::Entity::find()
        .select_only()
        .columns([customers::Column::Id, customers::Column::Company, customers::Column::Email])
        .order_by_desc(customers::Column::Id);
    let found: Vec<(Uuid, String, String)> = found.into_tuple().all(c.raw()).await?;
    let customers: Vec<_> = found
        .into_iter()
        .map(|(id, company, email)| (CustomerId::from_uuid(id), format!("{company}\n{email}")))
        .collect();
    let owners: HashMap<_, _> = customers.iter().map(|(id, text)| (id.uuid(), text.as_str())).collect();

    let found = hostnames::Entity::find().select_only().columns([hostnames::Column::Site, hostnames::Column::Hostname]);
    let found: Vec<(Uuid, String)> = found.into_tuple().all(c.raw()).await?;
    let mut names: HashMap<_, String> = HashMap::with_capacity(found.len());
    for (site, name) in found {
        let names = names.entry(site).or_default();
        names.push('\n');
        names.push_str(&name);
    }

    let found = sites::Entity::find()
        .select_only()
        .columns([sites::Column::Id, sites::Column::Customer, sites::Column::Title])
        .filter(sites::Column::State.ne(Lifecycle::Deleted.as_str()))
        .order_by_desc(sites::Column::Id);
    let found: Vec<(Uuid, Uuid, String)> = found.into_tuple().all(c.raw()).await?;
    let site = |(id, customer, title): (Uuid, Uuid, String)| {
        let names = names.get(&id).map_or("", String::as_str);
        let owner = owners.get(&customer).copied().unwrap_or_default();
        (SiteId::from_uuid(id), format!("{title}{names}\n{owner}"))
    };
    let sites = found.into_iter().map(site).collect();

    let found = domains::Entity::find()
        .select_only()
        .columns([domains::Column::Id, domains::Column::Name])
        .filter(domains::Column::State.ne(DomainState::Removed.as_str()))
        .order_by_desc(domains::Column::Id);
    let found: Vec<(Uuid, String)> = found.into_tuple().all(c.raw()).await?;
    let domains = found.into_iter().map(|(id, name)| (DomainId::from_uuid(id), name)).collect();
    Ok(SearchTexts { sites, customers, domains })
}
