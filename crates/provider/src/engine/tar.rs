//! As much of the tar format as tests need: plain files with short names, as POSIX `ustar`.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

const BLOCK: usize = 512;

/// The header of a file.
pub(super) fn header(name: &str, size: usize) -> Bytes {
    let mut block = [0u8; BLOCK];
    let mut put = |at: usize, text: &str| block[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{size:011o}\0"));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Bytes::copy_from_slice(&block)
}

/// A whole file: header, content and padding.
pub(super) fn file(name: &str, content: &[u8]) -> Bytes {
    let mut bytes = BytesMut::from(&header(name, content.len())[..]);
    bytes.extend_from_slice(content);
    bytes.extend_from_slice(&vec![0; padding(content.len())]);
    bytes.freeze()
}

/// Zeros between a content of this size and the next header.
pub(super) fn padding(size: usize) -> usize {
    size.next_multiple_of(BLOCK) - size
}

/// The end of an archive.
pub(super) fn end() -> Bytes {
    Bytes::from_static(&[0; 2 * BLOCK])
}

/// Reads archives as they come: answers each file's name and size, and its content in parts.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pending: BytesMut,
    content: usize,
    padding: usize,
    is_file: bool,
}

/// What a [`Reader`] found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    File(String),
    Content(Bytes),
}

impl Reader {
    pub(super) fn read(&mut self, chunk: &[u8]) -> Vec<Entry> {
        self.pending.extend_from_slice(chunk);
        let mut entries = Vec::new();
        loop {
            if self.content > 0 {
                let part = self.pending.split_to(self.content.min(self.pending.len())).freeze();
                if part.is_empty() {
                    return entries;
                }
                self.content -= part.len();
                if self.is_file {
                    entries.push(Entry::Content(part));
                }
            } else if self.padding > 0 && !self.pending.is_empty() {
                let skipped = self.padding.min(self.pending.len());
                drop(self.pending.split_to(skipped));
                self.padding -= skipped;
            } else if self.padding == 0 && self.pending.len() >= BLOCK {
                let block = self.pending.split_to(BLOCK);
                let size = octal(&block[124..136]);
                (self.content, self.padding) = (size, padding(size));
                self.is_file = matches!(block[156], b'0' | 0) && block[0] != 0;
                if self.is_file {
                    entries.push(Entry::File(text(&block[..100]).trim_start_matches("./").to_owned()));
                }
            } else {
                return entries;
            }
        }
    }
}

/// All files of an archive in memory.
pub(super) fn files(archive: &[Bytes]) -> BTreeMap<String, Bytes> {
    let (mut reader, mut files, mut name) = (Reader::default(), BTreeMap::<String, BytesMut>::new(), String::new());
    for entry in archive.iter().flat_map(|chunk| reader.read(chunk)) {
        match entry {
            Entry::File(found) => {
                name.clone_from(&found);
                files.insert(found, BytesMut::new());
            }
            Entry::Content(part) => files.entry(name.clone()).or_default().extend_from_slice(&part),
        }
    }
    files.into_iter().map(|(name, content)| (name, content.freeze())).collect()
}

fn octal(field: &[u8]) -> usize {
    usize::from_str_radix(text(field).trim(), 8).unwrap_or(0)
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_reads_back_in_any_pieces() {
        let whole = [file("a", b"hello"), file("./b", &[7; 600]), file("empty", b""), end()].concat();
        for size in [1, 511, 512, 513, 5000] {
            let pieces: Vec<Bytes> = whole.chunks(size).map(Bytes::copy_from_slice).collect();
            let files = files(&pieces);
            assert_eq!(files.keys().collect::<Vec<_>>(), ["a", "b", "empty"], "pieces of {size}");
            assert_eq!((&files["a"][..], files["b"].len(), files["empty"].len()), (&b"hello"[..], 600, 0));
        }
    }
}
