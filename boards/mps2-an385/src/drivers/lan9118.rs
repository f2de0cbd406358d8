//! The Ethernet controller: SMSC LAN9118, by programmed I/O.
//!
//! Its FIFOs hold the frames (10 KiB in, 5 out); this driver has one buffer for the frame under way. Section
//! numbers are those of the data sheet, revision 1.5.

use super::mmio::Registers;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::Context;
use defmt::warn;
use embassy_net::driver::{
    Capabilities, Driver, HardwareAddress, LinkState, RxToken as ReceiveToken,
    TxToken as TransmitToken,
};
use embassy_sync::waitqueue::AtomicWaker;

// SAFETY: Arm DAI 0385D table 3-2.
const LAN: Registers = unsafe { Registers::at(0x4020_0000) };

const RX_DATA: usize = 0x00;
const TX_DATA: usize = 0x20;
const RX_STATUS: usize = 0x40;
const TX_STATUS: usize = 0x48;
const ID_REV: usize = 0x50;
const IRQ_CFG: usize = 0x54;
const INT_STS: usize = 0x58;
const INT_EN: usize = 0x5c;
const FIFO_INT: usize = 0x68;
const TX_CFG: usize = 0x70;
const HW_CFG: usize = 0x74;
const RX_FIFO_INF: usize = 0x7c;
const TX_FIFO_INF: usize = 0x80;
const MAC_CSR_CMD: usize = 0xa4;
const MAC_CSR_DATA: usize = 0xa8;

/// 5.3.4: push-pull, active high, as the board's line wants it.
const IRQ_ON: u32 = 1 << 8 | 1 << 4 | 1 << 0;
/// 5.3.5: the PHY has news.
const PHY_INT: u32 = 1 << 18;
/// 5.3.5: a frame came.
const RSFL_INT: u32 = 1 << 3;
/// 5.3.10: must be one, beside 5 KiB for frames that leave.
const HW_CFG_VALUE: u32 = 1 << 20 | 5 << 16;
const SOFT_RESET: u32 = 1 << 0;
const TX_ON: u32 = 1 << 1;

/// 5.4: registers of the MAC.
const MAC_CR: u32 = 1;
const ADDRH: u32 = 2;
const ADDRL: u32 = 3;
const MII_ACC: u32 = 6;
const MII_DATA: u32 = 7;
const CSR_BUSY: u32 = 1 << 31;
const CSR_READ: u32 = 1 << 30;
/// 5.4.1: full duplex, send, receive.
const MAC_ON: u32 = 1 << 20 | 1 << 3 | 1 << 2;
/// 5.4.6: the PHY within, and that a transfer is under way.
const MII_PHY: u32 = 1 << 11;
const MII_WRITE: u32 = 1 << 1;
const MII_BUSY: u32 = 1 << 0;

/// 5.5: registers of the PHY.
const BMSR: u32 = 1;
const PHY_SOURCE: u32 = 29;
const PHY_MASK: u32 = 30;
const LINK_UP: u32 = 1 << 2;
/// 5.5.11: link down, and negotiation complete.
const PHY_EVENTS: u32 = 1 << 4 | 1 << 6;

/// A frame without its checksum.
const FRAME: usize = 1514;

/// 3.13.1: what a frame needs in the transmit FIFO beside its own words: two commands.
const COMMANDS: usize = 8;

static WAKER: AtomicWaker = AtomicWaker::new();
static PHY_CHANGED: AtomicBool = AtomicBool::new(true);

/// The controller.
pub(crate) struct Lan9118 {
    address: [u8; 6],
    link: LinkState,
    frame: [u32; FRAME.div_ceil(4) + 1],
}

/// Masks what interrupts until the driver has looked.
pub(super) fn on_interrupt() {
    let pending = LAN.read(INT_STS);
    LAN.write(INT_EN, 0);
    if pending & PHY_INT != 0 {
        PHY_CHANGED.store(true, Ordering::Relaxed);
    }
    WAKER.wake();
}

/// Starts the controller; `None`: there is none.
pub(crate) fn start() -> Option<Lan9118> {
    if LAN.read(ID_REV) >> 16 != 0x0118 {
        return None;
    }
    LAN.write(HW_CFG, SOFT_RESET);
    while LAN.read(HW_CFG) & SOFT_RESET != 0 {}
    LAN.write(HW_CFG, HW_CFG_VALUE);
    // One frame in the FIFO is worth an interrupt.
    LAN.write(FIFO_INT, 0);
    LAN.write(IRQ_CFG, IRQ_ON);
    LAN.write(TX_CFG, TX_ON);
    write_mac(MAC_CR, MAC_ON);
    write_phy(PHY_MASK, PHY_EVENTS);
    let (low, high) = (read_mac(ADDRL).to_le_bytes(), read_mac(ADDRH).to_le_bytes());
    let address = [low[0], low[1], low[2], low[3], high[0], high[1]];
    Some(Lan9118 { address, link: LinkState::Down, frame: [0; FRAME.div_ceil(4) + 1] })
}

fn read_mac(register: u32) -> u32 {
    LAN.write(MAC_CSR_CMD, CSR_BUSY | CSR_READ | register);
    while LAN.read(MAC_CSR_CMD) & CSR_BUSY != 0 {}
    LAN.read(MAC_CSR_DATA)
}

