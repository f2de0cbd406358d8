//! A kernel that knows less.

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule,
};
use std::env::consts::ARCH;

/// Has the kernel know no TCP_INFO from here on, for this process and all that it starts: as an emulator of
/// another processor does.
///
/// # Panics
///
/// If the kernel has no seccomp.
pub fn forget_tcp_info() {
    let program = filter().expect("a filter for this machine");
    seccompiler::apply_filter(&program).expect("a kernel with seccomp");
}

fn filter() -> Result<BpfProgram, BackendError> {
    let is = |argument, value: i32| {
        let value = u64::from(value.unsigned_abs());
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
    };
    let asked = SeccompRule::new(vec![is(1, libc::IPPROTO_TCP)?, is(2, libc::TCP_INFO)?])?;
    let refusal = SeccompAction::Errno(libc::ENOPROTOOPT.unsigned_abs());
    let rules = [(libc::SYS_getsockopt, vec![asked])].into();
    SeccompFilter::new(rules, SeccompAction::Allow, refusal, ARCH.try_into()?)?.try_into()
}
