//! The portal over a platform with a fake engine, for manual testing:
//! `cargo run -p stoa-web --example portal`, then http://localhost:7071/. Staff log in as
//! `super-admin-1@stoa.example`. All data is deleted when it ends.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};
use stoa_model::account::Role;
use stoa_testkit::{PASSWORD, TestPlatform};
use stoa_web::ClientAddress;

#[tokio::main]
async fn main() {
    let platform = TestPlatform::new().await;
    platform.staff(Role::SuperAdmin).await;
    let _workers = platform.run();
    let known =
        axum::middleware::map_request(async |ConnectInfo(peer): ConnectInfo<SocketAddr>, mut request: Request| {
            request.extensions_mut().insert(ClientAddress(peer.ip()));
            request
        });
    let router = stoa_web::router(platform.control.clone()).layer(known);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:7071").await.unwrap();
    println!("http://localhost:7071/  staff: super-admin-1@stoa.example, {PASSWORD}");
    axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
}
