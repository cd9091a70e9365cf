//! Amounts of money: whole numbers of a currency's smallest unit, never fractions.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::field::Invalid;

/// The currencies that Stripe charges in (<https://docs.stripe.com/currencies>).
const CODES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BWP BYN BZD CAD \
    CDF CHF CLP CNY COP CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR \
    ILS INR ISK JMD JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK \
    MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK SGD SHP SLE \
    SOS SRD STD SZL THB TJS TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VND VUV WST XAF XCD XOF XPF YER ZAR ZMW";
/// Currencies without a smaller unit. Not ISK and UGX, which have none either: Stripe counts them in hundredths.
const WHOLE: &str = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF";
/// Currencies that are counted in thousandths; Stripe takes only multiples of ten.
const THOUSANDTHS: &str = "BHD JOD KWD OMR TND";
/// Currencies that are counted in hundredths but have no coins below one.
const WHOLE_HUNDREDTHS: &str = "ISK UGX";
/// The largest amount that Stripe charges at once, in smallest units.
const MAX_MINOR: i64 = 99_999_999;

/// A currency by its code of ISO 4217, such as `EUR`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The euro.
    pub const EUR: Self = Self(*b"EUR");
    /// The dollar of the United States.
    pub const USD: Self = Self(*b"USD");

    /// The code in upper case.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }

    /// How many decimals an amount has.
    pub fn decimals(self) -> u32 {
        let code = self.code();
        match (WHOLE.contains(code), THOUSANDTHS.contains(code)) {
            (true, _) => 0,
            (_, true) => 3,
            (false, false) => 2,
        }
    }

    /// What an amount must be a multiple of, in smallest units.
    fn step(self) -> i64 {
        match self.code() {
            code if THOUSANDTHS.contains(code) => 10,
            code if WHOLE_HUNDREDTHS.contains(code) => 100,
            _ => 1,
        }
    }
}

impl FromStr for Currency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let upper = text.trim().to_ascii_uppercase();
        match <[u8; 3]>::try_from(upper.as_bytes()) {
            Ok(code) if CODES.split_whitespace().any(|known| known == upper) => Ok(Self(code)),
            _ => Err(format!("{text:?} is no currency: use a code such as EUR or USD")),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// An amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// In the currency's smallest unit, as Stripe counts it: cents of EUR and USD, whole yen.
    pub minor: i64,
    /// Its currency.
    pub currency: Currency,
}

impl Money {
    /// Reads an amount as somebody typed it: `29`, `29.90`, `29,90`; no signs, no thousands separators.
    ///
    /// # Errors
    /// Says what is wrong with the field `field`.
    pub fn parse(field: &'static str, text: &str, currency: Currency) -> Result<Self, Invalid> {
        let bad = |message: String| Err(Invalid::new(field, message));
        let text = text.trim().replace(',', ".");
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let decimals = currency.decimals() as usize;
        if whole.is_empty() || !digits(whole) || !digits(fraction) || (text.contains('.') && fraction.is_empty()) {
            return bad("Enter an amount such as 29 or 29.90.".into());
        }
        if fraction.len() > decimals {
            return bad(format!("{currency} has {decimals} decimals."));
        }
        let minor: i64 = format!("{whole}{fraction:0<decimals$}").parse().unwrap_or(i64::MAX);
        if minor > MAX_MINOR {
            return bad(format!("Use at most {}.", Self { minor: MAX_MINOR, currency }));
        }
        if minor % currency.step() != 0 {
            return bad(format!("Use a multiple of {}.", Self { minor: currency.step(), currency }));
        }
        Ok(Self { minor, currency })
    }

    /// The amount without its currency, as a form shows it: `29.90`.
    pub fn amount(self) -> String {
        let decimals = self.currency.decimals();
        let unit = 10_i64.pow(decimals);
        let sign = if self.minor < 0 { "-" } else { "" };
        let (whole, rest) =
            (self.minor.unsigned_abs() / unit.unsigned_abs(), self.minor.unsigned_abs() % unit.unsigned_abs());
        if decimals == 0 {
            format!("{sign}{whole}")
        } else {
            format!("{sign}{whole}.{rest:0>width$}", width = decimals as usize)
        }
    }

    /// For price lists: without decimals where there are none, such as `€29`.
    pub fn brief(self) -> String {
        let text = self.to_string();
        let zeros = format!(".{}", "0".repeat(self.currency.decimals() as usize));
        text.replacen(&zeros, "", usize::from(self.amount().ends_with(&zeros)))
    }

    /// Whether it is nothing.
    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let symbol = match self.currency.code() {
            "EUR" => "€",
            "USD" => "$",
            "GBP" => "£",
            "JPY" => "¥",
            code => return write!(f, "{} {code}", self.amount()),
        };
        let amount = self.amount();
        match amount.strip_prefix('-') {
            Some(positive) => write!(f, "-{symbol}{positive}"),
            None => write!(f, "{symbol}{amount}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str, code: &str) -> Result<Money, String> {
        Money::parse("amount", text, code.parse().expect("a currency")).map_err(|bad| bad.message)
    }

    #[test]
    fn amounts_are_read_exactly() {
        for (text, code, minor) in [
            ("29", "EUR", 2900),
            ("29.9", "EUR", 2990),
            ("29,99", "usd", 2999),
            ("0", "EUR", 0),
            ("500", "JPY", 500),
            ("1.250", "KWD", 1250),
            ("100", "ISK", 10_000),
            ("999999.99", "EUR", 99_999_999),
        ] {
            assert_eq!(money(text, code).map(|money| money.minor), Ok(minor), "{text} {code}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", "-1", "+1", "1.", ".5", "1.234", "1 000", "1.000.000", "1e3", "NaN", "١", "1000000"] {
            assert!(money(text, "EUR").is_err(), "{text:?} was accepted");
        }
        assert_eq!(money("1.5", "JPY"), Err("JPY has 0 decimals.".into()));
        assert_eq!(money("1.255", "KWD"), Err("Use a multiple of 0.010 KWD.".into()));
        assert_eq!(money("1.50", "ISK"), Err("Use a multiple of 1.00 ISK.".into()));
        for code in ["EU", "EURO", "XXX", "", "€"] {
            assert!(code.parse::<Currency>().is_err(), "{code:?} was accepted");
        }
    }

    #[test]
    fn amounts_are_written_for_people() {
        for (minor, code, text) in [
            (2990, "EUR", "€29.90"),
            (5, "USD", "$0.05"),
            (-1050, "GBP", "-£10.50"),
            (500, "JPY", "¥500"),
            (1250, "KWD", "1.250 KWD"),
            (i64::MIN, "EUR", "-€92233720368547758.08"),
        ] {
            let currency = code.parse().expect("a currency");
            assert_eq!(Money { minor, currency }.to_string(), text);
        }
        for (minor, code, text) in [
            (2900, "EUR", "€29"),
            (2990, "EUR", "€29.90"),
            (500, "JPY", "¥500"),
            (1000, "CHF", "10 CHF"),
            (0, "KWD", "0 KWD"),
        ] {
            let currency = code.parse().expect("a currency");
            assert_eq!(Money { minor, currency }.brief(), text);
        }
    }
}
