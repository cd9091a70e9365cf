//! Sites as lists and pages show them. A customer sees their own; staff see all; a foreign site is
//! not there.

use crate::Sites;
use std::collections::HashMap;
use stoa_core::permissions::readable_site;

use stoa_db::{
    Page, accounts, jobs,
    sites::{
        self,
        list::{SiteFilter, SiteSort},
    },
};
use stoa_model::{
    account::{Actor, Customer, Role},
    blueprint::HookName,
    host::Hostname,
    id::{CustomerId, JobId, SiteId},
    site::{Site, SiteState},
    status::{SiteStatus, StatusGroup},
};

use crate::view::{OwnerView, SiteAction, SiteListing, SiteView};
use stoa_core::{
    Error, RequestContext, Result,
    view::{Listing, PageNumber, Paged},
};

impl Sites {
    /// One page of sites, newest first: a customer's own, or all for staff.
    ///
    /// # Errors
    /// For nobody; if the database does not answer.
    pub async fn list(&self, cx: &RequestContext, before: Option<SiteId>, limit: u32) -> Result<Paged<SiteView>> {
        let limit = u64::from(limit.clamp(1, 100));
        let page = Page { limit: limit + 1, before };
        let found = match cx.actor {
            Actor::Customer(id) => sites::sites_of(&self.core.db, id, page).await?,
            Actor::Nobody | Actor::Staff(..) | Actor::System => {
                cx.require(Role::Support)?;
                sites::sites_all(&self.core.db, page).await?
            }
        };
        let Paged { items: found, next } = Paged::of(found, limit, |site| site.id.to_string());
        Ok(Paged { items: self.site_views(cx, &found).await?, next })
    }

    /// Sites as a screen lists them: a customer's own, or those of all for staff.
    ///
    /// # Errors
    /// For nobody; if the database does not answer.
    pub async fn search(
        &self,
        cx: &RequestContext,
        filter: SiteFilter,
        sort: SiteSort,
        page: PageNumber,
    ) -> Result<SiteListing> {
        let filter = match cx.actor {
            Actor::Customer(id) => SiteFilter { customer: Some(id), ..filter },
            Actor::Nobody | Actor::Staff(..) | Actor::System => {
                cx.require(Role::Support)?;
                filter
            }
        };
        let of_all_groups = SiteFilter { group: None, ..filter.clone() };
        let groups = sites::list::sites_by_group(&self.core.db, &of_all_groups).await?;
        let counted = |group: StatusGroup| groups.iter().find(|(of, _)| *of == group).map_or(0, |(_, n)| *n);
        let all = groups.iter().map(|(_, n)| n).sum();
        let found = sites::list::sites_listed(&self.core.db, &filter, sort, page.window()).await?;
        let sites =
            Listing { items: self.site_views(cx, &found).await?, total: filter.group.map_or(all, counted), page };
        Ok(SiteListing { sites, groups, all })
    }

    /// How many sites are in which group, for staff; groups without sites are left out.
    ///
    /// # Errors
    /// Below the role support; if the database does not answer.
    pub async fn groups(&self, cx: &RequestContext) -> Result<Vec<(StatusGroup, u64)>> {
        cx.require(Role::Support)?;
        Ok(sites::list::sites_by_group(&self.core.db, &SiteFilter::default()).await?)
    }

    /// How many sites each of these customers has, for staff.
    ///
    /// # Errors
    /// Below the role support; if the database does not answer.
    pub async fn count_per_customer(
        &self,
        cx: &RequestContext,
        customers: &[CustomerId],
    ) -> Result<HashMap<CustomerId, u64>> {
        cx.require(Role::Support)?;
        Ok(sites::list::sites_per_customer(&self.core.db, customers).await?.into_iter().collect())
    }

    async fn site_views(&self, cx: &RequestContext, found: &[Site]) -> Result<Vec<SiteView>> {
        let ids: Vec<_> = found.iter().map(|site| site.id).collect();
        let busy = jobs::jobs_active_of(&self.core.db, &ids).await?;
        let owners = self.owners(cx, found).await?;
        let mut views = Vec::with_capacity(found.len());
        for site in found {
            views.push(self.site_view_with(cx, site, &owners, busy.get(&site.id).copied()).await);
        }
        Ok(views)
    }

    /// Sites by their ids, in that order, for staff; those that are gone are left out.
    ///
    /// # Errors
    /// Below the role support; if the database does not answer.
    pub async fn get_many(&self, cx: &RequestContext, ids: &[SiteId]) -> Result<Vec<SiteView>> {
        cx.require(Role::Support)?;
        let mut known = sites::sites_by_ids(&self.core.db, ids).await?;
        let found = ids.iter().filter_map(|id| known.remove(id)).filter(|site| site.state() != SiteState::Deleted);
        self.site_views(cx, &found.collect::<Vec<_>>()).await
    }

