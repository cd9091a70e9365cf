//! What all lists have: a search box, filters with counts, an order, pages to and fro, and a file for spreadsheets. All
//! of it is kept in the address, so that a list can be bookmarked and sent to a colleague.

use askama::{Template, filters::HtmlSafe};
use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use stoa_core::view::{Listing, PageNumber};

use super::number::count;
use crate::http_error::HttpError;

/// The address of a list: its path, and what was chosen.
#[derive(Debug, Clone)]
pub struct ListUrl {
    path: String,
    chosen: Vec<(&'static str, String)>,
}

impl ListUrl {
    /// The list at `path` with what was chosen; blank choices are left out.
    pub fn new(path: impl Into<String>, chosen: &[(&'static str, &str)]) -> Self {
        let chosen = chosen.iter().filter(|(_, value)| !value.is_empty());
        Self { path: path.into(), chosen: chosen.map(|(name, value)| (*name, (*value).to_owned())).collect() }
    }

    /// The address with one choice changed; a blank value undoes the choice.
    pub fn with(&self, name: &'static str, value: &str) -> String {
        let kept = self.chosen.iter().filter(|(known, _)| *known != name);
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(kept.map(|(name, value)| (*name, value.as_str())));
        if !value.is_empty() {
            query.append_pair(name, value);
        }
        let query = query.finish();
        if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) }
    }

    /// What was chosen of one kind; blank for all.
    fn chosen(&self, name: &str) -> &str {
        self.chosen.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// Whether anything was chosen, so that an empty list does not mean that there is nothing.
    pub fn is_filtered(&self) -> bool {
        self.chosen.iter().any(|(name, _)| *name != "sort")
    }
}

/// The search box of a list, with menus for what else is chosen.
#[derive(Debug, Template)]
#[template(path = "part/finder.html")]
pub struct Finder {
    text: String,
    placeholder: &'static str,
    /// Choices to keep.
    hidden: Vec<(&'static str, String)>,
    menus: Vec<Menu>,
}

impl HtmlSafe for Finder {}

#[derive(Debug)]
struct Menu {
    name: &'static str,
    label: &'static str,
    /// Value, label, whether it is the current one.
    options: Vec<(String, String, bool)>,
}

impl Finder {
    /// A search for the choice `q` of the list at `url`.
    pub fn new(url: &ListUrl, placeholder: &'static str) -> Self {
        let hidden = url.chosen.iter().filter(|(name, _)| *name != "q").cloned().collect();
        Self { text: url.chosen("q").to_owned(), placeholder, hidden, menus: Vec::new() }
    }

