//! Ports for what a test starts by its number: another program, or a server that is started again at
//! the same place.
//!
//! Whoever asks the kernel for any port and gives it back loses it at once to whoever asks next: other
//! tests ask all the time, and every outgoing connection takes one, even one to the very port that is
//! being waited for. So these ports are none that the kernel gives away, each is handed out once by a
//! process, and processes that run beside each other begin at different ones.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// The first of them.
const FIRST: u32 = 10_000;
/// How far apart two processes with successive numbers begin.
const STRIDE: u32 = 64;

/// A loopback port that nobody listens on, over UDP or TCP, and that nobody else gets.
///
/// # Panics
/// If there is none.
pub fn free_port() -> SocketAddr {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let count = given_away().checked_sub(FIRST).filter(|count| *count > STRIDE).expect("ports below the kernel's");
    let begin = process::id().wrapping_mul(STRIDE);
    (0..count)
        .map(|_| FIRST + begin.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % count)
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(port).expect("a port"))))
        .find(|address| TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok())
        .expect("a free port")
}

/// The first of the ports that the kernel chooses from.
fn given_away() -> u32 {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    range.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(32_768)
}
