use super::*;

fn policy() -> SenderPolicy {
    SenderPolicy {
        verified: vec![Hostname::parse("shop.example").expect("a name")],
        platform_hostname: Hostname::parse("janes.stoa.example").expect("a name"),
        fallback: EmailAddress::parse("site-janes@mail.stoa.example").expect("an address"),
    }
}

fn trace() -> Trace<'static> {
    Trace {
        id: "mail_1",
        site: "site_1",
        client_name: "web",
        hostname: "stoa.example",
        now: Timestamp::from_second(1_800_000_000).expect("a time"),
    }
}

fn prepared(header: &str) -> Result<Prepared, Reply> {
    prepare(format!("{header}\r\nbody\r\n").into_bytes(), &policy(), &trace())
}

/// The header of a message with this one.
fn header(header: &str) -> String {
    String::from_utf8(prepared(header).expect("accepted").header).expect("text")
}

fn code(header: &str) -> u16 {
    prepared(header).map_or_else(|reply| reply.code, |_| 250)
}

#[test]
fn what_is_missing_is_added_and_the_trace_comes_first() {
    let out = prepared("From: Jane <jane@shop.example>\r\nSubject: Hi\r\n").expect("accepted");
    assert_eq!(
        String::from_utf8_lossy(&out.header),
        "Received: from web (site_1)\r\n\tby stoa.example with ESMTPA id mail_1;\r\n\tFri, 15 Jan 2027 08:00:00 +0000\r\n\
         Subject: Hi\r\nFrom: Jane\r\n <jane@shop.example>\r\nDate: Fri, 15 Jan 2027 08:00:00 +0000\r\n\
         Message-ID: <mail_1@shop.example>\r\n\r\n"
    );
    assert_eq!((out.body.as_slice(), out.subject.as_str()), (&b"body\r\n"[..], "Hi"));
    assert_eq!((out.from.as_str(), out.replaced_from), ("jane@shop.example", None));
    let own = header("From: jane@shop.example\r\nDate: today\r\nMessage-ID: <1@x>\r\n");
    assert!(
        own.contains("Date: today\r\n") && own.contains("Message-ID: <1@x>\r\n") && own.matches("Date:").count() == 1
    );
}

#[test]
fn hidden_recipients_and_claims_of_others_are_removed() {
    let out = header(
        "Return-Path: <ceo@bank.example>\r\nBcc: a@b.c,\r\n d@e.f\r\nbcc: g@h.i\r\nRESENT-BCC: x@y.z\r\nSender: ceo@bank.example\r\n\
         X-Stoa-Site: other\r\nTo: x@y.z\r\nFrom: jane@shop.example\r\n",
    );
    for gone in ["Return-Path", "cc:", "CC:", "d@e.f", "Sender", "X-Stoa"] {
        assert!(!out.contains(gone), "{gone} in {out}");
    }
    assert!(out.contains("To: x@y.z\r\n"));
}

#[test]
fn a_sender_that_the_site_may_not_use_is_replaced_and_gets_the_replies() {
    for (from, permitted) in [
        ("jane@shop.example", true),
        ("JANE@SHOP.example", true),
        ("wordpress@janes.stoa.example", true),
        ("site-janes@mail.stoa.example", true),
        ("admin@mail.stoa.example", false),
        ("wordpress@other.stoa.example", false),
        ("ceo@bank.example", false),
        ("jane@notshop.example", false),
        ("jane@sub.shop.example", false),
    ] {
        let out = prepared(&format!("From: \"Jane's Shop\" <{from}>\r\n")).expect("accepted");
        let text = String::from_utf8_lossy(&out.header).into_owned();
        assert_eq!(out.replaced_from.is_none(), permitted, "{from}");
        if !permitted {
            assert!(text.contains("From: \"Jane's Shop\"\r\n <site-janes@mail.stoa.example>\r\n"), "{text}");
            assert!(text.contains(&format!("Reply-To: <{from}>\r\n")), "{text}");
        }
    }
    let own = header("From: ceo@bank.example\r\nReply-To: office@shop.example\r\n");
    assert!(own.contains("Reply-To: office@shop.example\r\n") && !own.contains("bank.example"), "{own}");
    assert!(header("From: ceo@bank.example\r\nReply-To:\r\n").contains("Reply-To: <ceo@bank.example>"));
}

