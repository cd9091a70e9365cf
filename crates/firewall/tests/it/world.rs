//! A machine with two sites and what lies around it, as network namespaces.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use stoa_firewall::{EdgePort, Policy};

/// `m` is the machine, `a` and `a2` are containers of one site, `b` of another; `o` is everything outside: a host in the
/// internet, a neighbour, the cloud's metadata service, a name server.
const SET_UP: &str = r#"
for ns in m a a2 b o; do ip netns add $P$ns; ip -n $P$ns link set lo up; done
ip -n ${P}m link add stoa-one type bridge; ip -n ${P}m addr add 10.213.0.1/28 dev stoa-one
ip -n ${P}m link add stoa-two type bridge; ip -n ${P}m addr add 10.213.0.17/28 dev stoa-two
join() { # NS BRIDGE ADDRESS GATEWAY
  ip -n ${P}m link add v$1 type veth peer name eth0 netns $P$1
  ip -n ${P}m link set v$1 master $2 up; ip -n ${P}m link set $2 up
  ip -n $P$1 addr add $3/28 dev eth0; ip -n $P$1 link set eth0 up; ip -n $P$1 route add default via $4
}
join a stoa-one 10.213.0.2 10.213.0.1; join a2 stoa-one 10.213.0.3 10.213.0.1
join b stoa-two 10.213.0.18 10.213.0.17
ip -n ${P}m link add uplink type veth peer name eth0 netns ${P}o
ip -n ${P}m addr add 203.0.113.2/24 dev uplink; ip -n ${P}m link set uplink up; ip -n ${P}m route add default via 203.0.113.1
for address in 203.0.113.1/24 169.254.169.254/32 168.63.129.16/32 192.168.7.7/32 10.9.9.9/32; do
  ip -n ${P}o addr add $address dev eth0; done
ip -n ${P}o link set eth0 up; ip -n ${P}o route add 10.213.0.0/16 via 203.0.113.2
# As Docker leaves it: a policy of DROP, rules for its networks, masquerading. Its rules between networks are gone.
ip netns exec ${P}m sh -ec 'iptables -P FORWARD DROP; for b in one two; do iptables -A FORWARD -i stoa-$b -j ACCEPT; done
  iptables -A FORWARD -o stoa-+ -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
  iptables -t nat -A POSTROUTING -s 10.213.0.0/16 ! -o stoa-+ -j MASQUERADE'
"#;

/// Listens on all addresses at these ports, TCP, and says how many connections came when its input ends.
const LISTEN: &str = r#"
import select, socket, sys
sockets = [socket.create_server(("", int(port))) for port in sys.argv[1].split(",")]
print("ready", flush=True)
count = 0
while True:
    ready, _, _ = select.select(sockets + [sys.stdin], [], [])
    if sys.stdin in ready: break
    for s in ready: s.accept()[0].close(); count += 1
print(count)
"#;

const CONNECT: &str = r#"
import socket, sys
try: socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3])).close(); print("open")
except TimeoutError: print("no answer")
except OSError as error: print("refused")
"#;

static NUMBER: AtomicU32 = AtomicU32::new(0);

pub struct World {
    prefix: String,
    servers: Vec<Child>,
}

impl World {
    pub fn new() -> Self {
        assert!(rustix::process::geteuid().is_root(), "these tests make network namespaces: run them as root");
        let prefix = format!("fw{}-{}-", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let made = Command::new("sh").args(["-ec", SET_UP]).env("P", &prefix).status().unwrap();
        let mut world = Self { prefix, servers: Vec::new() };
        assert!(made.success(), "the namespaces could not be made");
        world.listen("b", "80,3306");
        world.listen("a2", "3306");
        world.listen("m", "22,8080");
        world.listen("o", "25,53,80,3306");
        world
    }

    /// The policy of a machine whose edge listens on 8080, and is known to visitors as 80.
    pub fn policy() -> Policy {
        Policy {
            sites: "10.213.0.0/16".parse().unwrap(),
            edge_ports: vec![EdgePort { public: 80, local: 8080 }],
            allow: Vec::new(),
            block: Vec::new(),
            mail: false,
            resolvers: vec!["10.9.9.9".parse().unwrap()],
            dns_port: None,
            submission_port: None,
        }
    }

    /// Moves this thread, and the programs that it starts from now on, to the machine.
    pub fn enter(&self) {
        let file = File::open(format!("/run/netns/{}m", self.prefix)).unwrap();
        move_into_link_name_space(std::os::fd::AsFd::as_fd(&file), Some(LinkNameSpaceType::Network)).unwrap();
    }

    /// Runs a shell script in a namespace and returns what it wrote.
    pub fn run(&self, namespace: &str, script: &str) -> String {
        let output = self.command(namespace).args(["sh", "-ec", script]).output().unwrap();
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a container sees that connects there: `open`, `refused` or `no answer`.
    pub fn connect(&self, namespace: &str, address: &str, port: u16) -> String {
        let port = port.to_string();
        let output = self.command(namespace).args(["python3", "-c", CONNECT, address, &port, "1.5"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A program in a namespace.
    pub fn command(&self, namespace: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &format!("{}{namespace}", self.prefix)]);
        command
    }

    fn listen(&mut self, namespace: &str, ports: &str) {
        let mut command = self.command(namespace);
        let mut server = command
            .args(["python3", "-c", LISTEN, ports])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "the server in {namespace}");
        self.servers.push(server);
    }

    /// Ends the server of the other site and returns how many connections it got.
    pub fn connections_to_the_other_site(&mut self) -> u32 {
        let mut server = self.servers.remove(0);
        drop(server.stdin.take());
        let mut text = String::new();
        server.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        server.wait().unwrap();
        text.trim().parse().unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
        for namespace in ["m", "a", "a2", "b", "o"] {
            let _ = Command::new("ip").args(["netns", "del", &format!("{}{namespace}", self.prefix)]).status();
        }
    }
}
