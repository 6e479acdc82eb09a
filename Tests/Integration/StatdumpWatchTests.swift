import CLinux
import Glibc
import Testing

/// `statdump --watch` on a terminal of 80 columns and 24 lines, and without one.
@Suite(.serialized) struct StatdumpWatchTests {
    private func watch(_ bed: Bed, _ arguments: String...) throws -> PseudoTerminal {
        try PseudoTerminal(Binaries.path("statdump"), ["--base-id", "\(bed.baseID)", "--watch=0.1"] + arguments)
    }

    private func hasRow(_ lines: [String], _ name: String, _ value: String) -> Bool {
        lines.contains { line in
            let words = line.split(separator: " ")
            return words.count > 1 && words[0].hasSuffix(name) && words[1] == value
        }
    }

    @Test func itFollowsStartsCrashesAndNewGenerations() throws {
        try withBed { bed in
            let screen = try watch(bed, "ingress_http.downstream_rq_total")
            let id = "base id \(bed.baseID)"
            try screen.wait(for: "no region") { $0[0] == "\(id)  no region yet: waiting for one" }
            let upstream = try bed.upstream()
            let first = try bed.proxy(Configuration(upstream.port))
            _ = try first.client().get("/")
            try screen.wait(for: "the first process") {
                $0[0].hasPrefix("\(id)  pid \(first.process.pid) epoch 0 serving  up ")
                    && $0[0].hasSuffix("  generation 1") && hasRow($0, "stream_rq_total", "1")
            }
            try first.process.kill9()
            try screen.wait(for: "the crash") { $0[0].hasPrefix("\(id)  no live process  generation 1") }
            #expect(hasRow(screen.lines, "stream_rq_total", "1"))
            let second = try bed.proxy(Configuration(upstream.port))
            _ = try second.client().get("/")
            try screen.wait(for: "the second process") {
                $0[0].contains("pid \(second.process.pid) epoch 0 serving") && hasRow($0, "stream_rq_total", "2")
            }
            #expect(try second.process.terminate() == .exit(0))
            let third = try bed.proxy(Configuration(upstream.port), ["--reset-stats"])
            try screen.wait(for: "a new generation") {
                $0[0].contains("pid \(third.process.pid) epoch 0 serving") && $0[0].contains("generation 2")
            }
            _ = try third.client().get("/")
            try screen.wait(for: "it counts anew") { hasRow($0, "stream_rq_total", "1") }
            #expect(screen.overflows == 0 && screen.entries == 1)
            screen.press("q")
            try waitUntil("its end") { screen.waitStatus().map { cl_exited($0) && cl_exit_status($0) == 0 } ?? false }
            #expect(!screen.isAlternate && screen.isCursorShown && screen.isCooked)
        }
    }

    @Test func keysAndSizes() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            _ = try proxy.client().get("/")
            let screen = try watch(bed)
            try screen.wait(for: "the first picture") {
                $0[1].contains("by name  zeroes hidden") && $0[2].hasPrefix("name ") && $0[23].hasSuffix("q quit")
            }
            #expect(screen.isAlternate && !screen.isCursorShown && !screen.isCooked)
            screen.press("z")
            try screen.wait(for: "zeroes") { $0[1].contains("zeroes shown") }
            let top = screen.lines[3]
            screen.press("\u{1b}[6~")
            try screen.wait(for: "the next page") { $0[3] != top && !$0[3].isEmpty }
            screen.press("/upstream_rq_200")
            try screen.wait(for: "the prompt") { $0[23] == "/upstream_rq_200_" }
            screen.press("\r")
            try screen.wait(for: "the filter") {
                $0[1].contains("filter upstream_rq_200") && $0[3].contains("upstream_rq_200") && $0[20].isEmpty
            }
            screen.press("?")
            try screen.wait(for: "help") { $0.contains("Any key goes back.") }
            screen.press("xss")
            try screen.wait(for: "the order") { $0[1].contains("by rate") }
            screen.resize(width: 40, height: 10)
            try screen.wait(for: "a small screen") {
                $0.count == 10 && $0[9].hasPrefix("/ filter") && $0[2].hasPrefix("name ")
            }
            screen.resize(width: 200, height: 50)
            try screen.wait(for: "a large screen") { $0[49].hasSuffix("q quit") && $0[2].count > 100 }
            #expect(screen.overflows == 0)
            // Ctrl-C, as the terminal makes it a signal.
            screen.press("\u{3}")
            try waitUntil("its end") {
                screen.waitStatus().map { cl_signaled($0) && cl_term_signal($0) == SIGINT } ?? false
            }
            #expect(!screen.isAlternate && screen.isCursorShown && screen.isCooked)
        }
    }

    @Test func stoppedAndContinued() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            let screen = try watch(bed)
            try screen.wait(for: "the first picture") { $0[23].hasSuffix("q quit") }
            kill(screen.pid, SIGTSTP)
            try waitUntil("it stops") { screen.waitStatus().map { !cl_exited($0) && !cl_signaled($0) } ?? false }
            #expect(!screen.isAlternate && screen.isCursorShown && screen.isCooked, "the shell has its terminal back")
            kill(screen.pid, SIGCONT)
            try screen.wait(for: "it goes on") { _ in screen.isAlternate && !screen.isCooked }
            kill(screen.pid, SIGTERM)
            try waitUntil("its end") {
                screen.waitStatus().map { cl_signaled($0) && cl_term_signal($0) == SIGTERM } ?? false
            }
            #expect(!screen.isAlternate && screen.isCooked)
            withExtendedLifetime(proxy) {}
        }
    }

    @Test func plainLinesWithoutATerminal() throws {
        try withBed { bed in
            let plain = try bed.run(
                Binaries.path("statdump"),
                ["--base-id", "\(bed.baseID)", "--watch=0.1", "ingress_http.downstream_rq_total"])
            try waitUntil("it waits") { plain.output.contains("# no region yet: waiting for one\n") }
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            let line = " base id \(bed.baseID) generation 1: pid \(proxy.process.pid) epoch 0 serving\n"
            try waitUntil("it sees the process") { plain.output.contains(line) }
            _ = try proxy.client().get("/")
            try waitUntil("it sees the request") {
                plain.output.contains("\nhttp.ingress_http.downstream_rq_total: 1 +1 ")
            }
            #expect(!plain.output.contains("\u{1b}"))
            #expect(try plain.terminate() == .signal(SIGTERM))
        }
    }
}
