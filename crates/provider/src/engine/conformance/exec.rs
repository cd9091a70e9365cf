//! Small programs run inside services.

use std::time::Duration;

use tokio::time;

use super::{Case, named, program};
use crate::engine::{EngineError, Program, run_program};

pub(super) async fn programs(case: &Case) {
    let (engine, deployment) = (&case.engine, case.deployment(&["web"]));
    let project = &deployment.stack.project;
    engine.deploy(&deployment).await.expect("deployed");
    let run = |program: Program| case.run(&deployment, "web", program);

    let echoed = run(program(&["/bin/cat"], Some("in and out\n"))).await.expect("cat runs");
    assert_eq!((echoed.code, &*echoed.stdout, &*echoed.stderr), (0, "in and out\n", ""));
    let empty = run(program(&["/bin/cat"], None)).await.expect("without an input it reads nothing");
    assert_eq!((empty.code, &*empty.stdout), (0, ""));

    let mixed = run(program(&["/bin/sh", "-c", "echo out; echo oops >&2; exit 3"], None)).await.expect("sh runs");
    assert_eq!((mixed.code, &*mixed.stdout, &*mixed.stderr), (3, "out\n", "oops\n"));

    let long = "x".repeat(200_000);
    let cut = run(program(&["/bin/cat"], Some(&long))).await.expect("a long input passes");
    assert_eq!((cut.code, cut.stdout.len()), (0, 64 << 10), "the output is cut, the program is not blocked");

    let none = run(program(&["/no/such/program"], None)).await.expect("an answer like a shell's");
    assert!(matches!(none.code, 126 | 127), "{none:?}");

    if case.fixture.is_real {
        let user = Program { user: Some("1234:56".into()), ..program(&["/bin/busybox", "id"], None) };
        let id = run(user).await.expect("another user");
        assert!(id.stdout.starts_with("uid=1234 gid=56"), "{id:?}");
        let ignored = run(program(&["/bin/busybox", "true"], Some(&long))).await.expect("an input nobody reads");
        assert_eq!(ignored.code, 0);
    }
    let nobody = run_program(&**engine, project, &named("nobody"), program(&["/bin/cat"], None)).await;
    assert!(matches!(nobody, Err(EngineError::NotFound { .. })), "{nobody:?}");
    engine.stop(project).await.expect("stopped");
    let stopped = run(program(&["/bin/cat"], None)).await;
    assert!(matches!(stopped, Err(EngineError::Refused { .. })), "{stopped:?}");
}

pub(super) async fn deadline(case: &Case) {
    let deployment = case.deployment(&["web"]);
    case.engine.deploy(&deployment).await.expect("deployed");
    let slow = Program { deadline: Duration::from_millis(500), ..program(&["/bin/sleep", "3600"], None) };
    // Far longer than the deadline, for machines that are busy, and far shorter than the program.
    let answer = time::timeout(Duration::from_secs(120), case.run(&deployment, "web", slow)).await;
    let answer = answer.expect("the deadline holds");
    assert!(matches!(answer, Err(EngineError::Timeout { .. })), "{answer:?}");
    let after = case.run(&deployment, "web", program(&["/bin/cat"], Some("on"))).await.expect("the next runs");
    assert_eq!(after.stdout, "on");
}
