//! An SMTP server that answers as the test says.

use std::{
    collections::HashMap,
    io,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// Closes the connection instead of an answer.
pub const CLOSE: &str = "close";
/// Never answers.
#[allow(dead_code, reason = "not all tests that include this let it hang")]
pub const HANG: &str = "hang";

/// Answers by command; the greeting is that of `CONNECT`, the answer to the message that of `MESSAGE`. Several answers
/// to one command are given in turn, the last one from then on.
pub type Script = HashMap<&'static str, Vec<&'static str>>;

/// A running server; it ends with the test's runtime.
pub struct Scripted {
    pub port: u16,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    script: Script,
    commands: Vec<String>,
    messages: Vec<String>,
}

impl Seen {
    fn answer(&mut self, command: &str) -> &'static str {
        let answers = self.script.entry(known(command)).or_insert_with(|| vec![default_answer(command)]);
        if answers.len() > 1 { answers.remove(0) } else { answers[0] }
    }
}

impl Scripted {
    pub async fn start(script: impl IntoIterator<Item = (&'static str, Vec<&'static str>)>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::new(Mutex::new(Seen { script: script.into_iter().collect(), ..Seen::default() }));
        let server = Self { port, seen: seen.clone() };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, seen.clone()));
            }
        });
        server
    }

    /// Answers to this command like this from now on.
    #[allow(dead_code, reason = "not all tests that include this change the script")]
    pub fn answer(&self, command: &'static str, answers: &[&'static str]) {
        self.seen.lock().expect("a lock").script.insert(command, answers.to_vec());
    }

    /// The commands, of all connections.
    #[allow(dead_code, reason = "not all tests that include this look at them")]
    pub fn commands(&self) -> Vec<String> {
        self.seen.lock().expect("a lock").commands.clone()
    }

    /// The messages, as they came.
    pub fn messages(&self) -> Vec<String> {
        self.seen.lock().expect("a lock").messages.clone()
    }
}

async fn serve(stream: TcpStream, seen: Arc<Mutex<Seen>>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut command = "CONNECT".to_owned();
    loop {
        let answer = seen.lock().expect("a lock").answer(&command);
        match answer {
            CLOSE => return Ok(()),
            HANG => std::future::pending().await,
            answer => stream.write_all(format!("{answer}\r\n").as_bytes()).await?,
        }
        let mut line = String::new();
        if answer.starts_with("354") {
            let mut message = String::new();
            while !message.ends_with("\r\n.\r\n") {
                if stream.read_line(&mut message).await? == 0 {
                    return Ok(());
                }
            }
            seen.lock().expect("a lock").messages.push(message);
            command = "MESSAGE".into();
        } else {
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            seen.lock().expect("a lock").commands.push(line.trim_end().to_owned());
            command = line.split([' ', '\r']).next().unwrap_or_default().to_ascii_uppercase();
        }
    }
}

fn known(command: &str) -> &'static str {
    let all = ["CONNECT", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "MESSAGE", "QUIT"];
    all.into_iter().find(|known| *known == command).unwrap_or("OTHER")
}

fn default_answer(command: &str) -> &'static str {
    match command {
        "CONNECT" => "220 scripted.test ESMTP",
        "EHLO" => "250-scripted.test\r\n250-PIPELINING\r\n250 8BITMIME",
        "DATA" => "354 End data with <CR><LF>.<CR><LF>",
        "MESSAGE" => "250 2.0.0 Ok: queued as 4ABC",
        "QUIT" => "221 2.0.0 Bye",
        "MAIL" | "RCPT" => "250 2.1.0 Ok",
        _ => "500 5.5.1 unknown",
    }
}