#[test]
fn bounces_go_to_the_customers_own_domain_or_to_the_sender_domain() {
    let return_path = |from: &str| prepared(&format!("From: {from}\r\n")).expect("accepted").return_path.to_string();
    assert_eq!(return_path("jane@shop.example"), "jane@shop.example");
    assert_eq!(return_path("wordpress@janes.stoa.example"), "site-janes@mail.stoa.example");
    assert_eq!(return_path("ceo@bank.example"), "site-janes@mail.stoa.example");
}

#[test]
fn exactly_one_from_with_exactly_one_address() {
    for bad in [
        "To: x@y.z\r\n",
        "From: jane@shop.example\r\nFrom: ceo@bank.example\r\n",
        "From: jane@shop.example\r\nfrom: ceo@bank.example\r\n",
        "From: jane@shop.example, ceo@bank.example\r\n",
        "From: Group: jane@shop.example;\r\n",
        "From: Group:;\r\n",
        "From: <jane@shop.example> <ceo@bank.example>\r\n",
        "From: ceo@bank.example <jane@shop.example>\r\n",
        "From: jane@shop.example ceo@bank.example\r\n",
        "From: <jane@shop.example>, x\r\n",
        "From: <<jane@shop.example>>\r\n",
        "From: \"jane <jane@shop.example>\r\n",
        "From: \"ceo@bank.example\"@shop.example\r\n",
        "From: (a <jane@shop.example>\r\n",
        "From: =?utf-8?Q?ceo=40bank.example?=\r\n",
        "From: =?utf-8?B?PGNlb0BiYW5rLmV4YW1wbGU+?=\r\n",
        "From: <=?utf-8?Q?ceo?=@bank.example>\r\n",
        "From: <@a.b:jane@shop.example>\r\n",
        "From: jane@[127.0.0.1]\r\n",
        "From: <>\r\n",
        "From:\r\n",
        "From: ja\u{1}ne <jane@shop.example>\r\n",
        "From: <jané@shop.example>\r\n",
    ] {
        assert_eq!(code(bad), 550, "{bad:?}");
    }
}

#[test]
fn names_are_kept_as_they_were_written() {
    for (from, written) in [
        ("=?utf-8?Q?J=C3=A4ne?= <jane@shop.example>", "From: =?utf-8?Q?J=C3=A4ne?=\r\n <jane@shop.example>\r\n"),
        ("\"a, b: <c@d.e> \\\" f\" <jane@shop.example>", "From: \"a, b: <c@d.e> \\\" f\"\r\n <jane@shop.example>\r\n"),
        ("Jäne\r\n\tDoe <jane@shop.example>", "From: Jäne\tDoe\r\n <jane@shop.example>\r\n"),
        ("jane@shop.example (Jane (the) \\) Owner)", "From: <jane@shop.example>\r\n"),
        ("<jane@shop.example>", "From: <jane@shop.example>\r\n"),
        ("Jane (ceo@bank.example) <jane@shop.example>", "From: Jane\r\n <jane@shop.example>\r\n"),
    ] {
        let out = header(&format!("From: {from}\r\n"));
        assert!(out.contains(written), "{from}: {out}");
    }
    let long = header(&format!("From: {} <jane@shop.example>\r\n", "x".repeat(900)));
    assert!(long.contains("From: <jane@shop.example>\r\n"), "{long}");
}

