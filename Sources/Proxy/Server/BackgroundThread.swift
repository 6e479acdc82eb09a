import CLinux
import Glibc

/// A thread beside the main one and the workers, for which nobody waits: it ends when its work does.
enum BackgroundThread {
    private final class Work: Sendable {
        let name: String
        let isBrief: Bool
        let body: @Sendable () -> Void
        init(_ name: String, isBrief: Bool, _ body: @escaping @Sendable () -> Void) {
            self.name = name
            self.isBrief = isBrief
            self.body = body
        }
    }

    /// - Parameters:
    ///   - name: of up to 15 bytes, as the kernel shows it.
    ///   - isBrief: it is one of many that come and go: nothing is kept ready for the report of a stack that overflows.
    static func start(_ name: String, isBrief: Bool = false, _ body: @escaping @Sendable () -> Void) throws(SystemError)
    {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(Work(name, isBrief: isBrief, body)).toOpaque()
        let code = pthread_create(
            &thread, nil,
            { @Sendable context in
                guard let context else { return nil }
                let work = Unmanaged<Work>.fromOpaque(context).takeRetainedValue()
                if work.isBrief { _ = cl_set_thread_name(work.name) } else { CrashReport.threadBegins(work.name) }
                work.body()
                return nil
            }, context)
        guard code == 0 else {
            Unmanaged<Work>.fromOpaque(context).release()
            throw SystemError(call: "pthread_create", code: code)
        }
        pthread_detach(thread)
    }
}
