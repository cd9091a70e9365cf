//! A double of a CA, for what Pebble can't do: it registers every account, and answers the rest as
//! the test says.

use std::{
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use instant_acme::{BodyWrapper, BytesResponse, HttpClient};
use rcgen::{CertificateParams, KeyPair};
use rustls::{ClientConfig, RootCertStore, ServerConfig, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::{Value, json};
use stoa_integrations::acme::Acme;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::fixture::config;

/// What the client asked.
#[derive(Debug, Clone)]
pub struct Asked {
    pub path: String,
    /// What it signed; null where nothing was.
    pub payload: Value,
}

pub type Answer = Response<Full<Bytes>>;

/// A running double; its tasks end with the test's runtime.
pub struct FakeCa {
    folder: TempDir,
    base: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl FakeCa {
    /// Starts one. `answer` may answer anything; where it does not, there are a directory, nonces
    /// and accounts. It gets the base URL, because ACME is full of them.
    pub async fn start(answer: impl Fn(&str, &Asked) -> Option<Answer> + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let tls = TlsAcceptor::from(Arc::new(server_config(&folder.path().join("root.pem"))));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("https://{}", listener.local_addr().expect("its address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let state = Arc::new((base.clone(), asked.clone(), answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, state) = (tls.clone(), state.clone());
                tokio::spawn(async move {
                    let Ok(stream) = tls.accept(stream).await else { return };
                    let service = service_fn(|request| {
                        let state = state.clone();
                        async move {
                            let asked = read(request).await;
                            state.1.lock().expect("the list").push(asked.clone());
                            Ok::<_, std::convert::Infallible>(
                                (state.2)(&state.0, &asked).unwrap_or_else(|| usual(&state.0, &asked)),
                            )
                        }
                    });
                    // A client that goes away early is part of the tests.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { folder, base, asked }
    }

    pub fn directory(&self) -> String {
        format!("{}/dir", self.base)
    }

    pub fn roots(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }

    /// Everything that was asked at a path so far.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        self.asked.lock().expect("the list").iter().filter(|asked| asked.path == path).cloned().collect()
    }

    /// A new account.
    pub async fn account(&self) -> Acme {
        Acme::open(config(self.directory(), self.roots()), None).await.expect("an account").0
    }
}

/// An answer with a body of JSON and a nonce, as all answers to signed requests have.
pub fn answer(status: u16, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut answer = Response::builder().status(status).header("Replay-Nonce", "bm9uY2U");
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    answer.body(Full::from(body.to_string())).expect("an answer")
}

/// A problem document of ACME.
pub fn problem(status: u16, headers: &[(&str, &str)], kind: &str, detail: &str) -> Answer {
    let kind = format!("urn:ietf:params:acme:error:{kind}");
    answer(status, headers, &json!({ "type": kind, "detail": detail, "status": status }))
}

fn usual(base: &str, asked: &Asked) -> Answer {
    match asked.path.as_str() {
        "/dir" => answer(200, &[], &directory(base)),
        "/nonce" => answer(200, &[], &Value::Null),
        "/new-account" => answer(201, &[("Location", &format!("{base}/account/1"))], &json!({ "status": "valid" })),
        "/account/1" => answer(200, &[], &json!({ "status": "valid" })),
        _ => problem(404, &[], "malformed", "no such thing"),
    }
}

/// A directory without renewal information.
pub fn directory(base: &str) -> Value {
    json!({
        "newNonce": format!("{base}/nonce"),
        "newAccount": format!("{base}/new-account"),
        "newOrder": format!("{base}/new-order"),
        "revokeCert": format!("{base}/revoke"),
        "keyChange": format!("{base}/key-change"),
    })
}

async fn read(request: Request<Incoming>) -> Asked {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.expect("a request").to_bytes();
    let signed: Value = serde_json::from_slice(&body).unwrap_or_default();
    let payload = signed["payload"].as_str().and_then(|text| BASE64_URL_SAFE_NO_PAD.decode(text).ok());
    Asked { path, payload: payload.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default() }
}

fn server_config(root: &Path) -> ServerConfig {
    let key = KeyPair::generate().expect("a key");
    let certificate =
        CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("names").self_signed(&key).expect("a certificate");
    std::fs::write(root, certificate.pem()).expect("writing the root");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a server")
}

/// A bare client for the library, where a test does what the platform never does.
pub fn client(roots: &Path) -> Box<dyn HttpClient> {
    let mut store = RootCertStore::empty();
    store.add(CertificateDer::from_pem_file(roots).expect("a root")).expect("a root");
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(store)
        .with_no_client_auth();
    let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().build();
    Box::new(Bare(Client::builder(TokioExecutor::new()).build(https)))
}

struct Bare(Client<HttpsConnector<HttpConnector>, BodyWrapper<Bytes>>);

impl HttpClient for Bare {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>> {
        let answer = self.0.request(request);
        Box::pin(async move { Ok(BytesResponse::from(answer.await.expect("an answer"))) })
    }
}
