//! What the firmware took: shown before it ends.

use crate::drivers::stack;
use defmt::info;

/// Marks the stack, so that it can be told how much of it was used.
pub(crate) fn paint() {
    stack::paint();
}

/// Shows all figures.
pub(crate) fn show() {
    info!("figures: stack {} bytes", stack::used());
}
