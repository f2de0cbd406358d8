//! How much may be stored, by each user and in all.
//!
//! A file counts once under each name that it was stored under, also where names share one
//! content: what a user may store must not depend on what others happen to have. What is on its
//! way counts from its creation with the length that was declared, so uploads that run at the
//! same time can't go beyond a quota together.

use core::{cell::RefCell, fmt};
use std::{collections::BTreeMap, rc::Rc};

/// The limits, and what counts towards them.
pub(crate) struct Quota {
    per_user: Option<u64>,
    total: Option<u64>,
    books: RefCell<Books>,
}

#[derive(Default)]
struct Books {
    /// Only kept where there is a limit for users.
    users: BTreeMap<String, u64>,
    total: u64,
}

/// Room for one file, given back when dropped unless the file was [kept](Self::keep).
pub(crate) struct Room {
    quota: Rc<Quota>,
    user: String,
    bytes: u64,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OverQuota {
    whose: Whose,
    quota: u64,
    used: u64,
    wanted: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    User,
    Everybody,
}

impl Quota {
    /// Nothing stored yet.
    pub(crate) fn new(per_user: Option<u64>, total: Option<u64>) -> Self {
        Self { per_user, total, books: RefCell::default() }
    }

    /// Whether anything is limited.
    pub(crate) fn is_limited(&self) -> bool {
        self.per_user.is_some() || self.total.is_some()
    }

    /// Sets room aside for a file of `user`.
    pub(crate) fn reserve(self: &Rc<Self>, user: &str, bytes: u64) -> Result<Room, OverQuota> {
        self.check(user, bytes, bytes)?;
        Ok(self.admit(user, bytes))
    }

    /// The same for what was let in before a restart, whether there is room or not.
    pub(crate) fn admit(self: &Rc<Self>, user: &str, bytes: u64) -> Room {
        self.count(user, bytes);
        Room { quota: Rc::clone(self), user: user.to_owned(), bytes }
    }

    /// Counts a stored file.
    pub(crate) fn count(&self, user: &str, bytes: u64) {
        let books = &mut *self.books.borrow_mut();
        books.total = books.total.saturating_add(bytes);
        if self.per_user.is_some() && bytes > 0 {
            let used = books.users.entry(user.to_owned()).or_default();
            *used = used.saturating_add(bytes);
        }
    }

    /// A stored file is gone, or room is not needed.
    pub(crate) fn free(&self, user: &str, bytes: u64) {
        let books = &mut *self.books.borrow_mut();
        books.total = books.total.saturating_sub(bytes);
        if let Some(used) = books.users.get_mut(user) {
            *used = used.saturating_sub(bytes);
            if *used == 0 {
                books.users.remove(user);
            }
        }
    }

    /// Bytes stored or on their way, of everybody.
    pub(crate) fn used(&self) -> u64 {
        self.books.borrow().total
    }

    fn check(&self, user: &str, more: u64, wanted: u64) -> Result<(), OverQuota> {
        let books = self.books.borrow();
        let of_user = books.users.get(user).copied().unwrap_or_default();
        let limits =
            [(Whose::User, self.per_user, of_user), (Whose::Everybody, self.total, books.total)];
        for (whose, quota, used) in limits {
            if let Some(quota) = quota
                && used.saturating_add(more) > quota
            {
                return Err(OverQuota { whose, quota, used, wanted });
            }
        }
        Ok(())
    }
}

impl Room {
    /// Makes it `bytes` at least, for a file whose length was not declared.
    pub(crate) fn grow_to(&mut self, bytes: u64) -> Result<(), OverQuota> {
        if let Some(more) = bytes.checked_sub(self.bytes) {
            self.quota.check(&self.user, more, bytes)?;
            self.quota.count(&self.user, more);
            self.bytes = bytes;
        }
        Ok(())
    }

    /// The file is stored: it has `bytes`, and they count from now on until it is gone.
    pub(crate) fn keep(mut self, bytes: u64) {
        self.quota.count(&self.user, bytes.saturating_sub(self.bytes));
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.quota.free(&self.user, self.bytes);
    }
}

impl OverQuota {
    /// 413 for what can never fit, 507 for what does not fit now.
    pub(crate) fn status(self) -> u16 {
        if self.wanted > self.quota { 413 } else { 507 }
    }
}

impl fmt::Display for OverQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { whose, quota, used, wanted } = *self;
        let (who, key) = match whose {
            Whose::User => ("this user", "server.quota_per_user"),
            Whose::Everybody => ("all users together", "server.quota_total"),
        };
        write!(f, "{who} may store {quota} bytes")?;
        if wanted > quota {
            return write!(f, ", the file alone is more: the operator can raise {key}");
        }
        write!(f, " and {used} are taken: try again when files have gone, or raise {key}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(per_user: u64, total: u64) -> Rc<Quota> {
        Rc::new(Quota::new(Some(per_user), Some(total)))
    }

    #[test]
    fn uploads_that_run_together_can_not_go_beyond_a_quota_together() {
        let quota = quota(10, 15);

        let first = quota.reserve("ann", 6).unwrap();
        let refused = quota.reserve("ann", 5).map(drop).unwrap_err();
        let _second = quota.reserve("ann", 4).unwrap();
        let of_all = quota.reserve("bob", 6).map(drop).unwrap_err();
        let _third = quota.reserve("bob", 5).unwrap();

        assert_eq!((refused.whose, refused.used, refused.status()), (Whose::User, 10 - 4, 507));
        assert_eq!((of_all.whose, of_all.used, of_all.status()), (Whose::Everybody, 10, 507));
        drop(first);
        assert_eq!(quota.used(), 9);
        assert!(quota.reserve("ann", 6).is_ok());
    }

    #[test]
    fn what_can_never_fit_is_told_apart_from_what_does_not_fit_now() {
        let quota = quota(10, 100);
        quota.count("ann", 8);

        let now = quota.reserve("ann", 3).map(drop).unwrap_err();
        let never = quota.reserve("bob", 11).map(drop).unwrap_err();

        assert_eq!((now.status(), never.status()), (507, 413));
        assert!(now.to_string().contains("8 are taken"), "{now}");
        assert!(never.to_string().contains("server.quota_per_user"), "{never}");
    }

    #[test]
    fn a_stored_file_counts_with_its_own_length_until_it_is_gone() {
        let quota = quota(10, 100);

        quota.reserve("ann", 10).unwrap().keep(4);
        assert_eq!(quota.used(), 4);
        quota.admit("ann", 0).keep(6);
        assert_eq!(quota.used(), 10);
        assert!(quota.reserve("ann", 1).is_err());

        quota.free("ann", 4);
        quota.free("ann", 6);
        assert_eq!(quota.used(), 0);
        assert!(quota.books.borrow().users.is_empty(), "who has nothing costs nothing");
    }

    #[test]
    fn room_of_an_undeclared_length_grows_until_there_is_none() {
        let quota = quota(10, 100);
        let mut room = quota.reserve("ann", 0).unwrap();

        room.grow_to(7).unwrap();
        room.grow_to(3).unwrap();
        let refused = room.grow_to(11).unwrap_err();

        assert_eq!((refused.status(), quota.used()), (413, 7));
        drop(room);
        assert_eq!(quota.used(), 0);
    }

    #[test]
    fn without_limits_everything_fits_and_no_user_costs_memory() {
        let quota = Rc::new(Quota::new(None, None));

        quota.reserve("ann", u64::MAX).unwrap().keep(u64::MAX);
        assert!(quota.reserve("bob", u64::MAX).is_ok());

        assert!(!quota.is_limited() && quota.books.borrow().users.is_empty());
    }
}
