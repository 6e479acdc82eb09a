import CLinux
import Glibc
import Testing
import ThreadTesting

@testable import Proxy

/// What a process says that traps, and that it ends by the right signal whatever else is the matter. Each body runs in a
/// process of its own.
@Suite(.enabled(if: cl_crash_is_supported(), "sanitizers have reports of their own"))
struct CrashReportTests {
    #if arch(arm64)
        private static let trap = (number: SIGTRAP, name: "SIGTRAP")
    #else
        private static let trap = (number: SIGILL, name: "SIGILL")
    #endif

    private static func text(_ bytes: [UInt8]?) -> String { String(decoding: bytes ?? [], as: UTF8.self) }

    @Test func aTrapNamesItsThreadAndFunctions() async throws {
        let result = try await #require(
            processExitsWith: .signal(Self.trap.number), observing: [\.standardErrorContent]
        ) {
            CrashReport.install()
            cl_crash_describe("the test")
            onVictim { trapHere() }
        }
        let text = Self.text(result.standardErrorContent)
        #expect(text.contains("][critical][main] Caught "))
        #expect(text.contains("(\(Self.trap.name)), suspect faulting address 0x"))
        #expect(text.contains(", in thread victim; the test\n"))
        #expect(text.contains("[critical][main] #0: "))
        // Readable, since a trap in Swift code is not within malloc.
        #expect(text.contains("ProxyTests.(trapHere in ") || text.contains("ProxyTests.trapHere()"), "\(text)")
        #expect(
            text.contains("in ProxyTests.onVictim(") || text.contains("onVictim in "),
            "the thread's first function: \(text)")
    }

    @Test func anOverflowOfTheStackIsTold() async throws {
        let result = try await #require(processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]) {
            CrashReport.install()
            onVictim { overflow(1) }
        }
        let text = Self.text(result.standardErrorContent)
        #expect(text.contains("Caught Segmentation fault (SIGSEGV), suspect faulting address 0x"))
        #expect(text.contains("#40: ") && text.contains("overflow"), "\(text)")
    }

    @Test func aBadAddressIsNamed() async throws {
        let result = try await #require(processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]) {
            CrashReport.install()
            onVictim { UnsafeMutablePointer<UInt64>(bitPattern: 8)!.pointee = 1 }
        }
        #expect(Self.text(result.standardErrorContent).contains("(SIGSEGV), suspect faulting address 0x8, in thread"))
    }

    @Test func aSignalOfSomebodyNamesTheSender() async throws {
        let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
            CrashReport.install()
            onVictim { abort() }
        }
        let text = Self.text(result.standardErrorContent)
        #expect(text.contains("Caught Aborted (SIGABRT), sent by pid ") && text.contains("abort"), "\(text)")
    }

    /// The handler of the region's guard was there first, and passes on what is not the region's.
    @Test func aMappedFileThatShrinksIsTold() async throws {
        let result = try await #require(processExitsWith: .signal(SIGBUS), observing: [\.standardErrorContent]) {
            CrashReport.install()
            let region = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 4096)
            #expect(cl_guard(region, 4096) >= 0)
            onVictim {
                let file = tmpfile()
                let page = mmap(nil, 4096, PROT_READ, MAP_SHARED, fileno(file), 0)
                _ = page?.load(as: UInt8.self)
            }
        }
        #expect(Self.text(result.standardErrorContent).contains("Caught Bus error (SIGBUS), suspect faulting address"))
    }

    /// No lock is taken: not the log's, and malloc's only where it is sure to be free for this thread.
    @Test func locksOfOthersDoNotMatter() async throws {
        let result = try await #require(
            processExitsWith: .signal(Self.trap.number), observing: [\.standardErrorContent]
        ) {
            CrashReport.install()
            let log = try Log(level: .info, path: nil)
            for _ in 0..<4 {
                Thread {
                    while true { free(malloc(100_000)) }
                }.detach()
            }
            Thread { while true { log.info("busy") } }.detach()
            usleep(20_000)
            onVictim { trapHere() }
        }
        #expect(Self.text(result.standardErrorContent).contains("#0: "))
    }

    @Test func ofTwoThatCrashOneTells() async throws {
        let result = try await #require(
            processExitsWith: .signal(Self.trap.number), observing: [\.standardErrorContent]
        ) {
            CrashReport.install()
            onThreads(4) { _ in
                CrashReport.threadBegins("victim")
                trapHere()
            }
        }
        let text = Self.text(result.standardErrorContent)
        #expect(text.split(separator: "\n").count { $0.contains("Caught ") } == 1, "\(text)")
    }

    /// What is said goes to a pipe that nobody reads: the process ends all the same.
    @Test func aReaderWhoDoesNotReadHoldsNothingUp() async {
        await #expect(processExitsWith: .signal(Self.trap.number)) {
            CrashReport.install()
            cl_crash_log(fullPipe())
            onVictim { trapHere() }
        }
    }

    /// A fault while the first is told of: the process ends by the first one's signal, at once.
    @Test func aFaultWithinTheReportEndsTheProcess() async {
        await #expect(processExitsWith: .signal(Self.trap.number)) {
            CrashReport.install()
            cl_crash_log(fullPipe())
            Thread {
                CrashReport.threadBegins("victim")
                trapHere()
            }.detach()
            let victim = waitForHandler()
            // Without a time limit, nothing else ends it.
            var none = itimerval()
            setitimer(__itimer_which_t(0), &none, nil)
            _ = cl_signal_thread(getpid(), victim, SIGSEGV)
            while true { pause() }
        }
    }
}

/// In a thread of that name, whose end is waited for.
private func onVictim(_ body: @escaping @Sendable () -> Void) {
    Thread {
        CrashReport.threadBegins("victim")
        body()
    }.join()
}

@inline(never)
private func trapHere() {
    let none: [Int] = []
    print(none[Int(getpid())])
}

@inline(never)
private func overflow(_ depth: Int) {
    var room = (depth, depth, depth, depth, depth, depth, depth, depth)
    withUnsafeMutablePointer(to: &room) { room in if room.pointee.0 != 0 { overflow(depth + 1) } }
    if room.1 == 0 { print(depth) }
}

/// The end of a pipe into which nothing more goes; writing to it waits.
private func fullPipe() -> Int32 {
    var ends: [Int32] = [-1, -1]
    #expect(pipe(&ends) == 0)
    _ = cl_set_nonblocking(ends[1], true)
    let bytes = [UInt8](repeating: 0, count: 4096)
    while cl_write(ends[1], bytes, bytes.count) > 0 {}
    while cl_write(ends[1], bytes, 1) > 0 {}
    _ = cl_set_nonblocking(ends[1], false)
    return ends[1]
}

/// The thread that is in the handler of a trap, which blocks that signal there.
private func waitForHandler() -> pid_t {
    while true {
        guard let tasks = opendir("/proc/self/task") else { continue }
        defer { closedir(tasks) }
        while let entry = readdir(tasks) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard let thread = pid_t(name) else { continue }
            do {
                let status = String(decoding: try InputFile.read("/proc/self/task/\(name)/status"), as: UTF8.self)
                guard status.hasPrefix("Name:\tvictim\n") else { continue }
                let line = status.split(separator: "\n").first { $0.hasPrefix("SigBlk:") }
                let mask = line.flatMap { UInt64($0.dropFirst(8), radix: 16) } ?? 0
                if mask & (1 << UInt64(SIGILL - 1) | 1 << UInt64(SIGTRAP - 1)) != 0 { return thread }
            } catch { continue }
        }
        usleep(1000)
    }
}
