use super::*;
use proptest::prelude::*;

/// The body in `input`, the number of bytes behind it, or why it is none. `None` is unfinished.
fn read(framing: Framing, pieces: &[&[u8]]) -> Result<Option<(Vec<u8>, usize)>, Error> {
    let (mut body, mut data, mut behind) = (Body::new(framing), Vec::new(), 0);
    for piece in pieces {
        let mut input = *piece;
        loop {
            let (used, piece) = body.decode(input)?;
            input = &input[used..];
            match piece {
                Piece::Data(more) => data.extend_from_slice(more),
                Piece::NeedMore => {
                    assert!(input.is_empty());
                    break;
                }
                Piece::End => {
                    behind += input.len();
                    break;
                }
            }
        }
    }
    Ok(body.is_done().then_some((data, behind)))
}

fn chunked(input: &str) -> Result<Option<(Vec<u8>, usize)>, Error> {
    read(Framing::Chunked, &[input.as_bytes()])
}

#[test]
fn chunks_are_joined_and_what_follows_is_left() {
    let cases = [
        ("0\r\n\r\n", "", 0),
        ("5\r\nhello\r\n0\r\n\r\nNEXT", "hello", 4),
        ("5\r\nhello\r\n6\r\n world\r\n00\r\n\r\n", "hello world", 0),
        ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789", 0),
        ("a;name=value;q=\"x;y\"\r\n0123456789\r\n0;last\r\n\r\n", "0123456789", 0),
        ("1 ; x\r\na\r\n0\r\n\r\n", "a", 0),
        ("1\r\n\n\r\n0\r\n\r\n", "\n", 0),
        ("0\r\nDigest: x\r\nMore: \ty\r\n\r\n\r\n", "", 2),
        ("0000000000000001\r\na\r\n0\r\n\r\n", "a", 0),
    ];

    for (input, data, behind) in cases {
        assert_eq!(chunked(input), Ok(Some((data.into(), behind))), "{input:?}");
    }
}

#[test]
fn malformed_chunks_are_refused() {
    let cases = [
        "\r\n",
        ";x\r\n",
        "g\r\n",
        "-1\r\n",
        "+1\r\n",
        "0x1\r\n",
        " 1\r\na\r\n",
        "1\na\r\n",
        "1\rXa",
        "1\r\nab\r\n",
        "1\r\na\n",
        "1\r\na\rX",
        "1;a\nb\r\n",
        "1;\u{1}\r\n",
        "1;\0\r\n",
        "00000000000000001\r\na\r\n",
        "fffffffffffffffff\r\n",
        "0\r\n\n",
        "0\r\nA: b\n\r\n",
        "0\r\n\rX",
        "0\r\nA\u{7f}\r\n\r\n",
    ];

    for input in cases {
        assert_eq!(chunked(input), Err(Error::Chunk), "{input:?}");
    }
}

#[test]
fn extensions_and_trailers_are_bounded() {
    let extension = |bytes| format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(bytes));
    assert_eq!(chunked(&extension(256)), Ok(Some((b"a".to_vec(), 0))));
    assert_eq!(chunked(&extension(257)), Err(Error::Chunk));

    let trailer = |bytes| format!("0\r\n{}\r\n\r\n", "x".repeat(bytes));
    assert_eq!(chunked(&trailer(1024)), Ok(Some((vec![], 0))));
    assert_eq!(chunked(&trailer(1025)), Err(Error::HeadTooLong));
    assert_eq!(chunked(&format!("0\r\n{}\r\n", "x\r\n".repeat(1025))), Err(Error::HeadTooLong));
}

#[test]
fn the_largest_chunk_is_counted_without_overflow() {
    let mut body = Body::new(Framing::Chunked);

    assert_eq!(body.decode(b"ffffffffffffffff\r\nab"), Ok((20, Piece::Data(b"ab"))));
    assert_eq!(body.run(), u64::MAX - 2);
}

#[test]
fn a_body_of_known_length_ends_with_its_last_byte() {
    assert_eq!(read(Framing::Length(5), &[b"helloNEXT"]), Ok(Some((b"hello".to_vec(), 4))));
    assert_eq!(read(Framing::Length(5), &[b"hell"]), Ok(None));
    assert_eq!(read(Framing::Length(0), &[b"NEXT"]), Ok(Some((vec![], 4))));
    assert_eq!(read(Framing::None, &[b"NEXT"]), Ok(Some((vec![], 4))));
    assert_eq!(read(Framing::UntilClose, &[b"any"]), Ok(None));
}

#[test]
fn bytes_that_went_another_way_are_counted() {
    let mut body = Body::new(Framing::Length(10));
    assert_eq!(body.decode(b"ab"), Ok((2, Piece::Data(b"ab"))));
    body.took(8);
    assert_eq!(body.decode(b""), Ok((0, Piece::End)));

    let mut body = Body::new(Framing::Chunked);
    assert_eq!(body.decode(b"4\r\na"), Ok((4, Piece::Data(b"a"))));
    assert_eq!(body.run(), 3);
    body.took(3);
    assert_eq!(body.run(), 0);
    assert_eq!(body.decode(b"\r\n0\r\n\r\n"), Ok((7, Piece::End)));
}

proptest! {
    #[test]
    fn any_input_reads_the_same_in_one_piece_and_in_bytes(input in "[0-9a-f]{0,2}(\r\n|[\r\n;x0]){0,6}[0-3a]{0,3}(\r\n){0,3}0\r\n(\r\n)?") {
        let bytes: Vec<_> = input.as_bytes().chunks(1).collect();

        prop_assert_eq!(read(Framing::Chunked, &[input.as_bytes()]), read(Framing::Chunked, &bytes));
    }

    #[test]
    fn what_is_chunked_decodes_to_itself(chunks in prop::collection::vec("[a-z\r\n0-9]{1,40}", 0..6), cut in 0usize..100) {
        let coded: String = chunks.iter().map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len())).collect();
        let coded = coded + "0\r\n\r\n";
        let (left, right) = coded.as_bytes().split_at(cut.min(coded.len()));

        let plain = chunks.concat().into_bytes();
        prop_assert_eq!(read(Framing::Chunked, &[left, right]), Ok(Some((plain, 0))));
    }
}