    /// One site.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a foreign one too.
    pub async fn get(&self, cx: &RequestContext, id: SiteId) -> Result<SiteView> {
        let site = readable_site(&self.core.db, cx, id).await?;
        self.site_view(cx, &site).await
    }

    /// One site by its hostname, its subdomain or its id.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a foreign one too.
    pub async fn find(&self, cx: &RequestContext, name: &str) -> Result<SiteView> {
        if let Ok(id) = name.parse() {
            return self.get(cx, id).await;
        }
        let missing = || Error::NotFound("site");
        let full =
            if name.contains('.') { name.to_owned() } else { format!("{name}.{}", self.core.settings.base_domain) };
        let hostname = Hostname::parse_typed(&full).map_err(|_| missing())?;
        let site = sites::site_by_hostname(&self.core.db, &hostname).await?.ok_or_else(missing)?;
        self.get(cx, site.id).await
    }

    /// How many sites are in which state: the customer's own, or all for staff.
    ///
    /// # Errors
    /// For nobody; if the database does not answer.
    pub async fn counts(&self, cx: &RequestContext) -> Result<Vec<(SiteState, u64)>> {
        if cx.actor.customer().is_none() {
            cx.require(Role::Support)?;
        }
        Ok(sites::site_counts(&self.core.db, cx.actor.customer()).await?)
    }

    async fn site_view(&self, cx: &RequestContext, site: &Site) -> Result<SiteView> {
        let job = jobs::job_active(&self.core.db, site.id).await?.map(|job| job.id);
        let owners = self.owners(cx, std::slice::from_ref(site)).await?;
        Ok(self.site_view_with(cx, site, &owners, job).await)
    }

    /// The owners of these sites, in one query; customers only see sites of their own.
    async fn owners(&self, cx: &RequestContext, sites: &[Site]) -> Result<HashMap<CustomerId, Customer>> {
        if !cx.actor.has_role(Role::Support) {
            return Ok(HashMap::new());
        }
        let ids: Vec<_> = sites.iter().map(|site| site.customer).collect();
        Ok(accounts::customers_of(&self.core.db, &ids).await?)
    }

    async fn site_view_with(
        &self,
        cx: &RequestContext,
        site: &Site,
        owners: &HashMap<CustomerId, Customer>,
        job: Option<JobId>,
    ) -> SiteView {
        let blueprint = self.pinned(site).await.ok();
        let notices = match &blueprint {
            Some(loaded) => self.notices(loaded).await,
            None => Vec::new(),
        };
        let may = cx.actor.customer().is_some() || cx.actor.has_role(Role::Admin);
        let can_log_in = blueprint.as_ref().is_some_and(|loaded| loaded.blueprint.hook(HookName::Login).is_some());
        SiteView {
            id: site.id,
            customer: site.customer,
            owner: owners.get(&site.customer).map(owner),
            blueprint: site.blueprint.clone(),
            blueprint_title: blueprint.as_ref().map_or(&site.blueprint, |loaded| &loaded.blueprint.title).clone(),
            title: site.title.to_string(),
            hostname: site.hostname.to_string(),
            url: self.core.settings.application_url(site),
            status: SiteStatus::of(site.state(), site.health),
            state: site.state(),
            suspensions: site.suspensions.clone(),
            reason: site.reason.clone(),
            health: site.health,
            health_at: site.health_at,
            admin_user: site.admin_user.to_string(),
            created_at: site.created_at,
            purge_at: site.purge_at,
            notices,
            job,
            actions: if may {
                actions(cx.actor.has_role(Role::Admin), site.state(), job.is_some(), can_log_in)
            } else {
                Vec::new()
            },
        }
    }
}

fn owner(customer: &Customer) -> OwnerView {
    OwnerView { company: customer.company.to_string(), email: customer.email.to_string() }
}

/// What may be done with a site now.
fn actions(is_staff: bool, state: SiteState, busy: bool, can_log_in: bool) -> Vec<SiteAction> {
    use SiteAction::{Delete, LogIn, Restart, Resume, Retry, Start, Stop, Suspend, Undelete};
    if busy {
        return Vec::new();
    }
    let mut actions = match state {
        SiteState::Active => vec![Restart, Stop, Delete],
        SiteState::Stopped => vec![Start, Delete],
        SiteState::Failed | SiteState::Cancelled => vec![Retry, Delete],
        SiteState::Suspended | SiteState::Sleeping => vec![Delete],
        SiteState::Deleting => vec![Undelete],
        SiteState::Pending | SiteState::Provisioning | SiteState::Updating | SiteState::Deleted => vec![],
    };
    if is_staff {
        match state {
            SiteState::Active | SiteState::Stopped | SiteState::Sleeping => actions.push(Suspend),
            SiteState::Suspended => actions.insert(0, Resume),
            _ => {}
        }
    }
    if state == SiteState::Active && can_log_in {
        actions.insert(0, LogIn);
    }
    actions
}