    /// Adds a menu for the choice `name`: its values and their labels.
    pub fn menu<'a>(
        mut self,
        url: &ListUrl,
        name: &'static str,
        label: &'static str,
        options: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let current = url.chosen(name);
        let option = |(value, label): (&str, &str)| (value.to_owned(), label.to_owned(), value == current);
        self.hidden.retain(|(hidden, _)| *hidden != name);
        self.menus.push(Menu { name, label, options: options.into_iter().map(option).collect() });
        self
    }
}

/// A row of filters, one of which holds.
#[derive(Debug, Template)]
#[template(path = "part/filters.html")]
pub struct Filters {
    label: &'static str,
    filters: Vec<Filter>,
}

impl HtmlSafe for Filters {}

#[derive(Debug)]
struct Filter {
    label: &'static str,
    count: String,
    href: String,
    is_current: bool,
}

impl Filters {
    /// Filters by the choice `name`: their values, labels and numbers of items; the value "" means all.
    pub fn new(
        label: &'static str,
        url: &ListUrl,
        name: &'static str,
        current: &str,
        filters: impl IntoIterator<Item = (&'static str, &'static str, u64)>,
    ) -> Self {
        let filter = |(value, label, n): (&'static str, &'static str, u64)| Filter {
            label,
            count: count(n),
            href: url.with(name, value),
            is_current: value == current,
        };
        Self { label, filters: filters.into_iter().map(filter).collect() }
    }
}

/// Where one is in a list, and the ways to the pages around.
#[derive(Debug, Template)]
#[template(path = "part/pager.html")]
pub struct Pager {
    position: String,
    previous: Option<String>,
    next: Option<String>,
    csv: Option<String>,
}

impl HtmlSafe for Pager {}

impl Pager {
    /// The pager of a list; with a link to the whole list as a file if `csv`.
    pub fn new<T>(listing: &Listing<T>, url: &ListUrl, csv: bool) -> Self {
        let position = match listing.positions() {
            Some((from, to)) => format!("{}–{} of {}", count(from), count(to), count(listing.total)),
            None => "0".into(),
        };
        let page = |number: u32| url.with("page", &if number > 1 { number.to_string() } else { String::new() });
        Self {
            position,
            previous: listing.previous().map(page),
            next: listing.next().map(page),
            csv: (csv && listing.total > 0).then(|| url.with("format", "csv")),
        }
    }
}

/// A whole list as a file: all pages that `find` finds, a row for each item.
///
/// # Errors
/// As `find`.
pub async fn csv_of_all<T, F: Future<Output = stoa_core::Result<Listing<T>>>>(
    name: &str,
    head: &[&str],
    find: impl Fn(PageNumber) -> F,
    row: impl Fn(T) -> Vec<String>,
) -> Result<Response, HttpError> {
    let (mut rows, mut page) = (Vec::new(), PageNumber::default());
    loop {
        let found = find(page).await?;
        let is_last = found.next().is_none();
        rows.extend(found.items.into_iter().map(&row));
        if is_last {
            return Ok(csv(name, head, &rows));
        }
        page = page.following();
    }
}

/// A table as a file for spreadsheets (RFC 4180). A cell that a spreadsheet would take for a formula gets an apostrophe
/// (CWE-1236).
fn csv(name: &str, head: &[&str], rows: &[Vec<String>]) -> Response {
    let mut text = String::new();
    let head: Vec<_> = head.iter().map(|cell| (*cell).to_owned()).collect();
    for row in std::iter::once(&head).chain(rows) {
        text.push_str(&csv_line(row));
    }
    let disposition = format!("attachment; filename=\"{name}.csv\"");
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, text).into_response()
}

/// A row of such a file.
pub fn csv_line(cells: &[String]) -> String {
    cells.iter().map(|cell| csv_cell(cell)).collect::<Vec<_>>().join(",") + "\r\n"
}

fn csv_cell(cell: &str) -> String {
    let guard = if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']) { "'" } else { "" };
    format!("\"{guard}{}\"", cell.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_kept_in_the_address() {
        let url = ListUrl::new("/staff/sites", &[("q", "a&b c"), ("status", ""), ("sort", "title")]);
        assert_eq!(url.with("status", "online"), "/staff/sites?q=a%26b+c&sort=title&status=online");
        assert_eq!(url.with("q", ""), "/staff/sites?sort=title");
        let finder = Finder::new(&url, "Search").menu(&url, "status", "Status", [("", "All"), ("online", "Online")]);
        assert_eq!((finder.text.as_str(), finder.hidden), ("a&b c", vec![("sort", "title".to_owned())]));
        assert!(finder.menus[0].options[0].2 && !finder.menus[0].options[1].2);
        assert!(url.is_filtered());
        let plain = ListUrl::new("/staff/sites", &[("sort", "title")]);
        assert!(!plain.is_filtered());
        assert_eq!(plain.with("sort", ""), "/staff/sites");
    }

    #[test]
    fn the_pager_leads_both_ways() {
        let url = ListUrl::new("/x", &[("q", "a"), ("page", "2")]);
        let listing = Listing { items: vec![(); 50], total: 1_204, page: PageNumber::new(2) };
        let pager = Pager::new(&listing, &url, true);
        assert_eq!(pager.position, "51–100 of 1,204");
        assert_eq!(pager.previous.unwrap(), "/x?q=a");
        assert_eq!(pager.next.unwrap(), "/x?q=a&page=3");
        assert_eq!(pager.csv.unwrap(), "/x?q=a&page=2&format=csv");
    }

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(csv_cell("=HYPERLINK(\"http://x\")"), "\"'=HYPERLINK(\"\"http://x\"\")\"");
        assert_eq!(csv_cell("a, \"b\""), "\"a, \"\"b\"\"\"");
    }
}