#[test]
fn what_is_no_header_is_refused() {
    for bad in [
        "From : ceo@bank.example\r\nFrom: jane@shop.example\r\n",
        " From: ceo@bank.example\r\n",
        "no field\r\nFrom: jane@shop.example\r\n",
        ": x\r\nFrom: jane@shop.example\r\n",
        "Fr\u{e9}m: x\r\nFrom: jane@shop.example\r\n",
        "F\trom: x\r\n",
    ] {
        assert_eq!(code(bad), 550, "{bad:?}");
    }
    assert_eq!(code(""), 550, "only a body");
    assert_eq!(code(&format!("From: jane@shop.example\r\n{}", "Received: x\r\n".repeat(51))), 554);
    assert_eq!(code(&format!("From: jane@shop.example\r\n{}", "X: y\r\n".repeat(600))), 552);
    assert_eq!(code(&format!("From: jane@shop.example\r\n{}", format!("X: {}\r\n", "y".repeat(900)).repeat(400))), 552);
    assert_eq!(prepare(Vec::new(), &policy(), &trace()).expect_err("refused").code, 550);
    let only_header = prepare(b"From: jane@shop.example\r\n".to_vec(), &policy(), &trace()).expect("accepted");
    assert!(only_header.header.ends_with(b"\r\n\r\n") && only_header.body.is_empty());
}

#[test]
fn subjects_are_decoded() {
    for (subject, text) in [
        ("=?UTF-8?Q?Your_order_=E2=80=93?= =?utf-8?B?IDQy?=", "Your order – 42"),
        ("[Shop] =?utf-8?q?caf=C3=A9?= now", "[Shop] café now"),
        ("=?iso-8859-1?Q?caf=E9?=", "=?iso-8859-1?Q?caf=E9?="),
        ("=?utf-8?Q?a=0D=0ABcc:_x?=", "a  Bcc: x"),
        ("=?utf-8?Q?=ZZ?=", "=?utf-8?Q?=ZZ?="),
        ("folded\r\n line", "folded line"),
    ] {
        let out = prepared(&format!("From: jane@shop.example\r\nSubject: {subject}\r\n")).expect("accepted");
        assert_eq!(out.subject, text);
    }
}

/// Whatever a client sends, what leaves has one author with a permitted address, and lines of CRLF only.
#[test]
fn random_headers_never_get_a_second_author_through() {
    use rand::{RngExt, SeedableRng, rngs::StdRng};
    let pieces: [&[u8]; 24] = [
        b"From",
        b"from",
        b":",
        b" ",
        b"\t",
        b"\r\n",
        b"<",
        b">",
        b"@",
        b"\"",
        b"\\",
        b"(",
        b")",
        b",",
        b";",
        b"jane@shop.example",
        b"ceo@bank.example",
        b"Sender",
        b"Subject: x",
        b"=?utf-8?Q?",
        b"?=",
        b"\xff",
        b"\r\n\r\n",
        b"From: jane@shop.example\r\n",
    ];
    let mut random = StdRng::seed_from_u64(31);
    let mut accepted = 0;
    for _ in 0..200_000 {
        let mut data: Vec<u8> = (0..random.random_range(1..14))
            .flat_map(|_| pieces[random.random_range(0..pieces.len())])
            .copied()
            .collect();
        data.extend_from_slice(b"\r\n");
        let Ok(out) = prepare(data.clone(), &policy(), &trace()) else { continue };
        accepted += 1;
        let text = String::from_utf8_lossy(&out.header).to_ascii_lowercase();
        let unfolded = text.replace("\r\n ", " ").replace("\r\n\t", " ");
        let froms: Vec<_> = unfolded.split("\r\n").filter(|line| line.starts_with("from:")).collect();
        assert_eq!(froms.len(), 1, "{data:?} became {text}");
        assert!(froms[0].ends_with(&format!("<{}>", out.from)), "{data:?} became {text}");
        assert!(!out.from.as_str().ends_with("bank.example"), "{data:?}");
        assert!(!out.header.windows(2).any(|pair| (pair[0] == b'\r') != (pair[1] == b'\n')), "{data:?}");
        assert_eq!(text.find("\r\n\r\n"), Some(text.len() - 4), "{data:?} became {text}");
    }
    assert!(accepted > 1000, "only {accepted} were accepted");
}
