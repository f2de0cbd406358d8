use super::*;
use tokio::net::TcpListener;

/// A connection as the server has it, and the client's end.
async fn connection() -> (Conn, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let (_, leaving) = watch::channel(false);
    (Conn::new(stream, Duration::from_secs(5), leaving), client)
}

#[test]
fn progress_is_offered_to_a_client_that_does_not_read_without_waiting_and_never_torn() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (mut conn, mut client) = connection().await;

        // Far more than any buffer holds.
        for offset in 0..200_000 {
            conn.offer_interim(&Interim::Progress { offset }, Interop::V8).unwrap();
        }
        let read = async {
            let mut text = String::new();
            client.read_to_string(&mut text).await.unwrap();
            text
        };
        let end = async move {
            conn.send(b"end").await.unwrap();
            conn.stream.shutdown().await.unwrap();
        };
        let (text, ()) = tokio::join!(read, end);

        let told = text.strip_suffix("end").unwrap();
        let answers: Vec<_> = told.split_terminator("\r\n\r\n").collect();
        assert!(answers.len() > 1 && answers.len() < 200_000, "{}", answers.len());
        for answer in answers {
            let (head, offset) = answer.rsplit_once("Upload-Offset: ").unwrap();
            assert!(head.starts_with("HTTP/1.1 104 ") && offset.parse::<u64>().is_ok(), "{answer}");
        }
    });
}
