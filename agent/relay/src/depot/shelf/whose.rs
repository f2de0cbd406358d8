//! What is known of an upload at its beginning, owned.

use baton_core::spool::{Opened, Token};

/// An [`Opened`], owned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Whose {
    pub(crate) name: String,
    pub(crate) content_type: String,
    pub(crate) token: OwnedToken,
    pub(crate) client: String,
    pub(crate) total: Option<u64>,
    pub(crate) urgency: u8,
    pub(crate) at_s: u64,
}

/// A [`Token`], owned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum OwnedToken {
    #[default]
    None,
    Query(String),
    Header(String),
}

impl Whose {
    pub(crate) fn of(opened: &Opened<'_>) -> Self {
        Self {
            name: opened.name.to_owned(),
            content_type: opened.content_type.to_owned(),
            token: match opened.token {
                Token::None => OwnedToken::None,
                Token::Query(query) => OwnedToken::Query(query.to_owned()),
                Token::Header(header) => OwnedToken::Header(header.to_owned()),
            },
            client: opened.client.to_owned(),
            total: opened.total,
            urgency: opened.urgency,
            at_s: opened.at_s,
        }
    }

    pub(crate) fn opened(&self) -> Opened<'_> {
        Opened {
            name: &self.name,
            content_type: &self.content_type,
            token: match &self.token {
                OwnedToken::None => Token::None,
                OwnedToken::Query(query) => Token::Query(query),
                OwnedToken::Header(header) => Token::Header(header),
            },
            client: &self.client,
            total: self.total,
            urgency: self.urgency,
            at_s: self.at_s,
        }
    }
}
