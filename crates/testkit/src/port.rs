//! Fixed ports, for other programs and for servers that restart at the same address.
//!
//! A port that the kernel chose and that is closed again is taken by the next caller: other tests, and every
//! outgoing connection, even one to the very port that is awaited. So these ports are outside the kernel's
//! range, each process uses a port only once, and parallel processes start at different ones.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

const FIRST_PORT: u32 = 10_000;
/// The distance between the first ports of two processes with successive ids.
const PROCESS_STRIDE: u32 = 64;

/// A loopback port that nobody listens on, over UDP or TCP, and that no other test gets.
///
/// # Panics
/// If there is none.
pub fn free_port() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let count = ephemeral_start()
        .checked_sub(FIRST_PORT)
        .filter(|count| *count > PROCESS_STRIDE)
        .expect("ports below the kernel's");
    let begin = process::id().wrapping_mul(PROCESS_STRIDE);
    (0..count)
        .map(|_| FIRST_PORT + begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % count)
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(port).expect("a port"))))
        .find(|address| TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok())
        .expect("a free port")
}

/// The first port of the kernel's ephemeral range.
fn ephemeral_start() -> u32 {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    range.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(32_768)
}
