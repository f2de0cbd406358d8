//! hmac-file-server's chunked sessions from a client.

use crate::{MIB, ask, assert_stored, file, quick, send};
use baton_lab::Sandbox;
use baton_tests::{Raw, Said, Scene, Setup};
use serde_json::Value;

pub(crate) fn chunks_in_reverse_order_are_put_together(sandbox: &Sandbox) {
    for protocol in ["tus", "put"] {
        let scene = Scene::new(sandbox, Setup { protocol, ..quick() });
        let (path, bytes) = file(&scene, 5 * MIB / 2 + 7);
        let before = scene.holdings();
        let session = Session::open(&scene, "a/b.bin", bytes.len());
        let chunks: Vec<&[u8]> = bytes.chunks(session.chunk_size).collect();

        for (number, chunk) in chunks.iter().enumerate().skip(1).rev() {
            for _ in 0..2 {
                let said = session.put(&mut scene.raw(), number, chunk);
                assert_eq!(said.status, 200, "{said:?}");
                assert_ne!(json(&said)["completed"], true);
            }
        }
        let status = json(&session.status(&scene));
        assert_eq!(status["uploaded_bytes"], bytes.len() - chunks[0].len(), "{status}");
        assert_eq!(status["chunks"], chunks.len() - 1, "{status}");
        let said = session.put(&mut scene.raw(), 0, chunks[0]);

        assert_eq!((said.status, &json(&said)["completed"]), (200, &true.into()), "{said:?}");
        assert_eq!(session.status(&scene).status, 404);
        assert_stored(&scene, &path, "a/b.bin");
        scene.assert_goes_on(before);
    }
}

pub(crate) fn a_chunk_that_was_cut_is_sent_again(sandbox: &Sandbox) {
    let scene = Scene::new(sandbox, Setup::default());
    let (path, bytes) = file(&scene, 4 * MIB);
    let session = Session::open(&scene, "a.bin", bytes.len());

    for (number, chunk) in bytes.chunks(session.chunk_size).enumerate() {
        let mut client = scene.raw();
        let fields = session.fields(number);
        send(&mut client, "PUT /chunked-upload", &fields, chunk.len(), &chunk[..500_000]);
        if number == 1 {
            scene.lab.link("eth0").carrier(false).unwrap();
        }
        drop(client);
        let said = session.put(&mut scene.raw(), number, chunk);
        assert_eq!(said.status, 200, "{number}: {said:?}\n{}", scene.agent.log());
    }

    assert_stored(&scene, &path, "a.bin");
}

pub(crate) fn what_chunked_clients_get_wrong_is_refused(sandbox: &Sandbox) {
    let scene = Scene::new(sandbox, quick());
    let before = scene.holdings();
    let session = Session::open(&scene, "a.bin", MIB as usize + 5);

    let mut client = scene.raw();
    for number in [2, 3, 4_000_000_000] {
        let said = session.put(&mut client, number, b"hello");
        assert_eq!(said.status, 400, "{number}: {said:?}");
    }
    for (number, body) in [(0, &b"short"[..]), (1, b"longer"), (1, b"")] {
        let said = session.put(&mut client, number, body);
        assert_eq!(said.status, 400, "{number}: {said:?}");
    }
    let cases = [
        ("X-Upload-Session-ID: 0123456789abcdef0123456789abcdef\r\nX-Chunk-Number: 0\r\n", 404),
        ("X-Upload-Session-ID: ../../x\r\nX-Chunk-Number: 0\r\n", 404),
        ("X-Filename: ../../x\r\nX-Total-Size: 5\r\n", 400),
        ("X-Filename: /etc/x\r\nX-Total-Size: 5\r\n", 400),
        ("X-Filename: a\r\nX-Total-Size: -5\r\n", 400),
        ("X-Filename: a\r\nX-Total-Size: 18446744073709551615\r\n", 413),
        ("X-Filename: a\r\n", 400),
        ("", 400),
    ];
    for (fields, status) in cases {
        let said = ask(&mut scene.raw(), "POST /chunked-upload", fields, &[]);
        assert_eq!(said.status, status, "{fields}: {said:?}");
    }
    let signed = "X-Filename: a\r\nX-Total-Size: 5\r\nX-Signature: 00\r\n";
    let said = ask(&mut scene.raw(), "POST /chunked-upload", signed, &[]);
    assert_eq!(said.status, 403, "{said:?}");
    assert_eq!(ask(&mut scene.raw(), "GET /upload-status?session_id=x", "", &[]).status, 404);
    assert_eq!(ask(&mut scene.raw(), "GET /chunked-upload", "", &[]).status, 405);

    let (_, bytes) = file(&scene, MIB + 5);
    let (first, second) = bytes.split_at(MIB as usize);
    assert_eq!(session.put(&mut client, 1, second).status, 200);
    assert_eq!(session.put(&mut client, 0, first).status, 200);
    assert_eq!(std::fs::read(scene.stored("a.bin")).unwrap(), bytes);
    drop(client);
    scene.assert_goes_on(before);
}

struct Session {
    id: String,
    chunk_size: usize,
}

impl Session {
    fn open(scene: &Scene, name: &str, size: usize) -> Self {
        let fields = format!("X-Filename: {name}\r\nX-Total-Size: {size}\r\n");
        let said = ask(&mut scene.raw(), "POST /chunked-upload", &fields, &[]);
        assert_eq!(said.status, 201, "{said:?}");
        let session = json(&said);
        let chunk_size = session["chunk_size"].as_u64().unwrap() as usize;
        assert_eq!(session["total_chunks"], size.div_ceil(chunk_size));
        Self { id: session["session_id"].as_str().unwrap().to_owned(), chunk_size }
    }

    fn fields(&self, number: usize) -> String {
        format!("X-Upload-Session-ID: {}\r\nX-Chunk-Number: {number}\r\n", self.id)
    }

    fn put(&self, client: &mut Raw, number: usize, chunk: &[u8]) -> Said {
        ask(client, "PUT /chunked-upload", &self.fields(number), chunk)
    }

    fn status(&self, scene: &Scene) -> Said {
        ask(&mut scene.raw(), format!("GET /upload-status?session_id={}", self.id), "", &[])
    }
}

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.text).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}
