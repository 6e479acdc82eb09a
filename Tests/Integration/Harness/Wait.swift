import CLinux
import Glibc
import ThreadTesting

/// What went wrong in the harness or in a test's expectations of a process.
struct Failure: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }

    static func system(_ call: String, _ code: Int32 = errno) -> Failure {
        Failure("\(call): \(String(cString: strerror(code)))")
    }
}

/// Deadlines are for tests that hang, not for machines that are slow.
let generousSeconds = 30.0

/// Looks every few milliseconds until `condition` holds; throws when it does not in time, which is longer under a sanitizer.
func waitUntil(_ what: String, within seconds: Double = generousSeconds, _ condition: () throws -> Bool) throws {
    let end = cl_monotonic_ns() + UInt64(seconds * Pace.slowness * 1e9)
    while try !condition() {
        guard cl_monotonic_ns() < end else { throw Failure("waited \(seconds) s in vain: \(what)") }
        usleep(3000)
    }
}

/// As `waitUntil`, for a value that is nil at first.
func waitFor<T>(_ what: String, within seconds: Double = generousSeconds, _ value: () throws -> T?) throws -> T {
    var found: T?
    try waitUntil(what, within: seconds) {
        found = try value()
        return found != nil
    }
    return found!
}
