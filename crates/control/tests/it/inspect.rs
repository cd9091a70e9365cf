//! Looking inside a site.

use stoa_control::MOST_LINES;
use stoa_model::stack::ServiceName;
use stoa_testkit::TestPlatform;

use crate::support;

#[tokio::test]
async fn as_many_lines_as_were_asked_for_up_to_the_most() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let project = support::site(&platform, site).await.project;
    (0..MOST_LINES + 100).for_each(|n| platform.engine.say(&project, &ServiceName("web".into()), &n.to_string()));
    for (asked, given) in [(0, 1), (10, 10), (MOST_LINES - 1, MOST_LINES - 1), (u32::MAX, MOST_LINES)] {
        let lines = platform.control.site_logs(&jane, site, asked).await.expect("the lines");
        let web = lines.iter().filter(|line| line.service == "web").count();
        assert_eq!(web, given as usize, "of {asked}");
    }
}
