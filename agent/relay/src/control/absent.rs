//! In place of the control API, where it is left out.

use crate::hub::Hub;
use baton_hal::Transport;
use std::rc::Rc;

/// There is none.
#[derive(Debug)]
pub enum ControlSocket {}

/// Nobody can call this.
pub(crate) async fn serve<T: Transport>(_hub: Rc<Hub<T>>, socket: ControlSocket) {
    match socket {}
}
