//! What can be ordered: addresses and blueprints.

use crate::Sites;
use crate::order::{RESERVED, resting_message};
use stoa_db::{
    billing::checkouts::checkout_of_hostname, domains::resting_names::resting_name, sites, sites::revisions::Images,
};
use stoa_model::{blueprint::Kind, host::Subdomain, image::ImageRef};
use stoa_provider::engine::{EngineError, ImageInfo};

use crate::{
    blueprints::Loaded,
    view::{AddressCheck, BlueprintView, NextStepView},
};
use stoa_core::{RequestContext, Result};

impl Sites {
    /// Whether an address can be had, as somebody types it.
    ///
    /// # Errors
    /// If the database does not answer; a bad address is an answer, no error.
    pub async fn check_address(&self, cx: &RequestContext, text: &str) -> Result<AddressCheck> {
        let refuse = |message: String| AddressCheck {
            subdomain: text.trim().to_lowercase(),
            hostname: None,
            available: false,
            message,
        };
        let subdomain = match Subdomain::parse(text) {
            Ok(subdomain) => subdomain,
            Err(invalid) => return Ok(refuse(invalid.message)),
        };
        let hostname = match subdomain.under(&self.core.settings.base_domain) {
            Ok(hostname) => hostname,
            Err(invalid) => return Ok(refuse(invalid.message)),
        };
        if let Some(rest) = resting_name(&self.core.db, &hostname, cx.now).await?
            && cx.actor.customer() != Some(rest.customer)
        {
            return Ok(refuse(resting_message(rest.until)));
        }
        if checkout_of_hostname(&self.core.db, &hostname)
            .await?
            .is_some_and(|other| other.customer.is_none() || other.customer != cx.actor.customer())
        {
            return Ok(refuse(RESERVED.to_owned()));
        }
        let taken = sites::hostname_taken(&self.core.db, &hostname).await?;
        let message = if taken { "This address is taken. Please choose another one." } else { "This address is free." };
        Ok(AddressCheck {
            subdomain: subdomain.to_string(),
            hostname: Some(hostname.to_string()),
            available: !taken,
            message: message.into(),
        })
    }

    /// What sites can be created from, with the plain facts that must be known before.
    ///
    /// # Errors
    /// Never for now; the signature leaves room for plans.
    pub async fn list_blueprints(&self, _: &RequestContext) -> Result<Vec<BlueprintView>> {
        let mut views = Vec::new();
        let mut all: Vec<_> = self.blueprints.iter().collect();
        // Stores first: they are what most people come for.
        all.sort_by_key(|loaded| loaded.blueprint.kind != Kind::Store);
        for loaded in all {
            let missing = self.missing_images(loaded).await;
            views.push(BlueprintView {
                name: loaded.blueprint.name.clone(),
                title: loaded.blueprint.title.clone(),
                description: loaded.blueprint.description.clone(),
                notices: self.notices(loaded).await,
                available: missing.is_ok_and(|missing| missing.is_empty()),
            });
        }
        Ok(views)
    }

    /// Plain facts about the images of a blueprint, for instance that a plugin is absent.
    pub(crate) async fn notices(&self, loaded: &Loaded) -> Vec<String> {
        let mut texts = Vec::new();
        for notice in &loaded.blueprint.notices {
            let Some(spec) = loaded.blueprint.service(&notice.service) else { continue };
            let Some(image) = default_image(loaded, spec) else { continue };
            if let Ok(Some(info)) = self.image(&image).await
                && notice.applies(&info.labels)
            {
                texts.push(notice.message.clone());
            }
        }
        texts
    }

    /// What the owner of a new site does first, as far as its images have what is needed.
    pub(crate) async fn next_steps(&self, loaded: &Loaded) -> Vec<NextStepView> {
        let mut steps = Vec::new();
        for step in &loaded.blueprint.next_steps {
            if let Some((service, label)) = &step.needs {
                let Some(spec) = loaded.blueprint.service(service) else { continue };
                let Some(image) = default_image(loaded, spec) else { continue };
                let Ok(Some(info)) = self.image(&image).await else { continue };
                if info.labels.get(label).is_none_or(|value| value.is_empty() || value == "absent") {
                    continue;
                }
            }
            steps.push(NextStepView { title: step.title.clone(), path: step.path.clone() });
        }
        steps
    }

    /// The content that the images of a blueprint have now; those that are not on the engine are left out.
    pub(crate) async fn current_images(&self, loaded: &Loaded) -> std::result::Result<Images, EngineError> {
        let mut images = Images::new();
        for spec in &loaded.blueprint.services {
            let Some(image) = default_image(loaded, spec) else { continue };
            if let Some(info) = self.image(&image).await? {
                images.insert(spec.name.clone(), info.id);
            }
        }
        Ok(images)
    }

    /// The images of a blueprint that are not on the engine; optional services don't count.
    pub(crate) async fn missing_images(&self, loaded: &Loaded) -> std::result::Result<Vec<String>, EngineError> {
        let mut missing = Vec::new();
        for spec in loaded.blueprint.services.iter().filter(|spec| spec.profiles.is_empty()) {
            let Some(image) = default_image(loaded, spec) else { continue };
            if self.image(&image).await?.is_none() {
                missing.push(image.to_string());
            }
        }
        Ok(missing)
    }

    async fn image(&self, image: &ImageRef) -> std::result::Result<Option<ImageInfo>, EngineError> {
        self.engine_cache.image(&**self.engines.default(), image, self.core.clock.now()).await
    }

    /// Keeps what is known of the engine's machine and images fresh.
    pub async fn reconcile_engine_cache(&self) -> Result<()> {
        let of = |loaded: &Loaded| -> Vec<_> {
            loaded.blueprint.services.iter().filter_map(|spec| default_image(loaded, spec)).collect()
        };
        let images: Vec<_> = self.blueprints.iter().flat_map(|loaded| of(loaded)).collect();
        self.engine_cache
            .look_again(&**self.engines.default(), &images, self.core.clock.now())
            .await
            .map_err(crate::runtime::away)
    }
}

/// The image that a service runs, with the operator's settings and defaults filled in.
fn default_image(loaded: &Loaded, spec: &stoa_model::blueprint::ServiceSpec) -> Option<ImageRef> {
    use stoa_model::blueprint::Origin;
    let defaults = loaded.blueprint.variables().iter().filter_map(|(name, variable)| match &variable.origin {
        Origin::Default(text) => Some((name.clone(), text.clone())),
        Origin::Fact(_) | Origin::Secret(_) => None,
    });
    spec.image.fill(&defaults.collect()).ok()?.parse().ok()
}