fn write_mac(register: u32, value: u32) {
    LAN.write(MAC_CSR_DATA, value);
    LAN.write(MAC_CSR_CMD, CSR_BUSY | register);
    while LAN.read(MAC_CSR_CMD) & CSR_BUSY != 0 {}
}

fn read_phy(register: u32) -> u32 {
    write_mac(MII_ACC, MII_PHY | register << 6 | MII_BUSY);
    while read_mac(MII_ACC) & MII_BUSY != 0 {}
    read_mac(MII_DATA)
}

fn write_phy(register: u32, value: u32) {
    write_mac(MII_DATA, value);
    write_mac(MII_ACC, MII_PHY | register << 6 | MII_WRITE | MII_BUSY);
    while read_mac(MII_ACC) & MII_BUSY != 0 {}
}

impl Lan9118 {
    /// A number that differs from unit to unit, and from start to start by how long that took.
    pub(crate) fn seed(&self) -> u64 {
        let [a, b, c, d, e, f] = self.address;
        let unit = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        unit.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ embassy_time_driver::now()
    }

    /// Takes the next whole frame into the buffer; its length.
    fn take_frame(&mut self) -> Option<usize> {
        while LAN.read(RX_FIFO_INF) >> 16 & 0xff > 0 {
            // 3.13.3: length with the checksum, and whether anything is wrong with it.
            let status = LAN.read(RX_STATUS);
            let (length, is_bad) = ((status >> 16 & 0x3fff) as usize, status & 1 << 15 != 0);
            let words = length.div_ceil(4);
            for at in 0..words {
                let word = LAN.read(RX_DATA);
                if let Some(place) = self.frame.get_mut(at) {
                    *place = word;
                }
            }
            match length.checked_sub(4) {
                Some(length @ 1..=FRAME) if !is_bad => return Some(length),
                Some(_) | None => warn!("a frame of {} bytes is dropped", length),
            }
        }
        None
    }

    /// Wants to be woken by frames and the PHY from here on.
    fn arm(&self, cx: &mut Context<'_>) {
        WAKER.register(cx.waker());
        LAN.write(INT_EN, RSFL_INT | PHY_INT);
    }

    fn has_room(&self) -> bool {
        // 3.13.5: without this, their states would fill up.
        while LAN.read(TX_FIFO_INF) >> 16 & 0xff > 0 {
            LAN.read(TX_STATUS);
        }
        (LAN.read(TX_FIFO_INF) & 0xffff) as usize >= FRAME + COMMANDS + 4
    }
}

impl Driver for Lan9118 {
    type RxToken<'a> = RxToken<'a>;
    type TxToken<'a> = TxToken;

    fn receive(&mut self, cx: &mut Context<'_>) -> Option<(RxToken<'_>, TxToken)> {
        if !self.has_room() {
            return None;
        }
        let mut length = self.take_frame();
        if length.is_none() {
            LAN.write(INT_STS, RSFL_INT);
            self.arm(cx);
            // One may have come in between, and its interrupt been cleared.
            length = self.take_frame();
        }
        let length = length?;
        Some((RxToken { frame: &mut self.frame, length }, TxToken))
    }

    fn transmit(&mut self, cx: &mut Context<'_>) -> Option<TxToken> {
        if self.has_room() {
            return Some(TxToken);
        }
        // The controller empties its FIFO at the speed of the wire, within 1 ms.
        cx.waker().wake_by_ref();
        None
    }

    fn link_state(&mut self, cx: &mut Context<'_>) -> LinkState {
        self.arm(cx);
        if PHY_CHANGED.swap(false, Ordering::Relaxed) {
            read_phy(PHY_SOURCE);
            LAN.write(INT_STS, PHY_INT);
            // 5.5.2: what was lost shows once, then what is.
            read_phy(BMSR);
            let is_up = read_phy(BMSR) & LINK_UP != 0;
            self.link = if is_up { LinkState::Up } else { LinkState::Down };
        }
        self.link
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = FRAME;
        capabilities.max_burst_size = Some(1);
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.address)
    }
}

/// A frame that came.
pub(crate) struct RxToken<'a> {
    frame: &'a mut [u32],
    length: usize,
}

impl ReceiveToken for RxToken<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, f: F) -> R {
        let mut bytes = [0; FRAME];
        for (four, word) in bytes.chunks_mut(4).zip(&*self.frame) {
            four.copy_from_slice(&word.to_le_bytes()[..four.len()]);
        }
        f(&mut bytes[..self.length])
    }
}

/// Room for a frame to send.
pub(crate) struct TxToken;

impl TransmitToken for TxToken {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let mut bytes = [0; FRAME];
        let frame = &mut bytes[..length];
        let result = f(frame);
        // 3.12.2: one buffer that is the first and the last of its frame.
        let length = length as u32;
        LAN.write(TX_DATA, 1 << 13 | 1 << 12 | length);
        LAN.write(TX_DATA, length << 16 | length);
        for four in frame.chunks(4) {
            let mut word = [0; 4];
            word[..four.len()].copy_from_slice(four);
            LAN.write(TX_DATA, u32::from_le_bytes(word));
        }
        result
    }
}
