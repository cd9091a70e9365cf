//! Hostile names through the real forms. In an ancestor of this system, a newline in a company's name produced a
//! privileged container. Here names have one line, and a title appears in the store, character for character, and nowhere
//! else. (Titles of several lines, which earlier releases took, are in the cases of the blueprints.)

use std::{collections::BTreeSet, process::Command, time::Duration};

use serde_json::Value;

use super::{
    http::{Answer, Request, form},
    world::World,
};

const COMPANY: &str =
    "Evil & Sons\"\nprivileged: true\n  cap_add: [ALL]\n${HOME} `id` $(id) '); DROP TABLE sites;-- \\";
const TITLES: [&str; 3] = [
    "Jane's \"Shop\"\nprivileged: true\n${SECRET_KEY} $DB_PASSWORD $$ $(id) `id` {{7*7}} <b>&amp;</b> \\ %s",
    "'); DROP TABLE sites; --\n    privileged: true\n    ports: [\"22:22\"]\n    volumes: [\"/:/host\"] # é 🛒",
    "x\r\nADMIN_PASSWORD=owned\r\nLD_PRELOAD=/tmp/x\r\n\"'; touch /tmp/owned; #\ttab </title><script>alert(1)</script>",
];

/// A browser with its cookies.
struct Browser<'a> {
    world: &'a World,
    cookies: Vec<String>,
}

impl Browser<'_> {
    fn send(&mut self, method: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let host = format!("localhost:{}", self.world.address.port());
        let headers = vec![
            ("Cookie", self.cookies.join("; ")),
            ("Origin", format!("http://{host}")),
            ("Content-Type", "application/x-www-form-urlencoded".to_owned()),
        ];
        let request = Request { method, host: &host, path, headers, body: form(fields) };
        let answer = request.tcp(self.world.address, Duration::from_secs(60)).unwrap();
        for cookie in answer.cookies() {
            let name = cookie.split('=').next().unwrap().to_owned() + "=";
            self.cookies.retain(|old| !old.starts_with(&name));
            self.cookies.push(cookie);
        }
        answer
    }

    /// Submits a form and returns where it redirects.
    fn fill_in(&mut self, path: &str, fields: &[(&str, &str)]) -> String {
        let answer = self.submit(path, fields);
        let to = answer.header("location").unwrap_or_else(|| panic!("{path}: {} {}", answer.status, answer.text()));
        to.to_owned()
    }

    fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.send("GET", path, &[]).text();
        let token = page.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let token = token.unwrap_or_else(|| panic!("no token in {page}")).to_owned();
        self.send("POST", path, &[&[("csrf", token.as_str())], fields].concat())
    }
}

#[test]
fn a_hostile_title_ends_in_the_store_and_nowhere_else() {
    let Some(mut world) = World::new("bad-input", "10.216.160.0/20", "") else { return };
    world.start();
    let plain = [world.make("ebuilder", "plain-e"), world.make("woocommerce", "plain-w")];
    let mut browser = Browser { world: &world, cookies: Vec::new() };
    let of_one_line = |text: &str| text.replace(['\r', '\n', '\t'], " ");
    let company = of_one_line(COMPANY);
    for (number, lines) in TITLES.iter().enumerate() {
        let title = &of_one_line(lines);
        assert!(title.chars().count() <= 120, "{title:?} is too long to be tried");
        let [one, two] = ["e", "w"].map(|kind| format!("evil-{kind}-{number}"));
        let order =
            |subdomain, blueprint| [("subdomain", subdomain), ("blueprint", blueprint), ("title", title.as_str())];
        let to = if number == 0 {
            let account = [
                ("email", "evil+${HOME}@example.com"),
                ("password", "a long enough password"),
                ("company", company.as_str()),
            ];
            let several = [account[0], account[1], ("company", COMPANY)];
            let refused = browser.submit("/register", &[&several[..], &order(&one, "ebuilder")].concat());
            assert_eq!(refused.status, 422, "a company of several lines");
            let to = browser.fill_in("/register", &[&account[..], &order(&one, "ebuilder")].concat());
            // A customer with more than one site has verified their address.
            world.cli(&["customers", "verify", account[0].1]);
            to
        } else {
            browser.fill_in("/sites/new", &order(&one, "ebuilder"))
        };
        assert!(to.starts_with("/jobs/"), "{to}");
        let several = [("subdomain", two.as_str()), ("blueprint", "woocommerce"), ("title", *lines)];
        assert_eq!(browser.submit("/sites/new", &several).status, 422, "a title of several lines");
        assert!(browser.fill_in("/sites/new", &order(&two, "woocommerce")).starts_with("/jobs/"));
        for (subdomain, like) in [(&one, &plain[0]), (&two, &plain[1])] {
            let site = world.id(subdomain);
            assert_eq!(world.rest(&site), "succeeded", "{:#}", world.job(&site));
            assert_eq!(&shown(&world, subdomain), title, "the title in {subdomain}");
            assert_eq!(world.site(subdomain)["title"], *title);
            same_but_for_the_title(&world, &site, like, title);
            compose_reads_it(&world, &site);
        }
        let page = browser.send("GET", "/dashboard", &[]).text();
        assert!(!page.contains("<script>alert(1)"), "a title is script in the dashboard");
        assert!(page.contains(&format!("evil-w-{number}")), "{page}");
    }
}

