use stoa_db::dns_records::{DnsRecordRow, dns_record_forget, dns_record_put, dns_records_all, dns_records_of};
use stoa_model::id::SiteId;

use crate::bed::{Bed, at};

fn row(name: &str, kind: &str, value: &str, site: Option<SiteId>) -> DnsRecordRow {
    DnsRecordRow { name: name.into(), kind: kind.into(), value: value.into(), site }
}

pub async fn records_by_name_and_kind(bed: Bed) {
    let site = bed.queued().await.site;
    let put = async |name: &str, kind: &str, value: &str, site: Option<SiteId>| {
        let tx = bed.db.begin().await.unwrap();
        dns_record_put(&tx, name, kind, value, site, at(1)).await?;
        tx.commit().await
    };
    put("b.example.com", "AAAA", "::1", Some(site)).await.unwrap();
    put("b.example.com", "A", "192.0.2.1", Some(site)).await.unwrap();
    put("b.example.com", "A", "192.0.2.2", Some(site)).await.unwrap();
    put("_acme-challenge.a.example.com", "TXT", "„proof\"", None).await.unwrap();
    assert!(put("c.example.com", "A", "x", Some(SiteId::from_uuid(bed.uuid()))).await.is_err(), "a foreign key");
    let its = [row("b.example.com", "A", "192.0.2.2", Some(site)), row("b.example.com", "AAAA", "::1", Some(site))];
    assert_eq!(dns_records_of(&bed.db, site).await.unwrap(), its);
    let proof = row("_acme-challenge.a.example.com", "TXT", "„proof\"", None);
    assert_eq!(dns_records_all(&bed.db).await.unwrap(), [proof.clone(), its[0].clone(), its[1].clone()]);
    put("b.example.com", "AAAA", "::2", None).await.unwrap();
    assert_eq!(dns_records_of(&bed.db, site).await.unwrap(), [its[0].clone()], "the site's no more");
    let tx = bed.db.begin().await.unwrap();
    dns_record_forget(&tx, "b.example.com", "A").await.unwrap();
    dns_record_forget(&tx, "b.example.com", "A").await.expect("twice is once");
    tx.commit().await.unwrap();
    assert_eq!(dns_records_all(&bed.db).await.unwrap(), [proof, row("b.example.com", "AAAA", "::2", None)]);
}
