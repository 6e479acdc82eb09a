import CLinux
import Glibc

/// The test hook: in a debug build `ENVOYD_TEST_FAULT=parent:after:send-commit:kill` makes the process end, stand still or run
/// out of something beside that step of a hand-over. A release build knows nothing of it.
enum HandOverFault {
    enum Role: String { case parent, child }
    enum When: String { case before, after }

    #if DEBUG
        private struct Wanted {
            var point: String
            var action: String
        }

        private static let wanted: Wanted? = {
            guard let text = getenv("ENVOYD_TEST_FAULT") else { return nil }
            let parts = String(cString: text).split(separator: ":")
            guard parts.count == 4 else { return nil }
            return Wanted(point: parts[0..<3].joined(separator: ":"), action: String(parts[3]))
        }()

        /// A process comes to its point once: the hand-over after the failed one is whole.
        nonisolated(unsafe) private static var isDone = false

        /// Main thread only.
        ///
        /// - Parameter step: the name of an action, `send-commit`, `storeCommitted`.
        static func reached(_ role: Role, _ when: When, _ step: @autoclosure () -> String) {
            guard let wanted, !isDone, wanted.point == "\(role.rawValue):\(when.rawValue):\(step())" else { return }
            isDone = true
            switch wanted.action {
            case "kill": kill(getpid(), SIGKILL)
            case "stop": kill(getpid(), SIGSTOP)
            case "emfile": limitDescriptors()
            default: break
            }
        }

        /// No descriptor more than are open now.
        private static func limitDescriptors() {
            let highest = cl_dup(0)
            _ = cl_close(highest)
            var limit = rlimit()
            let resource = __rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue))
            guard getrlimit(resource, &limit) == 0 else { return }
            limit.rlim_cur = rlim_t(max(highest, 0))
            setrlimit(resource, &limit)
        }

        /// An action's name: that of its case, without what it carries.
        static func name(_ action: Any) -> String {
            let text = "\(action)"
            return String(text.prefix { $0 != "(" })
        }
    #else
        @inline(__always)
        static func reached(_ role: Role, _ when: When, _ step: @autoclosure () -> String) {}
        static func name(_ action: Any) -> String { "" }
    #endif
}
