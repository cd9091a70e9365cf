//! One DNS message to a server and its answer, over UDP or TCP (RFC 1035 4.2).

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

use super::{Transport, error::Fault};

/// What fits into a datagram everywhere (RFC 9715 3.1).
const DATAGRAM: usize = 1232;

/// How long a server has, for each of [`TRIES`] datagrams or for the whole of a connection.
const WAIT: Duration = Duration::from_secs(3);
const TRIES: usize = 3;

/// Sends a message and returns the first answer with its number. What is sent must be idempotent:
/// a datagram whose answer is lost is sent again.
pub(super) async fn exchange(server: SocketAddr, transport: Transport, message: &[u8]) -> Result<Vec<u8>, Fault> {
    let answer = match transport {
        Transport::Udp if message.len() <= DATAGRAM => by_datagram(server, message).await,
        _ => match timeout(WAIT * 2, by_connection(server, message)).await {
            Ok(answer) => answer,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        },
    };
    answer.map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => Fault::transient(format!(
            "{server} does not answer; see that it runs and that nothing between it and this machine drops DNS"
        )),
        _ => Fault::transient(format!("{server} can't be reached ({error}); see that it runs and listens there")),
    })
}

async fn by_datagram(server: SocketAddr, message: &[u8]) -> io::Result<Vec<u8>> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    // Connected: datagrams of others don't arrive, and "nobody listens" does.
    socket.connect(server).await?;
    for _ in 0..TRIES {
        socket.send(message).await?;
        if let Ok(answer) = timeout(WAIT, receive(&socket, message)).await {
            return answer;
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

async fn receive(socket: &UdpSocket, message: &[u8]) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if same_number(&buffer[..length], message) {
            buffer.truncate(length);
            return Ok(buffer);
        }
    }
}

async fn by_connection(server: SocketAddr, message: &[u8]) -> io::Result<Vec<u8>> {
    let length = u16::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut stream = TcpStream::connect(server).await?;
    // In one segment: some servers read the length and give up on a message that follows later.
    stream.write_all(&[&length.to_be_bytes(), message].concat()).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    if same_number(&answer, message) { Ok(answer) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Whether these are messages of one exchange (RFC 1035 4.1.1).
fn same_number(answer: &[u8], message: &[u8]) -> bool {
    answer.len() >= 12 && answer[..2] == message[..2]
}
