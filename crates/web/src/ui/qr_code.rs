//! A QR code as inline SVG, which no image host and no script sees.

use std::fmt::{self, Write};

use askama::filters::HtmlSafe;
use qrcode::{Color, EcLevel, QrCode};

/// Empty modules around the code (ISO/IEC 18004, 6.3.8).
const QUIET_ZONE: usize = 4;

/// A QR code.
pub struct QrSvg {
    path: String,
    size: usize,
}

impl QrSvg {
    /// The code of a text; `None` if the text is too long for one.
    pub fn new(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
        let (width, colors) = (code.width(), code.to_colors());
        let mut path = String::new();
        for (index, _) in colors.iter().enumerate().filter(|(_, color)| **color == Color::Dark) {
            let (x, y) = (index % width + QUIET_ZONE, index / width + QUIET_ZONE);
            let _ = write!(path, "M{x} {y}h1v1h-1z");
        }
        Some(Self { path, size: width + 2 * QUIET_ZONE })
    }
}

impl fmt::Display for QrSvg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, size } = self;
        // Scanners expect dark on light, whatever the theme.
        write!(
            f,
            "<svg class=\"qr\" viewBox=\"0 0 {size} {size}\" role=\"img\" aria-label=\"QR code for your authenticator app\" \
                shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{size}v{size}H0z\"/><path fill=\"#000\" \
                d=\"{path}\"/></svg>"
        )
    }
}

impl HtmlSafe for QrSvg {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_a_quiet_zone_and_the_three_finder_patterns() {
        let code = QrSvg::new("otpauth://totp/x?secret=ABC").unwrap();
        for corner in [(4, 4), (code.size - 5, 4), (4, code.size - 5)] {
            assert!(code.path.contains(&format!("M{} {}h1v1h-1z", corner.0, corner.1)), "{corner:?}");
        }
        assert!(!code.path.contains("M3 ") && !code.path.contains(&format!("M{} ", code.size - 4)));
        assert!(QrSvg::new(&"x".repeat(5000)).is_none());
        assert!(!QrSvg::new("\"><script>").unwrap().to_string().contains("script"));
    }
}
