//! A service without data is replaced while it serves.

use super::{
    Case,
    fixtures::{next_revision, paint},
    named,
};
use crate::engine::{Action, Deployment, Endpoint, Revision};

impl Case {
    fn stateless(&self) -> Deployment {
        self.fixture.fixtures.deployment(&*self.engine, &["db", "front"], &["front"])
    }

    async fn front(&self, deployment: &Deployment, revision: u32) -> Endpoint {
        let (project, placement) = (&deployment.stack.project, &deployment.placement);
        let found = self.engine.endpoint(project, placement, &named("front"), 80, Revision(revision)).await;
        found.expect("an endpoint")
    }

    /// Instances of `front` with their revisions.
    async fn fronts(&self, deployment: &Deployment) -> Vec<(u32, u32)> {
        let seen = self.engine.observe(&deployment.stack.project).await.expect("seen");
        assert!(seen.all_running(), "{seen:?}");
        seen.services.iter().filter(|s| s.service.0 == "front").map(|s| (s.instance, s.revision.0)).collect()
    }

    async fn deploys(&self, deployment: &Deployment, action: Action) {
        let deployed = self.engine.deploy(deployment).await.expect("deployed");
        let front = deployed.changes.iter().find(|change| change.service.0 == "front").expect("its change");
        assert_eq!(front.action, action, "{front:?}");
    }
}

pub(super) async fn both_until_retired(case: &Case) {
    let first = case.stateless();
    case.deploys(&first, Action::Created).await;
    let old = case.front(&first, 1).await;

    let mut second = next_revision(&case.fixture.fixtures, &first);
    paint(&mut second, "front", "blue");
    case.deploys(&second, Action::Replaced).await;
    case.deploys(&second, Action::Unchanged).await;
    assert_eq!(case.fronts(&second).await, [(1, 1), (2, 2)], "both run");
    assert_eq!(case.front(&second, 1).await, old, "the old one serves the old revision");
    let new = case.front(&second, 2).await;
    assert_ne!(new, old);

    case.engine.retire(&second).await.expect("retired");
    assert_eq!(case.fronts(&second).await, [(2, 2)]);
    assert_eq!(case.front(&second, 2).await, new, "the new one has kept its address");

    let mut third = next_revision(&case.fixture.fixtures, &second);
    paint(&mut third, "front", "green");
    case.deploys(&third, Action::Replaced).await;
    assert_eq!(case.fronts(&third).await, [(1, 3), (2, 2)]);
    case.engine.retire(&third).await.expect("retired");
    assert_eq!(case.fronts(&third).await, [(1, 3)]);
    assert_eq!(case.front(&third, 3).await, old, "the first address is used again");
}

pub(super) async fn rolled_back(case: &Case) {
    let first = case.stateless();
    case.deploys(&first, Action::Created).await;
    let mut second = next_revision(&case.fixture.fixtures, &first);
    paint(&mut second, "front", "blue");
    case.deploys(&second, Action::Replaced).await;

    case.deploys(&first, Action::Unchanged).await;
    case.engine.retire(&first).await.expect("the new one is retired");
    assert_eq!(case.fronts(&first).await, [(1, 1)]);

    // A second try that is never retired: the third takes the place of the newest, not of what serves.
    case.deploys(&second, Action::Replaced).await;
    let mut third = next_revision(&case.fixture.fixtures, &second);
    paint(&mut third, "front", "green");
    case.deploys(&third, Action::Replaced).await;
    assert_eq!(case.fronts(&third).await, [(1, 1), (2, 3)]);
}
