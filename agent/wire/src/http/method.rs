/// The request methods that the upload protocols use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Transfer a representation.
    Get,
    /// As GET, without the body.
    Head,
    /// Store the body under the target.
    Put,
    /// Create an upload.
    Post,
    /// Append to an upload.
    Patch,
    /// Give an upload up.
    Delete,
    /// Ask what the server can do.
    Options,
}

impl Method {
    const ALL: [Self; 7] =
        [Self::Get, Self::Head, Self::Put, Self::Post, Self::Patch, Self::Delete, Self::Options];

    /// As it stands in a request line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }

    /// The method of that name; methods are case-sensitive (RFC 9110 section 9.1).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}
