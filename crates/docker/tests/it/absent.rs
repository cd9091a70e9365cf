//! A Docker that is not there, that hangs up and that never answers.

use std::time::Duration;

use stoa_docker::{Docker, DockerConfig};
use stoa_provider::engine::{Engine, EngineError};
use tokio::net::UnixListener;

use crate::setup::docker_at;

#[tokio::test]
async fn a_socket_that_is_missing_or_dead_is_unavailable_until_docker_is_back() {
    let directory = std::env::temp_dir().join(format!("stoa-absent-{}", std::process::id()));
    // Numbers of processes come again, and one of them may have been killed.
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).unwrap();
    let socket = directory.join("docker.sock");
    let docker = docker_at(socket.clone(), "nowhere");
    for expected in ["missing", "refusing", "hanging up"] {
        match expected {
            "refusing" => drop(UnixListener::bind(&socket).unwrap()),
            "hanging up" => {
                std::fs::remove_file(&socket).unwrap();
                let listener = UnixListener::bind(&socket).unwrap();
                tokio::spawn(async move {
                    while let Ok((stream, _)) = listener.accept().await {
                        drop(stream);
                    }
                });
            }
            _ => {}
        }
        let error = docker.list().await.unwrap_err();
        assert!(matches!(error, EngineError::Unavailable { .. }), "{expected}: {error}");
        assert!(error.to_string().contains("listing the"), "{error}");
    }
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test]
async fn a_docker_that_never_answers_meets_the_deadline() {
    let socket = std::env::temp_dir().join(format!("stoa-silent-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&socket);
    let _silent = UnixListener::bind(&socket).unwrap();
    let timeout = Duration::from_millis(200);
    let docker = Docker::connect(DockerConfig {
        socket: socket.clone(),
        installation: "nowhere".into(),
        mtu: None,
        timeout,
        address_pool: "10.214.0.0/16".parse().unwrap(),
    });
    // Far more than the deadline, for machines that are busy with something else.
    let described = tokio::time::timeout(timeout * 300, docker.describe()).await;
    let error = described.expect("the deadline holds").unwrap_err();
    assert!(matches!(error, EngineError::Timeout { .. }), "{error}");
    std::fs::remove_file(socket).unwrap();
}
