use super::*;
use crate::modem::{Final, Sim};
use proptest::prelude::*;

fn replies(line: &mut Line, pieces: &[&[u8]]) -> Vec<Reply> {
    let mut seen = Vec::new();
    for piece in pieces {
        let mut input = *piece;
        loop {
            let (used, reply) = line.handle_input(input);
            input = &input[used..];
            match reply {
                Some(reply) => seen.push(reply),
                None => break,
            }
        }
        assert!(input.is_empty(), "without a reply all was used");
    }
    seen
}

#[test]
fn echoes_and_empty_lines_do_not_hide_the_answer() {
    let seen = replies(&mut Line::new(), &[b"AT+CPIN?\r\r\n+CPIN: READY\r\n\r\nOK\r\n"]);

    assert_eq!(seen, [Reply::Other, Reply::Sim(Sim::Ready), Reply::Final(Final::Ok)]);
}

#[test]
fn what_follows_connect_is_left_to_ppp() {
    let input = b"\r\nCONNECT 115200\r\n\x7e\xff\x7d\x23";

    let mut line = Line::new();
    let (used, reply) = line.handle_input(input);

    assert_eq!(reply, Some(Reply::Final(Final::Connect)));
    assert_eq!(&input[used..], b"\n\x7e\xff\x7d\x23");
}

#[test]
fn a_line_without_an_end_takes_no_more_than_its_room_and_is_counted_once() {
    let mut line = Line::new();
    let endless = vec![b'x'; 10_000];

    assert_eq!(replies(&mut line, &[&endless, b"\r\nOK\r\n"]), [Reply::Final(Final::Ok)]);
    assert_eq!(line.noise(), Noise { overlong: 1, garbled: 0 });

    let longest = [&[b'y'; LINE_MAX][..], b"\r"].concat();
    assert_eq!(replies(&mut line, &[&longest]), [Reply::Other]);
}

#[test]
fn garbage_is_dropped_with_its_line_and_counted() {
    let mut line = Line::new();

    let seen = replies(&mut line, &[b"\xff\x00OK\r\n", b"O\xf8K\r\n", b"OK\r\n"]);

    assert_eq!(seen, [Reply::Final(Final::Ok)]);
    assert_eq!(line.noise(), Noise { overlong: 0, garbled: 2 });
}

#[test]
fn half_a_line_from_before_is_forgotten_on_demand() {
    let mut line = Line::new();
    assert_eq!(replies(&mut line, &[b"NO CARR"]), []);

    line.restart();

    assert_eq!(replies(&mut line, &[b"OK\r\n"]), [Reply::Final(Final::Ok)]);
}

proptest! {
    #[test]
    fn any_bytes_cut_anywhere_are_read_the_same(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        lines in prop::collection::vec("(OK|ERROR|CONNECT 1|[+]CREG: [0-9],[0-9]|[+]CESQ: ([0-9]{1,3},){0,9}|[ -~]{0,120})\r\n", 0..6),
        at in any::<prop::sample::Index>(),
    ) {
        for input in [bytes.as_slice(), lines.concat().as_bytes()] {
            let (mut whole, mut cut) = (Line::new(), Line::new());
            let (head, tail) = input.split_at(at.index(input.len() + 1));

            prop_assert_eq!(replies(&mut whole, &[input]), replies(&mut cut, &[head, tail]));
            prop_assert_eq!(whole.noise(), cut.noise());
        }
    }
}
