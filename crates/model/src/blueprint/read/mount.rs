//! Reads `volumes` and `tmpfs` of a service. Only named volumes of the same file and memory can be
//! mounted; whatever looks like a path of the machine is refused, sockets first of all.

use super::{cursor::Cursor, names::Names, node::Value};
use crate::{
    limits::Bytes,
    stack::{Mount, Tmpfs},
};

/// What a `tmpfs` gets that says nothing of its size.
const TMPFS_SIZE: Bytes = Bytes::mib(64);
const HOST_PATH: &str = "paths of the machine are never mounted, least of all the engine's socket: use a named volume, or put files into the image";

/// Reads `volumes`: the short form and the long one.
pub(super) fn mounts(at: &Cursor, names: &Names) -> Vec<Mount> {
    let read = |item: &Cursor| match &item.node.value {
        Value::Map(_) => long(item, names),
        _ => short(item, names),
    };
    at.items().iter().filter_map(read).collect()
}

fn short(at: &Cursor, names: &Names) -> Option<Mount> {
    // A path is refused as such even where a variable stands in it.
    if at.raw()?.starts_with(['/', '.', '~', '\\', '$']) && at.raw()?.contains(':') {
        at.problem(HOST_PATH);
        return None;
    }
    let text = at.text()?;
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, read_only) = match parts[..] {
        [_] => {
            at.problem("a volume without a name is lost with its container: write name:/path");
            return None;
        }
        [source, target] | [source, target, "rw"] => (source, target, false),
        [source, target, "ro"] => (source, target, true),
        _ => {
            at.problem(format!("{text:?} is not understood: write name:/path or name:/path:ro"));
            return None;
        }
    };
    Some(Mount { volume: source_volume(at, source, names)?, path: at.mount_point(target)?, read_only })
}

fn source_volume(at: &Cursor, source: &str, names: &Names) -> Option<crate::stack::VolumeName> {
    if source.contains(['/', '\\', '~']) || source.starts_with('.') {
        at.problem(HOST_PATH);
        return None;
    }
    names.volume(at, source)
}

fn long(at: &Cursor, names: &Names) -> Option<Mount> {
    let mut fields = at.fields()?;
    let kind = fields.need("type");
    let (source, target, read_only) = (fields.need("source"), fields.need("target"), fields.take("read_only"));
    match kind?.text()?.as_str() {
        "volume" => fields.finish(),
        "bind" | "npipe" => {
            at.problem(HOST_PATH);
            return None;
        }
        "tmpfs" => {
            at.problem("memory is mounted by the service's key tmpfs: move it there");
            return None;
        }
        other => {
            at.problem(format!("a mount of type {other:?} is not possible: use a named volume"));
            return None;
        }
    }
    let (source, target) = (source?, target?);
    Some(Mount {
        volume: source_volume(&source, &source.text()?, names)?,
        path: target.mount_point(&target.text()?)?,
        read_only: read_only.and_then(|at| at.flag()).unwrap_or(false),
    })
}

/// Reads `tmpfs`: one or a list of `/path[:size=64m,mode=1777]`.
pub(super) fn tmpfs(at: &Cursor) -> Vec<Tmpfs> {
    match &at.node.value {
        Value::Text(_) => one_tmpfs(at).into_iter().collect(),
        _ => at.items().iter().filter_map(one_tmpfs).collect(),
    }
}

fn one_tmpfs(at: &Cursor) -> Option<Tmpfs> {
    let text = at.text()?;
    let (path, options) = text.split_once(':').unwrap_or((&text, ""));
    let mut tmpfs = Tmpfs { path: at.mount_point(path)?, size: TMPFS_SIZE, mode: 0o1777 };
    for option in options.split(',').filter(|option| !option.is_empty()) {
        let fine = match option.split_once('=') {
            Some(("size", size)) => size.parse().ok().filter(|size| *size > Bytes(0)).map(|size| tmpfs.size = size),
            Some(("mode", mode)) => {
                u32::from_str_radix(mode, 8).ok().filter(|mode| *mode <= 0o1777).map(|mode| tmpfs.mode = mode)
            }
            _ => None,
        };
        if fine.is_none() {
            at.problem(format!("the option {option:?} is not understood: write /path:size=64m,mode=1777"));
            return None;
        }
    }
    Some(tmpfs)
}
