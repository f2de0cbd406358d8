use super::*;

fn upstream(protocol: Protocol) -> Upstream {
    in_dir(protocol, Path::new("/proc/none"))
}

fn in_dir(protocol: Protocol, dir: &Path) -> Upstream {
    let settings = UpstreamSettings {
        scheme: "http",
        authority: "files.example".into(),
        base: String::new(),
        protocol,
        tus_path: "/files/".into(),
        signed_type: SignedType::Header,
        connect_timeout: baton_core::Duration::from_secs(1),
    };
    Upstream::new(&settings, dir)
}

const NO: Answerer = Answerer::Other { status: 404 };

/// Asks until there is a verdict, and tells it.
fn sound(upstream: &Upstream, answer: impl Fn(Question) -> Answerer) -> Heard {
    let mut question = upstream.question();
    loop {
        match upstream.hear(question, answer(question)) {
            Heard::Ask(next) => question = next,
            verdict @ (Heard::Upstream | Heard::Stranger) => return verdict,
        }
    }
}

#[test]
fn auto_finds_every_protocol() {
    let draft = |question| match question {
        Question::Draft { .. } => Answerer::Draft { other: None },
        Question::Tus | Question::State | Question::Session => NO,
    };
    let chunked = |question| match question {
        Question::State => Answerer::Other { status: 400 },
        Question::Session => Answerer::Other { status: 405 },
        Question::Tus | Question::Draft { .. } => NO,
    };
    let interop = Interop::LATEST;
    let cases: [(&dyn Fn(Question) -> Answerer, Spoken); 4] = [
        (&|_| Answerer::Tus { fenced: true }, Spoken::Tus { fenced: true }),
        (&draft, Spoken::Resumable { interop, fenced: false }),
        (&chunked, Spoken::Chunked),
        (&|_| NO, Spoken::Put),
    ];
    for (answer, spoken) in cases {
        let upstream = upstream(Protocol::Auto);

        assert_eq!(sound(&upstream, answer), Heard::Upstream);
        assert_eq!(upstream.spoken(), Some(spoken));
        assert_eq!(sound(&upstream, answer), Heard::Upstream, "known by one question");
    }
}

#[test]
fn the_draft_of_a_server_that_fences_is_asked_for_where_it_is_wanted() {
    let upstream = upstream(Protocol::Resumable);

    let heard = sound(&upstream, |question| match question {
        Question::Tus => Answerer::Tus { fenced: true },
        Question::Draft { .. } | Question::State | Question::Session => {
            Answerer::Draft { other: None }
        }
    });

    assert_eq!(heard, Heard::Upstream);
    assert_eq!(
        upstream.spoken(),
        Some(Spoken::Resumable { interop: Interop::LATEST, fenced: true })
    );
    upstream.adopt(Interop::V6);
    assert_eq!(upstream.question(), Question::Draft { fenced: true });
    assert_eq!(upstream.spoken(), Some(Spoken::Resumable { interop: Interop::V6, fenced: true }));
}

#[test]
fn a_portal_teaches_no_protocol_and_is_not_the_upstream() {
    for protocol in [Protocol::Auto, Protocol::Tus, Protocol::Resumable] {
        for portal in [Answerer::Portal, Answerer::Other { status: 200 }] {
            let upstream = upstream(protocol);

            assert_eq!(sound(&upstream, |_| portal), Heard::Stranger);
            assert_eq!(upstream.spoken(), None);
        }
    }
}

#[test]
fn a_server_in_trouble_speaks_for_the_link_and_teaches_no_protocol() {
    let upstream = upstream(Protocol::Auto);

    assert_eq!(sound(&upstream, |_| Answerer::Troubled), Heard::Upstream);
    assert_eq!(upstream.spoken(), None);
}

#[test]
fn who_spoke_tus_once_is_not_believed_to_speak_only_put() {
    let upstream = upstream(Protocol::Auto);
    sound(&upstream, |_| Answerer::Tus { fenced: true });

    assert_eq!(sound(&upstream, |_| NO), Heard::Stranger);
    assert_eq!(upstream.spoken(), Some(Spoken::Tus { fenced: true }));
}

#[test]
fn what_was_learned_holds_after_a_restart_until_the_first_answer() {
    let dir = std::env::temp_dir().join(format!("baton-upstream-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    sound(&in_dir(Protocol::Auto, &dir), |_| Answerer::Tus { fenced: true });

    let restarted = in_dir(Protocol::Auto, &dir);
    assert_eq!(restarted.spoken(), Some(Spoken::Tus { fenced: true }));
    assert_eq!(sound(&restarted, |_| NO), Heard::Upstream, "another server now");
    assert_eq!(in_dir(Protocol::Auto, &dir).spoken(), Some(Spoken::Put));
    assert_eq!(in_dir(Protocol::Tus, &dir).spoken(), None, "it is told, not remembered");

    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn everything_that_can_be_spoken_can_be_remembered() {
    let memory = upstream(Protocol::Auto).memory;
    let lines: std::collections::BTreeSet<String> =
        Spoken::all().map(|spoken| memory.line(spoken)).collect();
    assert_eq!(lines.len(), Spoken::all().count());
}
