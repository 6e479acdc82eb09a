import CLinux
import Glibc

/// Calls that make a descriptor and fail when there is none left: for the process (EMFILE), for the machine (ENFILE), or no
/// memory for it.
enum SystemShortage {
    /// It passes: whoever gets it waits for a moment instead of trying at once.
    static func isShortage(_ code: Int32) -> Bool {
        switch code {
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: true
        default: false
        }
    }

    /// `accept4`: a descriptor or a negative errno.
    @inline(__always)
    static func accept(_ listener: Int32, _ peer: inout cl_address) -> Int32 {
        #if DEBUG
            if let code = Fault.code { return -code }
        #endif
        return cl_accept(listener, &peer)
    }

    /// `socket` of a stream: a descriptor or a negative errno.
    @inline(__always)
    static func socket(_ family: Int32) -> Int32 {
        #if DEBUG
            if let code = Fault.code { return -code }
        #endif
        return cl_socket(family, Int32(CL_SOCK_STREAM), 0)
    }

    #if DEBUG
        /// The test hook for what no test may do to its machine: with `ENVOYD_TEST_SHORTAGE=ENFILE:PATH` both calls fail for as
        /// long as there is a file PATH. A release build knows nothing of it.
        private enum Fault {
            private static let wanted: (code: Int32, path: String)? = {
                guard let text = getenv("ENVOYD_TEST_SHORTAGE") else { return nil }
                let parts = String(cString: text).split(separator: ":", maxSplits: 1).map(String.init)
                let codes = ["EMFILE": EMFILE, "ENFILE": ENFILE, "ENOBUFS": ENOBUFS, "ENOMEM": ENOMEM]
                guard parts.count == 2, let code = codes[parts[0]] else { return nil }
                return (code, parts[1])
            }()

            static var code: Int32? {
                guard let wanted, access(wanted.path, F_OK) == 0 else { return nil }
                return wanted.code
            }
        }
    #endif
}
