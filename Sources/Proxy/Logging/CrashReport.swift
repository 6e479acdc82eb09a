import CLinux
import Glibc
import Stats

/// What is written when the process traps, or is sent a signal that means one: see `CLinux/Crash.c`, and
/// docs/operations/crashes.md. The process ends by that signal then, as if nobody had handled it.
enum CrashReport {
    /// Before anything else.
    static func install() {
        cl_crash_install()
        cl_crash_describe("envoyd \(ProductVersion.text)")
    }

    /// Once it is known who this process is. Main thread only.
    static func describe(_ claim: Claim) {
        cl_crash_describe("envoyd \(ProductVersion.text), base id \(claim.baseID), epoch \(claim.epoch)")
    }

    /// What every thread does first: names itself, for whoever looks at the process, and for the report.
    static func threadBegins(_ name: String) {
        _ = cl_set_thread_name(name)
        // Without it nothing is said when this thread's stack overflows; it does not need to be said when that fails.
        _ = cl_crash_thread()
    }
}
