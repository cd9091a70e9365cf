//! Images built from a context.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use stoa_model::{
    image::ImageRef,
    limits::{Bytes, Limits, MilliCpu},
};

use super::{Case, assert_unsupported};
use crate::engine::{Build, BuildEvent, EngineError, tar};

fn build(dockerfile: &str, timeout: Duration) -> Build {
    let parts = [tar::file("Dockerfile", dockerfile.as_bytes()), tar::file("greeting", b"hello"), tar::end()];
    Build {
        context: stream::iter(parts).map(Ok).boxed(),
        dockerfile: "Dockerfile".into(),
        tag: tag(),
        args: BTreeMap::from([("COLOR".into(), color())]),
        limits: Limits { memory: Bytes::mib(64), cpu: MilliCpu(1000), pids: 50 },
        timeout,
    }
}

fn tag() -> ImageRef {
    "stoa/test-built:1".parse().expect("a reference")
}

/// Differs from run to run: a builder shows no output of steps that it has cached.
fn color() -> String {
    format!("blue-{}", std::process::id())
}

pub(super) async fn images(case: &Case) {
    let (engine, patience) = (&case.engine, Duration::from_secs(600));
    let base = case.fixture.fixtures.image();
    let good = format!("FROM {base}\nARG COLOR\nCOPY greeting /greeting\nRUN echo painted $COLOR; cat /greeting\n");
    if !engine.capabilities().build {
        assert_unsupported(engine.build(build(&good, patience)).await.map(drop));
        return;
    }
    let events: Vec<_> =
        engine.build(build(&good, patience)).await.expect("it begins").try_collect().await.expect("built");
    let Some(BuildEvent::Built(id)) = events.last() else { panic!("no image: {events:?}") };
    let log = |text: &str| events.iter().any(|event| matches!(event, BuildEvent::Log(line) if line.contains(text)));
    let found = engine.image(&tag()).await.expect("an answer").expect("the tagged image");
    assert_eq!(found.id, *id);
    assert!(events.iter().any(|event| matches!(event, BuildEvent::Log(_))), "{events:?}");
    if !case.fixture.is_real {
        return;
    }
    assert!(log(&format!("painted {}", color())) && log("hello"), "{events:?}");
    for (dockerfile, reason) in [(format!("FROM {base}\nRUN exit 3\n"), "3"), ("FRUM x\n".to_owned(), "FRUM")] {
        let failed = engine.build(build(&dockerfile, patience)).await;
        let failed = match failed {
            Ok(events) => events.try_collect::<Vec<_>>().await.map(drop),
            Err(error) => Err(error),
        };
        assert!(
            matches!(&failed, Err(EngineError::Refused { reason: found, .. }) if found.to_uppercase().contains(reason)),
            "{failed:?}"
        );
    }
    let slow = build(&format!("FROM {base}\nRUN sleep 3600\n"), Duration::from_secs(3));
    let late = engine.build(slow).await.expect("it begins").try_collect::<Vec<_>>().await;
    assert!(matches!(late, Err(EngineError::Timeout { .. })), "{late:?}");
}
