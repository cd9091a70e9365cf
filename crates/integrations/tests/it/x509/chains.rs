//! Chains, as they were pasted.

use super::fixture::{Made, authority, key, leaf, problem, upload};
use rcgen::date_time_ymd;

#[test]
fn any_order_becomes_leaf_first_without_the_root() {
    let root = Made::root("Root");
    let upper = root.below("Upper");
    let lower = upper.below("Lower");
    let shop = lower.leaf(&["shop.example.com"]);
    let wanted = format!("{}{}{}", shop.pem, lower.pem, upper.pem).replace("\r\n", "\n");
    let parts = [&root.pem, &upper.pem, &lower.pem, &shop.pem];
    for first in 0..4 {
        for step in [1, 3] {
            let pasted: String = (0..4).map(|index| parts[(first + index * step) % 4].as_str()).collect();
            let checked = upload(&pasted, &shop.secret()).expect("a chain");
            assert_eq!(checked.chain, wanted, "begun with {first}, in steps of {step}");
            assert_eq!(checked.notes, Vec::<String>::new());
        }
    }
    let twice = format!("{wanted}some words\n{wanted}");
    assert_eq!(upload(&twice, &shop.secret()).expect("a chain").chain, wanted, "pasted twice");
}

#[test]
fn a_chain_without_its_issuer_is_accepted_with_a_note() {
    let shop = Made::root("Root").below("Example Trust R3").leaf(&["shop.example.com"]);
    let checked = upload(&shop.pem, &shop.secret()).expect("a leaf");
    assert!(
        matches!(&checked.notes[..], [note] if note.contains("Example Trust R3") && note.contains("fullchain")),
        "{:?}",
        checked.notes
    );
}

#[test]
fn a_leaf_right_below_its_root_is_complete() {
    let root = Made::root("Root");
    let shop = root.leaf(&["shop.example.com"]);
    let checked = upload(&format!("{}{}", root.pem, shop.pem), &shop.secret()).expect("a chain");
    assert_eq!((checked.chain, checked.notes), (shop.pem.replace("\r\n", "\n"), vec![]));
}

/// The name alone would let anybody's certificate into the chain.
#[test]
fn an_issuer_of_the_right_name_with_another_key_is_left_out() {
    let shop = Made::root("Root").below("Trust").leaf(&["shop.example.com"]);
    let impostor = Made::root("Other").below("Trust");
    let checked = upload(&format!("{}{}", shop.pem, impostor.pem), &shop.secret()).expect("a leaf");
    assert_eq!(checked.chain, shop.pem.replace("\r\n", "\n"));
    let notes = checked.notes.join(" ");
    assert!(notes.contains("is missing") && notes.contains("Left out") && notes.contains("Trust"), "{notes}");
}

/// Nor does a customer's own certificate become an authority by signing another.
#[test]
fn a_certificate_that_is_no_authority_issues_nothing() {
    let root = Made::root("Root");
    let mut owner = authority("Owner");
    owner.is_ca = rcgen::IsCa::ExplicitNoCa;
    let owner = root.sign(owner, key());
    let shop = owner.leaf(&["shop.example.com"]);
    let checked = upload(&format!("{}{}", shop.pem, owner.pem), &shop.secret()).expect("a leaf");
    assert_eq!(checked.chain, shop.pem.replace("\r\n", "\n"));
}

#[test]
fn the_newest_certificate_for_the_key_is_used() {
    let root = Made::root("Root");
    let mut old = leaf(&["shop.example.com"]);
    old.not_after = date_time_ymd(2026, 2, 1);
    let old = root.sign(old, key());
    let new =
        root.sign(leaf(&["shop.example.com"]), rcgen::KeyPair::from_pem(&old.key.serialize_pem()).expect("the key"));
    let checked = upload(&format!("{}{}{}", old.pem, new.pem, root.pem), &old.secret()).expect("a chain");
    assert_eq!(checked.chain, new.pem.replace("\r\n", "\n"));
    assert!(checked.notes.iter().any(|note| note.contains("Left out")), "{:?}", checked.notes);
}

#[test]
fn an_expired_link_is_a_note() {
    let root = Made::root("Root");
    let mut expired = authority("Cross-signed");
    expired.not_after = date_time_ymd(2026, 5, 3);
    let expired = root.sign(expired, key());
    let shop = expired.leaf(&["shop.example.com"]);
    let checked = upload(&format!("{}{}", shop.pem, expired.pem), &shop.secret()).expect("a chain");
    assert_eq!(checked.notes, ["The certificate of Cross-signed in the chain expired on 3 May 2026."]);
}

#[test]
fn the_key_of_another_certificate_is_refused() {
    let root = Made::root("Root");
    let shop = root.leaf(&["shop.example.com"]);
    let (field, message) = problem(upload(&format!("{}{}", shop.pem, root.pem), &root.leaf(&["a.example"]).secret()));
    assert_eq!(field, "key");
    assert!(message.contains("not the one of this certificate"), "{message}");
}
