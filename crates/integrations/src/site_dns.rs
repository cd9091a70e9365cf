//! DNS for sites' containers: names that the edge serves lead to the edge on this machine, everything else is asked of the
//! machine's own name servers.
//!
//! A store asks itself by its public name: for scheduled work, its REST interface, webhooks. From inside its network the
//! public address often leads nowhere, as when a router translates it. The tenant firewall sends all DNS of containers
//! here, so a changed address needs no new container.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use hickory_proto::{
    op::{Message, Query, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata::A},
};
use stoa_model::host::Hostname;
use stoa_util::concurrency::{ConcurrencyLimit, Place};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    time::timeout,
};

/// Seconds for which an answer of ours may be kept: addresses change with a click.
const TTL: u32 = 5;
/// How long one name server may take; Docker's resolver gives up after four seconds.
const UPSTREAM_TIMEOUT: Duration = Duration::from_millis(1500);
/// Idle time of a TCP connection.
const TCP_TIMEOUT: Duration = Duration::from_secs(10);
/// Questions of one site at the same time.
const MAX_OF_SITE: usize = 64;
/// Questions of all sites at the same time.
const MAX_OF_ALL: usize = 1024;
/// Largest message over UDP that is read (RFC 6891).
const MAX_UDP: usize = 4096;
/// Whoever asks for it sees that this server works; there is no such name (RFC 6761).
const TEST_NAME: &str = "stoa.invalid.";

/// Says whether a name leads to the edge for the site whose network begins with this address.
pub type IsServed = Arc<dyn Fn(Hostname, Ipv4Addr) -> BoxFuture<'static, bool> + Send + Sync>;
/// The machine's name servers at present.
pub type NameServers = Arc<dyn Fn() -> Vec<SocketAddr> + Send + Sync>;

/// The server.
#[derive(Clone)]
pub struct SiteDns {
    sites: (Ipv4Addr, u8),
    site_prefix: u8,
    is_served: IsServed,
    name_servers: NameServers,
    /// Open questions by site.
    open: Arc<ConcurrencyLimit<Ipv4Addr>>,
}

/// Who asks.
#[derive(Clone, Copy)]
struct Asker {
    /// The first address of its site's network.
    network: Ipv4Addr,
}

impl Asker {
    /// This machine's address in that network.
    fn gateway(self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.network) + 1)
    }
}

/// How a question arrived, and how it is passed on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Transport {
    Udp,
    Tcp,
}

impl SiteDns {
    /// A server for sites whose networks have a prefix of `site_prefix` bits and lie in `sites` (first address and prefix
    /// length). Nobody else gets an answer, except this machine.
    pub fn new(sites: (Ipv4Addr, u8), site_prefix: u8, is_served: IsServed, name_servers: NameServers) -> Self {
        Self {
            sites,
            site_prefix,
            is_served,
            name_servers,
            open: Arc::new(ConcurrencyLimit::new(MAX_OF_SITE, MAX_OF_ALL)),
        }
    }

    /// Answers on these sockets until it is dropped.
    ///
    /// # Errors
    /// Never in normal operation: only if a socket itself fails.
    pub async fn serve(&self, udp: UdpSocket, tcp: TcpListener) -> io::Result<()> {
        tokio::try_join!(self.serve_udp(Arc::new(udp)), self.serve_tcp(tcp)).map(drop)
    }

    async fn serve_udp(&self, socket: Arc<UdpSocket>) -> io::Result<()> {
        let mut buffer = [0; MAX_UDP];
        loop {
            let (length, from) = match socket.recv_from(&mut buffer).await {
                Ok(received) => received,
                // An earlier answer could not be delivered.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error),
            };
            let Some((asker, place)) = self.admit(from.ip()) else { continue };
            let (server, socket, question) = (self.clone(), socket.clone(), buffer[..length].to_vec());
            tokio::spawn(async move {
                let _place = place;
                if let Some(answer) = server.answer(&question, asker, Transport::Udp).await {
                    let _ = socket.send_to(&answer, from).await;
                }
            });
        }
    }

