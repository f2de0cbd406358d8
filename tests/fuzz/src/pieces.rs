//! Input as it may come off a socket.

use core::fmt::Debug;

/// What `read` makes of the bytes. It must be the same whether they come whole, one by one, or in
/// pieces of some size between.
pub(crate) fn however_cut<T: PartialEq + Debug>(data: &[u8], read: impl Fn(&[&[u8]]) -> T) -> T {
    let whole = read(&[data]);
    for size in [1, 2 + data.len() % 61] {
        let pieces: Vec<&[u8]> = data.chunks(size).collect();
        assert_eq!(read(&pieces), whole, "in pieces of {size}");
    }
    whole
}
