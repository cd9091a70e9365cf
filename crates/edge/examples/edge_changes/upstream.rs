//! All upstreams at once: one socket for every address of 127.0.0.0/8. Each connection answers
//! with the address that it was made to.

use std::{io, net::Ipv4Addr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
};

/// Only on the loopback device, although it is bound to no address.
pub(crate) fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind_device(Some(b"lo"))?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::UNSPECIFIED, port).into())?;
    socket.listen(4096)
}

pub(crate) async fn serve(listener: TcpListener) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    }
}

/// Answers requests without a body until the proxy closes.
async fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let name = stream.local_addr()?.to_string();
    let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len());
    let (mut read, mut some) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut some).await? {
            0 => return Ok(()),
            count => read.extend_from_slice(&some[..count]),
        }
        if read.ends_with(b"\r\n\r\n") {
            read.clear();
            stream.write_all(response.as_bytes()).await?;
        }
    }
}
