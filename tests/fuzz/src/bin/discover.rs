//! Looks for bytes that break a promise, with libFuzzer: `ci/fuzz` builds it with coverage and the
//! condition `fuzzing`, and names the target in `BATON_FUZZ_TARGET`.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
mod libfuzzer {
    use std::sync::LazyLock;

    static RUN: LazyLock<fn(&[u8])> = LazyLock::new(|| {
        let name = std::env::var("BATON_FUZZ_TARGET").unwrap_or_default();
        match baton_fuzz::target(&name) {
            Some(target) => target.run,
            None => {
                eprintln!("BATON_FUZZ_TARGET={name}: no such target");
                std::process::exit(2);
            }
        }
    });

    libfuzzer_sys::fuzz_target!(|data: &[u8]| RUN(data));
}

#[cfg(not(fuzzing))]
fn main() {
    for target in baton_fuzz::TARGETS {
        println!("{}", target.name);
    }
}
