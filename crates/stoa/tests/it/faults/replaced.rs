//! The program is replaced twenty times while visitors use a store, the portal and WebSockets, and jobs run.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    thread,
    time::Duration,
};

use super::{ledger, world::World};
use crate::handover::{visit, visit_http2};

/// Visitors of each, all with a connection that is kept.
const VISITORS: usize = 32;
const REPLACEMENTS: usize = 20;
/// Open WebSockets, each with a message twenty times a second.
const SOCKETS: usize = 8;

/// Sends messages over a WebSocket and expects each back, until `stop`. When the server ends it with status 1001, as
/// a server does that goes away (RFC 6455 7.4.1), it connects again, as browsers' scripts do.
fn talk(at: SocketAddr, host: &str, stop: &AtomicBool, echoes: &AtomicU32, closes: &AtomicU32) -> Result<(), String> {
    while !stop.load(SeqCst) {
        let mut stream = TcpStream::connect(at).map_err(|error| format!("connecting: {error}"))?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let head = format!(
            "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).map_err(|error| format!("upgrading: {error}"))?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).map_err(|error| format!("upgrading: {error}"))?;
            head.extend(byte);
        }
        if !head.starts_with(b"HTTP/1.1 101 ") {
            return Err(String::from_utf8_lossy(&head).into_owned());
        }
        for number in 0_u32.. {
            // A masked text frame; the mask is zero.
            let text = format!("{number:08}");
            let mut frame = vec![0x81, 0x80 | 8, 0, 0, 0, 0];
            frame.extend(text.as_bytes());
            let sent = stream.write_all(&frame);
            let mut head = [0; 2];
            stream.read_exact(&mut head).map_err(|error| format!("message {number}: {error}, {sent:?}"))?;
            let mut body = vec![0; usize::from(head[1])];
            stream.read_exact(&mut body).map_err(|error| format!("message {number}: {error}"))?;
            match head[0] & 15 {
                1 if body == text.as_bytes() => drop(echoes.fetch_add(1, SeqCst)),
                8 if body.starts_with(&1001_u16.to_be_bytes()) => {
                    closes.fetch_add(1, SeqCst);
                    break;
                }
                _ => return Err(format!("message {number}: {head:?} {body:?}")),
            }
            if stop.load(SeqCst) {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}

#[test]
fn replacing_the_program_loses_no_request_and_no_job() {
    // Both blueprints in one folder.
    let folder = tempfile::tempdir().unwrap();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for blueprint in ["../../blueprints/ebuilder", "tests/blueprints/echo"] {
        let link = folder.path().join(Path::new(blueprint).file_name().unwrap());
        std::os::unix::fs::symlink(here.join(blueprint), link).unwrap();
    }
    // Shorter than all replacements together, so that WebSockets are ended too.
    let settings = format!("lease_seconds = 30\ndrain_seconds = 2\nsite_rate = 0\nblueprints = {:?}\n", folder.path());
    let Some(mut world) = World::new("replaced", "10.216.192.0/20", &settings) else { return };
    world.start();
    world.make("ebuilder", "visited");
    world.make("echo", "echo");
    let (at, store) = (world.address, format!("visited.localhost:{}", world.address.port()));
    let echo = format!("echo.localhost:{}", world.address.port());
    let (stop, answers) = (AtomicBool::new(false), AtomicU32::new(0));
    let (echoes, closes) = (AtomicU32::new(0), AtomicU32::new(0));
    let (stop, answers, echo, echoes, closes) = (&stop, &answers, &echo, &echoes, &closes);
    let lost = thread::scope(|scope| {
        let mut visitors = Vec::new();
        for (host, path) in [(store.as_str(), "/"), ("localhost", "/healthz")] {
            for number in 0..VISITORS {
                let visit = if number % 4 == 0 { visit_http2 } else { visit };
                visitors.push(scope.spawn(move || visit(at, host, path, stop, answers)));
            }
        }
        for _ in 0..SOCKETS {
            visitors.push(scope.spawn(move || talk(at, echo, stop, echoes, closes)));
        }
        for replacement in 0..REPLACEMENTS {
            // An order now and then, so that jobs are handed over too.
            if replacement % 5 == 0 {
                assert_eq!(world.order_taken("ebuilder", &format!("ordered-{replacement}")).unwrap().status, 201);
            }
            world.replace();
        }
        stop.store(true, SeqCst);
        visitors.into_iter().filter_map(|visitor| visitor.join().unwrap().err()).collect::<Vec<_>>()
    });
    let answered = answers.load(SeqCst);
    assert!(lost.is_empty(), "{} of {answered} requests were lost: {:?}\n{}", lost.len(), lost, world.log());
    assert!(answered > 1_000, "{answered} requests");
    let (echoes, closes) = (echoes.load(SeqCst), closes.load(SeqCst));
    assert!(echoes > 100 && closes > 0, "{echoes} messages, {closes} ends with 1001");
    println!(
        "{REPLACEMENTS} replacements: {answered} requests and {echoes} messages, none lost; {closes} WebSockets ended \
         with 1001"
    );
    for replacement in (0..REPLACEMENTS).step_by(5) {
        let state = world.rest(&world.id(&format!("ordered-{replacement}")));
        assert_eq!(state, "succeeded", "{}", world.log());
    }
    ledger::balance(&world);
    world.stop();
}