/// The title as the running store shows it.
fn shown(world: &World, subdomain: &str) -> String {
    if subdomain.starts_with("evil-e") {
        let page = world.front(&format!("{subdomain}.localhost")).text();
        let shown = page.split("<h1>").nth(1).and_then(|rest| rest.split("</h1>").next()).expect("a heading");
        return unescape(shown);
    }
    let host = format!("{subdomain}.localhost:{}", world.address.port());
    // WordPress prints typographic quotes on its pages; here it returns the title itself, escaped.
    let answer = Request::get(&host, "/?rest_route=/").tcp(world.address, Duration::from_secs(60)).unwrap();
    let page = world.front(&format!("{subdomain}.localhost")).text();
    assert!(!page.contains("<script>alert(1)") && !page.contains("<b>&amp;"), "the title is markup in the store");
    unescape(answer.json()["name"].as_str().unwrap())
}

fn unescape(text: &str) -> String {
    let pairs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#039;", "'"), ("&amp;", "&")];
    pairs.iter().fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

/// A site with this title differs from a plain one in the one value that is the title.
fn same_but_for_the_title(world: &World, site: &str, like: &str, title: &str) {
    let [evil, plain] = [site, like].map(|site| containers(world, site));
    assert_eq!(evil.len(), plain.len());
    for (evil, plain) in evil.iter().zip(&plain) {
        for field in [
            "Privileged",
            "CapAdd",
            "CapDrop",
            "Binds",
            "Devices",
            "SecurityOpt",
            "PortBindings",
            "PidMode",
            "Runtime",
            "Tmpfs",
        ] {
            assert_eq!(evil["HostConfig"][field], plain["HostConfig"][field], "{field}");
        }
        for field in ["Image", "Cmd", "Entrypoint", "User", "WorkingDir", "ExposedPorts", "Volumes"] {
            assert_eq!(evil["Config"][field], plain["Config"][field], "{field}");
        }
        assert_eq!(keys(evil), keys(plain), "other variables in the environment");
        let targets = |c: &Value| -> BTreeSet<(String, String)> {
            let text = |m: &Value, name: &str| m[name].as_str().unwrap().to_owned();
            c["Mounts"].as_array().unwrap().iter().map(|m| (text(m, "Type"), text(m, "Destination"))).collect()
        };
        assert_eq!(targets(evil), targets(plain), "other mounts");
        let with_title = env(evil).filter(|(_, value)| value.contains("privileged") || value.contains("LD_PRELOAD"));
        let with_title: Vec<_> = with_title.collect();
        let wanted = keys(evil).contains("SITE_NAME").then_some(("SITE_NAME", title));
        assert_eq!(with_title, wanted.into_iter().collect::<Vec<_>>(), "the title in the environment");
        let rest =
            [&evil["Config"]["Labels"], &evil["HostConfig"], &evil["Args"], &evil["Mounts"]].map(Value::to_string);
        assert!(!rest.concat().contains("privileged: true"), "the title is where it should not be: {rest:?}");
    }
}

fn containers(world: &World, site: &str) -> Vec<Value> {
    let things = world.engine.labelled(&format!("stoa.site={site}"));
    let mut found: Vec<_> = things.containers.iter().map(|c| world.engine.inspect(c["Id"].as_str().unwrap())).collect();
    found.sort_by_key(|c| c["Config"]["Labels"]["com.docker.compose.service"].to_string());
    found
}

fn env(container: &Value) -> impl Iterator<Item = (&str, &str)> {
    container["Config"]["Env"].as_array().unwrap().iter().filter_map(|pair| pair.as_str().unwrap().split_once('='))
}

fn keys(container: &Value) -> BTreeSet<&str> {
    env(container).map(|(key, _)| key).collect()
}

/// Compose still reads the rendered file, and the title added nothing to it.
fn compose_reads_it(world: &World, site: &str) {
    let things = world.engine.labelled(&format!("stoa.site={site}"));
    let directory =
        things.containers[0]["Labels"]["com.docker.compose.project.working_dir"].as_str().unwrap().to_owned();
    let Ok(read) = Command::new("docker-compose").arg("config").current_dir(&directory).output() else {
        eprintln!("SKIPPED: docker-compose is not installed");
        return;
    };
    let text = String::from_utf8_lossy(&read.stdout).into_owned();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    // Keys of a service stand at the fourth column; a title's lines can't.
    let keys: BTreeSet<_> = text.lines().filter(|l| l.starts_with("    ") && !l[4..].starts_with([' ', '-'])).collect();
    for foreign in ["privileged", "cap_add", "ports", "devices", "network_mode", "pid"] {
        assert!(!keys.iter().any(|line| line[4..].starts_with(&format!("{foreign}:"))), "{foreign} in {text}");
    }
}
