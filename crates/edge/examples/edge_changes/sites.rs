//! What every site must answer and prove by now. Of both there are generations: the newest that
//! was *announced* (its change has begun), and the newest that is *settled* (somebody has seen it).
//! An answer in between is right; an older one is late; anything else is another site's.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
};

use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::{CertificateDer, pem::PemObject};

use crate::Result;

/// What of a site changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Route,
    Certificate,
}

/// Whether something is what it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Of the newest generation that was announced.
    New,
    /// Of one that is still allowed.
    Right,
    /// Of one that was replaced for others already.
    Late,
    /// Another site's.
    Wrong,
}

pub(crate) struct Sites {
    all: Vec<Site>,
    pub(crate) port: u16,
}

impl Sites {
    pub(crate) fn read(certificates: &Path, count: u32, port: u16) -> Result<Self> {
        let all = (0..count).map(|number| Site::read(certificates, number, port)).collect::<Result<_>>()?;
        Ok(Self { all, port })
    }

    pub(crate) fn site(&self, number: u32) -> &Site {
        &self.all[number as usize % self.all.len()]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Site> {
        self.all.iter()
    }
}

/// A chain and its key, as PEM.
#[derive(Debug, Clone)]
pub(crate) struct Pem {
    pub(crate) chain: String,
    pub(crate) key: String,
}

pub(crate) struct Site {
    pub(crate) number: u32,
    pub(crate) name: String,
    pub(crate) first: Pem,
    port: u16,
    announced: [AtomicU32; 2],
    settled: [AtomicU32; 2],
    /// The certificates of all generations.
    proofs: Mutex<Vec<CertificateDer<'static>>>,
}

impl Site {
    fn read(certificates: &Path, number: u32, port: u16) -> Result<Self> {
        let name = format!("site-{number}.bench.test");
        let file = |end: &str| std::fs::read_to_string(certificates.join(format!("{name}.{end}")));
        let first = Pem { chain: file("crt")?, key: file("key")? };
        let proofs = Mutex::new(vec![CertificateDer::from_pem_slice(first.chain.as_bytes())?]);
        Ok(Self { number, name, first, port, announced: Default::default(), settled: Default::default(), proofs })
    }

    /// The upstream of a generation; `site_address` in bench/edge/peers.py says the same of the first.
    pub(crate) fn upstream(&self, generation: u32) -> SocketAddr {
        let [_, _, high, low] = self.number.to_be_bytes();
        let second = 64 + u8::try_from(generation % 64).unwrap_or(0);
        (Ipv4Addr::new(127, second, high, low), self.port).into()
    }

    pub(crate) fn generation(&self, kind: Kind) -> u32 {
        self.announced[kind as usize].load(SeqCst)
    }

    /// Makes what the next generation needs: with a new certificate, that.
    pub(crate) fn prepare(&self, kind: Kind) -> Result<Option<Pem>> {
        if kind == Kind::Route {
            return Ok(None);
        }
        let key = KeyPair::generate()?;
        let made = CertificateParams::new([self.name.clone()])?.self_signed(&key)?;
        self.proofs.lock().unwrap_or_else(PoisonError::into_inner).push(made.der().clone());
        Ok(Some(Pem { chain: made.pem(), key: key.serialize_pem() }))
    }

    /// From now on the next generation may be seen.
    pub(crate) fn announce(&self, kind: Kind) {
        self.announced[kind as usize].fetch_add(1, SeqCst);
    }

    /// From now on no older generation may be seen by a new request.
    pub(crate) fn settle(&self, kind: Kind) {
        self.settled[kind as usize].store(self.generation(kind), SeqCst);
    }

    /// What must be known before a request is sent, or a connection made, to judge the answer.
    pub(crate) fn oldest_allowed(&self, kind: Kind) -> u32 {
        self.settled[kind as usize].load(SeqCst)
    }

    pub(crate) fn judge_answer(&self, body: &str, oldest: u32) -> Found {
        let newest = self.generation(Kind::Route);
        self.judge((0..=newest).rev().find(|generation| self.upstream(*generation).to_string() == body), oldest, newest)
    }

    pub(crate) fn judge_proof(&self, proof: Option<&CertificateDer<'_>>, oldest: u32) -> Found {
        let proofs = self.proofs.lock().unwrap_or_else(PoisonError::into_inner);
        let found = proofs.iter().position(|known| Some(known) == proof).and_then(|place| u32::try_from(place).ok());
        self.judge(found, oldest, self.generation(Kind::Certificate))
    }

    fn judge(&self, found: Option<u32>, oldest: u32, newest: u32) -> Found {
        match found {
            Some(generation) if generation == newest => Found::New,
            Some(generation) if generation > newest => Found::Wrong,
            Some(generation) if generation >= oldest => Found::Right,
            Some(_) => Found::Late,
            None => Found::Wrong,
        }
    }
}
