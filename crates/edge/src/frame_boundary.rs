//! Follows the frames of a WebSocket (RFC 6455 5.2), to know where one ends.

/// The longest head of a frame: two bytes, an 8-byte length, a masking key.
const MAX_HEAD: usize = 14;

/// The place within a stream of frames.
#[derive(Debug, Default)]
pub(crate) struct FrameBoundary {
    head: [u8; MAX_HEAD],
    /// Bytes of the head so far.
    head_length: usize,
    /// Bytes of the payload that are still to come.
    payload_left: u64,
}

impl FrameBoundary {
    /// Whether the last frame is complete and no other has begun.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.head_length == 0 && self.payload_left == 0
    }

    /// Follows the stream by these bytes.
    pub(crate) fn follow(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.payload_left > 0 {
                let here = self.payload_left.min(bytes.len() as u64);
                self.payload_left -= here;
                bytes = &bytes[here as usize..];
                continue;
            }
            self.head[self.head_length] = bytes[0];
            self.head_length += 1;
            bytes = &bytes[1..];
            if let Some(payload) = self.whole_head() {
                (self.head_length, self.payload_left) = (0, payload);
            }
        }
    }

    /// The length of the payload, once the head is complete.
    fn whole_head(&self) -> Option<u64> {
        let second = *self.head[..self.head_length].get(1)?;
        let extended = match second & 0x7F {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let masking_key = if second & 0x80 == 0 { 0 } else { 4 };
        if self.head_length < 2 + extended + masking_key {
            return None;
        }
        let length = self.head[2..2 + extended].iter().fold(0_u64, |length, byte| length << 8 | u64::from(*byte));
        Some(if extended == 0 { u64::from(second & 0x7F) } else { length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(payload: usize, masked: bool) -> Vec<u8> {
        let mask = if masked { 0x80 } else { 0 };
        let mut bytes = vec![0x82];
        match payload {
            0..126 => bytes.push(mask | payload as u8),
            126..65_536 => bytes.extend([[mask | 126].as_slice(), &(payload as u16).to_be_bytes()].concat()),
            _ => bytes.extend([[mask | 127].as_slice(), &(payload as u64).to_be_bytes()].concat()),
        }
        bytes.extend(std::iter::repeat_n(0, payload + if masked { 4 } else { 0 }));
        bytes
    }

    #[test]
    fn the_end_of_each_frame_is_known_however_the_bytes_arrive() {
        for masked in [false, true] {
            for length in [0, 1, 125, 126, 65_535, 65_536, 100_000] {
                let bytes = frame(length, masked);
                for piece in [1, 3, 1_000, bytes.len()] {
                    let mut boundary = FrameBoundary::default();
                    let mut seen = 0;
                    for part in bytes.chunks(piece) {
                        assert_eq!(boundary.is_between_frames(), seen == 0, "{length} {piece}");
                        boundary.follow(part);
                        seen += part.len();
                    }
                    assert!(boundary.is_between_frames(), "{length} {masked} {piece}");
                }
            }
        }
    }
}
