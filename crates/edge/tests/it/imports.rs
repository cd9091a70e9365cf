//! The modules of this crate import each other in one direction: a reader can begin anywhere and follow the
//! imports to an end.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// So many files may import each other in a circle, like a module and its parts.
const MAX_CIRCLE_FILES: usize = 3;

/// A module as the segments of its path; the crate itself has none.
type Module = Vec<String>;

#[test]
fn no_import_circle_is_large() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut modules = BTreeMap::new();
    collect(&root, &root, &mut modules);
    assert!(modules.len() > 50, "the sources are at {}", root.display());
    let imports: BTreeMap<_, _> =
        modules.iter().map(|(module, text)| (module.clone(), imported(module, text, &modules))).collect();
    assert!(imports.values().map(BTreeSet::len).sum::<usize>() > 150, "imports are found");
    let reach: BTreeMap<_, _> = imports.keys().map(|module| (module, reachable(module, &imports))).collect();
    for (module, reached) in &reach {
        let circle: Vec<_> = reached.iter().filter(|other| reach[other].contains(*module)).collect();
        assert!(circle.len() <= MAX_CIRCLE_FILES, "these modules import each other: {circle:#?}");
    }
}

/// Reads all modules below a folder, without their tests.
fn collect(root: &Path, folder: &Path, modules: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, modules);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
            let code: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            modules.insert(module_of(root, path), code.join("\n"));
        }
    }
}

fn module_of(root: &Path, file: PathBuf) -> Module {
    let relative = file.strip_prefix(root).unwrap().with_extension("");
    let mut module: Module = relative.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    module.pop_if(|last| last == "mod" || last == "lib");
    module
}

/// The modules that a module's paths lead to.
fn imported(module: &Module, text: &str, modules: &BTreeMap<Module, String>) -> BTreeSet<Module> {
    let mut found = BTreeSet::new();
    for (start, base) in [("crate::", Vec::new()), ("self::", module.clone()), ("super::", parent(module))] {
        for (at, _) in text.match_indices(start) {
            if !text[..at].ends_with(|before: char| before.is_alphanumeric() || "_:".contains(before)) {
                expand(&base, &text[at + start.len()..], modules, &mut found);
            }
        }
    }
    found.remove(module);
    found
}

fn parent(module: &Module) -> Module {
    module[..module.len().saturating_sub(1)].to_vec()
}

/// Follows one path, or each of several in braces; returns what is behind it.
fn expand<'a>(
    base: &Module,
    text: &'a str,
    modules: &BTreeMap<Module, String>,
    found: &mut BTreeSet<Module>,
) -> &'a str {
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = expand(base, rest.trim_start(), modules, found).trim_start();
            match rest.strip_prefix(',').map(str::trim_start) {
                Some(more) if !more.starts_with('}') => rest = more,
                more => return more.unwrap_or(rest).strip_prefix('}').unwrap_or(rest),
            }
        }
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (segment, rest) = text.split_at(end);
    let mut next = base.clone();
    match segment {
        "super" => drop(next.pop()),
        "self" => {}
        _ => next.push(segment.to_owned()),
    }
    if !modules.contains_key(&next) {
        // An item of the module.
        found.insert(base.clone());
        return rest.find([',', '}', ';']).map_or("", |end| &rest[end..]);
    }
    match rest.strip_prefix("::") {
        Some(rest) => expand(&next, rest, modules, found),
        None => {
            found.insert(next);
            rest
        }
    }
}

fn reachable(from: &Module, imports: &BTreeMap<Module, BTreeSet<Module>>) -> BTreeSet<Module> {
    let (mut reached, mut rest) = (BTreeSet::new(), vec![from]);
    while let Some(next) = rest.pop().map(|module| &imports[module]) {
        rest.extend(next.iter().filter(|module| reached.insert((*module).clone())));
    }
    reached
}
