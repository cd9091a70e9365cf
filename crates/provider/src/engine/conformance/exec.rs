//! Programs run inside services.

use std::time::Duration;

use tokio::time;

use super::{Case, command, named};
use crate::engine::{EngineError, Exec};

pub(super) async fn programs(case: &Case) {
    let (engine, stack, web) = (&case.engine, case.stack(&["web"]), named("web"));
    engine.apply(&stack, case.fixture.ground.job()).await.expect("made");
    let run = |exec: Exec| engine.exec(&stack.project, &web, exec);

    let echoed = run(command(&["/bin/cat"], Some("in and out\n"))).await.expect("cat runs");
    assert_eq!((echoed.code, &*echoed.stdout, &*echoed.stderr), (0, "in and out\n", ""));
    let empty = run(command(&["/bin/cat"], None)).await.expect("without an input it reads nothing");
    assert_eq!((empty.code, &*empty.stdout), (0, ""));

    let mixed = run(command(&["/bin/sh", "-c", "echo out; echo oops >&2; exit 3"], None)).await.expect("sh runs");
    assert_eq!((mixed.code, &*mixed.stdout, &*mixed.stderr), (3, "out\n", "oops\n"));

    let long = "x".repeat(200_000);
    let cut = run(command(&["/bin/cat"], Some(&long))).await.expect("a long input passes");
    assert_eq!((cut.code, cut.stdout.len()), (0, 64 << 10), "the output is cut, the program is not blocked");

    let none = run(command(&["/no/such/program"], None)).await.expect("an answer like a shell's");
    assert!(matches!(none.code, 126 | 127), "{none:?}");

    if case.fixture.real {
        let user = Exec { user: Some("1234:56".into()), ..command(&["/bin/busybox", "id"], None) };
        let id = run(user).await.expect("another user");
        assert!(id.stdout.starts_with("uid=1234 gid=56"), "{id:?}");
        let ignored = run(command(&["/bin/busybox", "true"], Some(&long))).await.expect("an input nobody reads");
        assert_eq!(ignored.code, 0);
    }
    let nobody = engine.exec(&stack.project, &named("nobody"), command(&["/bin/cat"], None)).await;
    assert!(matches!(nobody, Err(EngineError::NotFound { .. })), "{nobody:?}");
    engine.stop(&stack.project).await.expect("stopped");
    let stopped = engine.exec(&stack.project, &web, command(&["/bin/cat"], None)).await;
    assert!(matches!(stopped, Err(EngineError::Refused { .. })), "{stopped:?}");
}

pub(super) async fn deadline(case: &Case) {
    let (engine, stack, web) = (&case.engine, case.stack(&["web"]), named("web"));
    engine.apply(&stack, case.fixture.ground.job()).await.expect("made");
    let slow = Exec { deadline: Duration::from_millis(500), ..command(&["/bin/sleep", "3600"], None) };
    // Far longer than the deadline, for machines that are busy, and far shorter than the program.
    let answer = time::timeout(Duration::from_secs(120), engine.exec(&stack.project, &web, slow)).await;
    let answer = answer.expect("the deadline holds");
    assert!(matches!(answer, Err(EngineError::Timeout { .. })), "{answer:?}");
    let after = engine.exec(&stack.project, &web, command(&["/bin/cat"], Some("on"))).await.expect("the next runs");
    assert_eq!(after.stdout, "on");
}
