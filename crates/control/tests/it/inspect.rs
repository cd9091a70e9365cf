//! Looking inside a site.

use stoa_model::stack::ServiceName;
use stoa_sites::MAX_LOG_LINES;
use stoa_testkit::TestPlatform;

use crate::support;

#[tokio::test]
async fn as_many_lines_as_were_asked_for_up_to_the_most() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let project = support::site(&platform, site).await.project;
    (0..MAX_LOG_LINES + 100).for_each(|n| platform.engine.say(&project, &ServiceName("web".into()), &n.to_string()));
    for (asked, given) in [(0, 1), (10, 10), (MAX_LOG_LINES - 1, MAX_LOG_LINES - 1), (u32::MAX, MAX_LOG_LINES)] {
        let lines = platform.control.sites.logs(&jane, site, asked).await.expect("the lines").lines;
        let web = lines.iter().filter(|line| line.service == "web").count();
        assert_eq!(web, given as usize, "of {asked}");
    }
}
