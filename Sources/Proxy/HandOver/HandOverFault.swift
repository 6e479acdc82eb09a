import CLinux
import Glibc
import HotRestart

/// The test hook: in a debug build `ENVOYD_TEST_FAULT=parent:after:send-commit:kill` makes the process end, stand still or run
/// out of something beside that step of a hand-over. A release build knows nothing of it.
///
/// - `kill`, `stop`: SIGKILL, SIGSTOP to itself. `trap`: what a mistake in our own code ends in.
/// - `emfile`: no more descriptors than are open.
/// - `enobufs`, `enomem`: the restart socket says so some times when this process sends, `enomem` also when it receives.
/// - `full`: nobody takes what this process sends from here on. `full-emfile`: and it cannot keep descriptors for later.
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
        static func reached(
            _ role: Role, _ when: When, _ step: @autoclosure () -> String, _ channel: RestartChannel
        ) {
            guard let wanted, !isDone, wanted.point == "\(role.rawValue):\(when.rawValue):\(step())" else { return }
            isDone = true
            switch wanted.action {
            case "kill": kill(getpid(), SIGKILL)
            case "stop": kill(getpid(), SIGSTOP)
            case "trap": preconditionFailure("ENVOYD_TEST_FAULT")
            case "emfile": limitDescriptors()
            case "enobufs": channel.fault = ChannelFault(code: ENOBUFS, sends: fewTimes)
            case "enomem": channel.fault = ChannelFault(code: ENOMEM, sends: fewTimes, receives: fewTimes)
            case "full": channel.fault = ChannelFault(code: EAGAIN, sends: .max)
            case "full-emfile":
                channel.fault = ChannelFault(code: EAGAIN, sends: .max)
                limitDescriptors()
            default: break
            }
        }

        private static let fewTimes = 8

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
        static func reached(
            _ role: Role, _ when: When, _ step: @autoclosure () -> String, _ channel: RestartChannel
        ) {}
        static func name(_ action: Any) -> String { "" }
    #endif
}
