//! The driver of the core's modem machine: the serial line is the dialogue's, then PPP's, then the
//! dialogue's again.

use crate::clock::Clock;
use crate::drivers::power::Power as Supply;
use crate::hub::{Hub, MODEM};
use crate::serial::Serial;
use baton_core::Observation;
use baton_core::modem::{Action, Command, Event, Hangup, Line, Modem, Power, StateKind, Text};
use baton_hal::{Bytes, Time};
use core::convert::Infallible;
use core::future::pending;
use defmt::{debug, info};
use embassy_futures::select::{Either3, Either4, select3, select4};
use embassy_net::{ConfigV4, Ipv4Cidr, StaticConfigV4};
use embassy_net_ppp::{Config as PppConfig, Ipv4Status, Runner};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use embassy_time::{Duration, Timer};
use embedded_io_async::{BufRead, ErrorType, Read, Write};
use heapless::String;

/// The modem and what it hangs on.
pub(crate) struct Cellular<B> {
    pub(crate) hub: &'static Hub,
    pub(crate) modem: Modem,
    pub(crate) uart: Serial<B>,
    pub(crate) supply: Supply,
    pub(crate) ppp: Runner<'static>,
}

impl<B: Bytes<Error = Infallible>> Cellular<B> {
    /// Keeps the modem online, for good.
    pub(crate) async fn run(&mut self) -> ! {
        let mut line = Line::new();
        let mut said = (StateKind::Powering, None, None);
        let mut heard = None;
        loop {
            let status = *self.modem.status();
            if core::mem::replace(&mut heard, status.signal) != status.signal
                && let Some(signal) = status.signal
            {
                self.hub.observe(MODEM, Observation::Signal(signal));
            }
            let news = (self.modem.state(), status.fault, status.block);
            if core::mem::replace(&mut said, news) != news {
                info!(
                    "modem: {}, fault {}, block {}",
                    news.0.name(),
                    news.1.map_or("none", |fault| fault.name()),
                    news.2.map_or("none", |block| block.name())
                );
            }
            match self.modem.poll_action(Clock.now()) {
                Some(Action::Power(power)) => self.switch(power).await,
                Some(Action::Send(command)) => self.send(command).await,
                Some(Action::Start) => {
                    self.run_data().await;
                    line.restart();
                }
                // PPP has let go of the line already.
                Some(Action::Stop) => self.modem.handle_event(Clock.now(), Event::Stopped),
                None => self.listen(&mut line).await,
            }
        }
    }

    /// Until the modem has said something, or its time is up.
    async fn listen(&mut self, line: &mut Line) {
        let deadline = wait_for(self.modem.poll_timeout());
        match select3(self.uart.fill_buf(), deadline, self.hub.modem_link.wait()).await {
            Either3::First(filled) => {
                let Ok(bytes) = filled;
                let (used, reply) = line.handle_input(bytes);
                self.uart.consume(used);
                if let Some(reply) = reply {
                    debug!("heard {}", defmt::Debug2Format(&reply));
                    self.modem.handle_event(Clock.now(), Event::Heard(reply));
                }
            }
            Either3::Second(()) => self.modem.handle_timeout(Clock.now()),
            Either3::Third(state) => self.modem.handle_event(Clock.now(), Event::Link(state)),
        }
    }

    async fn switch(&mut self, power: Power) {
        if power == Power::Cycle {
            self.supply.set(false);
            Timer::after(OFF).await;
        }
        self.supply.set(true);
        self.modem.handle_event(Clock.now(), Event::Powered);
    }

    async fn send(&mut self, command: Command) {
        let mut text = String::<{ Text::MAX }>::new();
        core::fmt::write(&mut text, format_args!("{}", self.modem.text(command)))
            .expect("it is the longest");
        let Ok(()) = self.uart.write_all(text.as_bytes()).await;
    }

    /// PPP has the line, until the modem hangs up, the peer ends it, or the machine wants it back.
    async fn run_data(&mut self) {
        let Self { hub, modem, uart, ppp, .. } = self;
        let network = Signal::<NoopRawMutex, Ipv4Status>::new();
        let watched = Watched { uart, hangup: Hangup::new() };
        // slirp wants no credentials; networks that do take any.
        let config = PppConfig { username: b"", password: b"" };
        {
            let session = ppp.run(watched, config, |status| network.signal(status));
            let mut session = core::pin::pin!(session);
            while matches!(modem.state(), StateKind::Negotiating | StateKind::Online) {
                let deadline = wait_for(modem.poll_timeout());
                let link = hub.modem_link.wait();
                match select4(&mut session, network.wait(), deadline, link).await {
                    Either4::First(_) => {
                        modem.handle_event(Clock.now(), Event::HungUp);
                        break;
                    }
                    Either4::Second(status) => {
                        hub.port(MODEM).stack.set_config_v4(config_of(status));
                        modem.handle_event(Clock.now(), Event::NetworkUp);
                        info!("modem: online");
                    }
                    Either4::Third(()) => modem.handle_timeout(Clock.now()),
                    Either4::Fourth(state) => modem.handle_event(Clock.now(), Event::Link(state)),
                }
            }
        }
        hub.port(MODEM).stack.set_config_v4(ConfigV4::None);
    }
}

async fn wait_for<W>(next: Option<(baton_core::Instant, W)>) {
    match next {
        Some((at, _)) => Clock.until(at).await,
        None => pending().await,
    }
}

/// How long a modem is without power: capacitors of its board hold for some 100 ms.
const OFF: Duration = Duration::from_millis(1500);

/// The other end is the way to everywhere.
fn config_of(status: Ipv4Status) -> ConfigV4 {
    match status.address {
        Some(address) => ConfigV4::Static(StaticConfigV4 {
            address: Ipv4Cidr::new(address, 32),
            // A network that does not tell its own end is reached through any address.
            gateway: status.peer_address.or(Some(address)),
            dns_servers: heapless::Vec::new(),
        }),
        None => ConfigV4::None,
    }
}

/// The line, with an ear for a modem that falls back to words.
struct Watched<'a, B> {
    uart: &'a mut Serial<B>,
    hangup: Hangup,
}

impl<B> ErrorType for Watched<'_, B> {
    type Error = Infallible;
}

impl<B: Bytes<Error = Infallible>> Read for Watched<'_, B> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        let bytes = self.fill_buf().await?;
        let count = bytes.len().min(buf.len());
        buf[..count].copy_from_slice(&bytes[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<B: Bytes<Error = Infallible>> BufRead for Watched<'_, B> {
    async fn fill_buf(&mut self) -> Result<&[u8], Infallible> {
        let is_new = self.uart.is_empty();
        let bytes = self.uart.fill_buf().await?;
        // To PPP, no bytes are the end.
        Ok(if is_new && self.hangup.handle_input(bytes) { &[] } else { bytes })
    }

    fn consume(&mut self, count: usize) {
        self.uart.consume(count);
    }
}

impl<B: Bytes<Error = Infallible>> Write for Watched<'_, B> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.uart.write(bytes).await
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        self.uart.flush().await
    }
}
