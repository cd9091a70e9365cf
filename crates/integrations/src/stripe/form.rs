//! The bodies of Stripe's requests: `a[b][0]=c`, in the order in which they were added.

use std::fmt::Display;

use form_urlencoded::Serializer;

/// Parameters of a call.
#[derive(Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// With this parameter.
    pub fn with(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.0.push((name.into(), value.to_string()));
        self
    }

    /// With this parameter, if there is a value.
    pub fn maybe(self, name: impl Into<String>, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// As the body of a POST, or after the `?` of a GET.
    pub fn encode(&self) -> String {
        Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_absent_ones_left_out() {
        let form = Form::default().with("metadata[a b]", "1&2").maybe("x", None::<&str>).maybe("y[0]", Some(3));
        assert_eq!(form.encode(), "metadata%5Ba+b%5D=1%262&y%5B0%5D=3");
    }
}
