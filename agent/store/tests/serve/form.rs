//! hmac-file-server's forms.

use crate::support::*;
use baton_core::token;

const BOUNDARY: (&str, &str) = ("Content-Type", "multipart/form-data; boundary=cut");

fn form(filename: &str, bytes: &[u8]) -> Vec<u8> {
    let start = format!(
        "--cut\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhi\r\n\
         --cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{filename}\"\r\n\
         Content-Type: image/jpeg\r\n\r\n"
    );
    [start.as_bytes(), bytes, b"\r\n--cut--\r\n"].concat()
}

fn post(client: &mut Client, body: &[u8]) -> Response {
    let signature = token::signature(SECRET, "/upload");
    client.request("POST /upload", &[BOUNDARY, ("X-Signature", signature.as_str())], body)
}

#[test]
fn a_file_in_a_form_is_stored_and_receipted() {
    let server = Server::start();
    let bytes = noise(200_000);

    let receipt = post(&mut server.client(), &form("a/b c.jpg", &bytes));

    assert_eq!(receipt.status, 200);
    assert_eq!(receipt.header("Content-Type"), Some("application/json"));
    assert_eq!(receipt.text(), r#"{"success":true,"filename":"b c.jpg","size":200000}"#);
    assert_eq!(server.stored("b c.jpg").unwrap(), bytes, "under the last part of its name");
}

#[test]
fn bytes_that_look_like_the_end_are_not_and_pieces_may_be_cut_anywhere() {
    let server = Server::start();
    let bytes = b"\r\n--cu\r\n--cut_\r\n\r\n--\r\n--cu";
    let body = form("f", bytes);
    let signature = token::signature(SECRET, "/upload");
    let length = body.len().to_string();
    let headers =
        [BOUNDARY, ("X-Signature", signature.as_str()), ("Content-Length", length.as_str())];
    let mut client = server.client();

    client.send(head("POST /upload", &headers));
    for byte in body {
        client.send([byte]);
    }

    assert_eq!(client.response().status, 200);
    assert_eq!(server.stored("f").unwrap(), bytes);
}

#[test]
fn a_bearer_token_lets_a_form_in_and_names_the_user() {
    let server = Server::start_with(|options| options.quota_per_user = Some(10));
    let bearer = |user| format!("Bearer {}", token::bearer(SECRET, user, LATER).as_str());
    let (ann, line) = (bearer("ann"), |user| format!("POST /upload?user={user}&expiry={LATER}"));
    let headers = [BOUNDARY, ("Authorization", ann.as_str())];
    let mut client = server.client();

    assert_eq!(client.request(&line("ann"), &headers, &form("f", b"01234567")).status, 200);
    server.client().request(&line("ann"), &headers, &form("g", b"012")).assert_refused(507);
    server.client().request(&line("bob"), &headers, &form("g", b"012")).assert_refused(403);
}

#[test]
fn forms_without_a_file_an_end_or_a_token_store_nothing() {
    let server = Server::start();
    let whole = form("f", b"hello");
    let no_file = b"--cut\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\nhi\r\n--cut--\r\n";

    post(&mut server.client(), no_file).assert_refused(400);
    for cut in [whole.len() - 3, whole.len() - 9, whole.len() - 14, 10, 0] {
        post(&mut server.client(), &whole[..cut]).assert_refused(400);
    }
    for name in ["..", "", ".baton", "a/..", "a/"] {
        post(&mut server.client(), &form(name, b"hello")).assert_refused(400);
    }
    server.client().request("POST /upload", &[BOUNDARY], &whole).assert_refused(403);
    let signature = token::signature(SECRET, "/upload");
    let signed = ("X-Signature", signature.as_str());
    let text = ("Content-Type", "text/plain");
    server.client().request("POST /upload", &[text, signed], &whole).assert_refused(415);

    assert_eq!(server.stored("f"), None);
    until("nothing is left", || server.work_files().is_empty());
}

#[test]
fn a_taken_name_is_a_conflict_unless_the_content_is_the_same() {
    let server = Server::start();
    let mut client = server.client();

    assert_eq!(post(&mut client, &form("f", b"hello")).status, 200);
    assert_eq!(post(&mut client, &form("f", b"hello")).status, 200);
    post(&mut client, &form("f", b"other")).assert_refused(409);

    assert_eq!(server.stored("f").unwrap(), b"hello");
}

#[test]
fn a_file_may_still_be_called_upload() {
    let server = Server::start();

    assert_eq!(server.client().request(&put_line("upload", 2), &[], b"hi").status, 201);

    assert_eq!(server.client().ask("GET /upload", &[]).body, b"hi");
}
