import CLinux
import Glibc

extension Program {
    /// The numbers of its threads of this name.
    func threads(_ name: String) -> [pid_t] {
        Files.names(in: "/proc/\(pid)/task").filter {
            Files.read("/proc/\(pid)/task/\($0)/comm") == name + "\n"
        }.compactMap { pid_t($0) }
    }

    /// Sends a signal to one thread, as a fault of its own would come.
    func signal(_ number: Int32, thread name: String) throws {
        guard let thread = threads(name).first else { throw Failure("\(self) has no thread \(name)") }
        let rc = cl_signal_thread(pid, thread, number)
        guard rc == 0 else { throw Failure.system("tgkill", -rc) }
    }
}
