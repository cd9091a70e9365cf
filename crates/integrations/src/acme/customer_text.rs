//! What a customer reads when there is no certificate. The CA's own explanation is for the operator.

use stoa_model::host::Hostname;

use super::{AcmeError, ProblemKind};

impl AcmeError {
    /// One or two sentences for the customer: what is wrong and what to do. `ordered` is the name that
    /// the certificate is for, used where the CA names none.
    pub fn customer_text(&self, ordered: &Hostname) -> String {
        match self {
            Self::Unreachable { .. } | Self::Garbage { .. } => {
                format!(
                    "The authority that issues the certificate for {ordered} can't be reached at the moment. \
                     We try again by ourselves; there is nothing to do for you."
                )
            }
            Self::RateLimited { .. } => format!(
                "The authority that issues the certificate for {ordered} takes only a limited number of requests. \
                 We try again by ourselves as soon as it allows."
            ),
            Self::Refused { name, kind, .. } => refused(name.as_ref().unwrap_or(ordered), kind),
            Self::Account { .. } => format!(
                "The certificate for {ordered} can't be issued because of a setting on our side. \
                 Our staff have been told; there is nothing to do for you."
            ),
            Self::Gone { .. } => {
                format!("The request for the certificate for {ordered} has run out. We make a new one by ourselves.")
            }
        }
    }
}

fn refused(name: &Hostname, kind: &ProblemKind) -> String {
    match kind {
        ProblemKind::Dns => format!(
            "The address {name} was not found in the DNS. Please check at your domain provider that its records \
             are as shown here; a change can take some hours to be seen everywhere."
        ),
        ProblemKind::Connection => format!(
            "The address {name} could not be reached from outside. Please check that its DNS records point to us \
             and to nobody else, an old AAAA record among them."
        ),
        ProblemKind::Unauthorized | ProblemKind::IncorrectResponse => format!(
            "The address {name} was answered by another server. Please check that its DNS records point to us and \
             to nobody else, and that no proxy or forwarding of your domain provider stands before it."
        ),
        ProblemKind::Caa => format!(
            "The domain of {name} has a CAA record that forbids our certificate authority. Please ask your domain \
             provider to allow it, or to remove the CAA record."
        ),
        ProblemKind::Tls => format!(
            "The address {name} was reached, but the secure connection to it failed. Please check that its DNS \
             records point to us and to nobody else."
        ),
        ProblemKind::RejectedIdentifier => format!(
            "The certificate authority issues no certificate for {name}. Please check the spelling of the domain; \
             if it is right, upload a certificate of your own."
        ),
        ProblemKind::Other(_) => format!(
            "The certificate authority refused the certificate for {name}. Our staff can see the reason; please \
             write to us if it lasts."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_own_text_with_the_name_and_without_the_details() {
        let asked = Hostname::parse("shop.example").expect("a host");
        let refused = |kind| AcmeError::Refused { name: None, kind, detail: "SECRET 10.0.0.1".into() };
        let all = [
            AcmeError::unreachable("SECRET"),
            AcmeError::RateLimited { retry_after: None, detail: "SECRET".into() },
            AcmeError::local("SECRET"),
            AcmeError::gone("SECRET"),
            refused(ProblemKind::Dns),
            refused(ProblemKind::Connection),
            refused(ProblemKind::Unauthorized),
            refused(ProblemKind::Caa),
            refused(ProblemKind::Tls),
            refused(ProblemKind::RejectedIdentifier),
            refused(ProblemKind::Other("SECRET".into())),
        ];
        let texts: std::collections::HashSet<_> = all.iter().map(|error| error.customer_text(&asked)).collect();
        assert_eq!(texts.len(), all.len(), "two kinds share their text");
        for text in texts {
            assert!(text.contains("shop.example") && text.ends_with('.') && !text.contains("SECRET"), "{text}");
        }
    }

    #[test]
    fn the_name_that_the_authority_refused_goes_before_the_one_asked_for() {
        let error = AcmeError::Refused {
            name: Hostname::parse("www.shop.example").ok(),
            kind: ProblemKind::Caa,
            detail: String::new(),
        };
        let text = error.customer_text(&Hostname::parse("shop.example").expect("a host"));
        assert!(text.contains("www.shop.example"), "{text}");
    }
}
