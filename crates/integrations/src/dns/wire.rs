//! The exchange of one DNS message with a server, over UDP or TCP (RFC 1035 4.2).

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

use super::{Transport, error::Failure};

/// A larger datagram may be fragmented and lost (RFC 9715 3.1).
const MAX_DATAGRAM_BYTES: usize = 1232;

const DATAGRAM_TIMEOUT: Duration = Duration::from_secs(3);
const MAX_DATAGRAMS: usize = 3;
/// From the connection to the last byte of the response.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(6);

/// Sends a message and returns the first response with the same id. The message must be idempotent:
/// a datagram that gets no response is sent again.
pub(super) async fn exchange(server: SocketAddr, transport: Transport, message: &[u8]) -> Result<Vec<u8>, Failure> {
    let answer = match transport {
        Transport::Udp if message.len() <= MAX_DATAGRAM_BYTES => by_datagram(server, message).await,
        _ => match timeout(CONNECTION_TIMEOUT, by_connection(server, message)).await {
            Ok(answer) => answer,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        },
    };
    answer.map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => Failure::transient(format!(
            "{server} does not answer; check that it runs and that no firewall drops DNS on the way"
        )),
        _ => Failure::transient(format!("{server} can't be reached ({error}); check that it runs and listens there")),
    })
}

/// Sends a message over UDP, three times at most, and returns the first response with the same id.
pub(crate) async fn by_datagram(server: SocketAddr, message: &[u8]) -> io::Result<Vec<u8>> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    // A connected socket drops datagrams from others and reports "connection refused".
    socket.connect(server).await?;
    for _ in 0..MAX_DATAGRAMS {
        socket.send(message).await?;
        if let Ok(answer) = timeout(DATAGRAM_TIMEOUT, receive(&socket, message)).await {
            return answer;
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

async fn receive(socket: &UdpSocket, message: &[u8]) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if has_same_id(&buffer[..length], message) {
            buffer.truncate(length);
            return Ok(buffer);
        }
    }
}

async fn by_connection(server: SocketAddr, message: &[u8]) -> io::Result<Vec<u8>> {
    let length = u16::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut stream = TcpStream::connect(server).await?;
    // In one segment: some servers give up if the message does not arrive together with its length.
    stream.write_all(&[&length.to_be_bytes(), message].concat()).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    if has_same_id(&answer, message) { Ok(answer) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Whether both messages have the same id (RFC 1035 4.1.1).
fn has_same_id(answer: &[u8], message: &[u8]) -> bool {
    answer.len() >= 12 && answer[..2] == message[..2]
}