    async fn serve_tcp(&self, listener: TcpListener) -> io::Result<()> {
        loop {
            // A failed accept concerns one connection, or passes when others close.
            let Ok((stream, from)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let Some((asker, place)) = self.admit(from.ip()) else { continue };
            let server = self.clone();
            tokio::spawn(async move {
                let _place = place;
                let _ = server.converse(stream, asker).await;
            });
        }
    }

    /// Answers the questions of one connection (RFC 7766).
    async fn converse(&self, mut stream: TcpStream, asker: Asker) -> io::Result<()> {
        loop {
            let question = timeout(TCP_TIMEOUT, read_message(&mut stream)).await??;
            let Some(answer) = self.answer(&question, asker, Transport::Tcp).await else { return Ok(()) };
            timeout(TCP_TIMEOUT, write_message(&mut stream, &answer)).await??;
        }
    }

    /// Lets an asker in unless it is none of ours, or too many of its questions are open.
    fn admit(&self, from: IpAddr) -> Option<(Asker, Place<Ipv4Addr>)> {
        let IpAddr::V4(address) = from else { return None };
        let network = |address: Ipv4Addr, prefix: u8| u32::from(address) & (u32::MAX << (32 - u32::from(prefix)));
        let (first, prefix) = self.sites;
        if !address.is_loopback() && network(address, prefix) != u32::from(first) {
            return None;
        }
        let network = Ipv4Addr::from(network(address, self.site_prefix));
        Some((Asker { network }, self.open.enter(&network).ok()?))
    }

    /// The answer to one question; `None` if it can't be read.
    async fn answer(&self, question: &[u8], asker: Asker, transport: Transport) -> Option<Vec<u8>> {
        let request = Message::from_vec(question).ok()?;
        let [query] = request.queries.as_slice() else { return self.pass_on(question, &request, transport).await };
        let name = query.name().to_ascii().to_ascii_lowercase();
        if name == TEST_NAME {
            return own_answer(&request, ResponseCode::NXDomain, None);
        }
        // What else a name has, such as its mail servers, only its owner's name servers know.
        let is_address =
            matches!(query.query_type(), RecordType::A | RecordType::AAAA | RecordType::HTTPS | RecordType::SVCB);
        let host = Hostname::parse(name.trim_end_matches('.')).ok().filter(|_| is_address);
        let is_served = match host {
            Some(host) => (self.is_served)(host, asker.network).await,
            None => false,
        };
        if !is_served {
            return self.pass_on(question, &request, transport).await;
        }
        let record = (query.query_type() == RecordType::A)
            .then(|| Record::from_rdata(query.name().clone(), TTL, RData::A(A(asker.gateway()))));
        own_answer(&request, ResponseCode::NoError, record)
    }

    /// The answer of the first name server that has one.
    async fn pass_on(&self, question: &[u8], request: &Message, transport: Transport) -> Option<Vec<u8>> {
        for server in (self.name_servers)() {
            let asked = async {
                match transport {
                    Transport::Udp => ask_udp(server, question).await,
                    Transport::Tcp => {
                        let mut stream = TcpStream::connect(server).await?;
                        write_message(&mut stream, question).await?;
                        read_message(&mut stream).await
                    }
                }
            };
            if let Ok(Ok(answer)) = timeout(UPSTREAM_TIMEOUT, asked).await {
                return Some(answer);
            }
        }
        own_answer(request, ResponseCode::ServFail, None)
    }
}

/// A socket of its own for each question, so that its port can't be guessed (RFC 5452).
async fn ask_udp(server: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let any: SocketAddr =
        if server.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { "[::]:0".parse().expect("a constant") };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if length >= 2 && buffer[..2] == question[..2] {
            buffer.truncate(length);
            return Ok(buffer);
        }
    }
}

/// Whether a server of ours answers at this address, within a moment.
pub async fn answers(server: SocketAddr) -> bool {
    let name = Name::from_ascii(TEST_NAME).expect("a constant name");
    let mut question = Message::query();
    question.add_query(Query::query(name, RecordType::A));
    let Ok(question) = question.to_vec() else { return false };
    let answer = timeout(Duration::from_millis(300), ask_udp(server, &question)).await;
    let read = answer.ok().and_then(Result::ok).and_then(|answer| Message::from_vec(&answer).ok());
    read.is_some_and(|answer| answer.metadata.response_code == ResponseCode::NXDomain)
}

async fn read_message(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

async fn write_message(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), message].concat()).await
}

fn own_answer(request: &Message, code: ResponseCode, record: Option<Record>) -> Option<Vec<u8>> {
    let mut answer = Message::response(request.metadata.id, request.metadata.op_code);
    answer.metadata.recursion_desired = request.metadata.recursion_desired;
    answer.metadata.recursion_available = true;
    answer.metadata.response_code = code;
    answer.queries.clone_from(&request.queries);
    answer.answers.extend(record);
    answer.to_vec().ok()
}
