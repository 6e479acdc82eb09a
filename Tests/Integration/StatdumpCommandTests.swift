import Glibc
import Testing
import ThreadTesting

/// `statdump` beside a running `envoyd`, option by option.
struct StatdumpCommandTests {
    /// The lines of a run that is to succeed.
    private func lines(_ bed: Bed, _ arguments: String...) throws -> [String] {
        let (output, errors, ending) = try bed.output("statdump", ["--base-id", "\(bed.baseID)"] + arguments)
        #expect(ending == .exit(0) && errors.isEmpty, "\(arguments): \(errors)")
        return output.split(whereSeparator: \.isNewline).map(String.init)
    }

    @Test func itPrintsWhatTheAdminListenerPrints() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            for _ in 0..<3 { _ = try proxy.client().get("/status/404") }
            // Without histograms, whose intervals the admin listener knows, and without what looking changes.
            let filter =
                "^cluster\\.service\\.(upstream_rq_(total|404|4xx|completed)|membership_.*)$|ingress_http\\.downstream_rq"
            let query = "/stats?filter=\(Self.encoded(filter))&type="
            for type in ["Counters", "Gauges"] {
                for format in ["text", "json", "prometheus", "usedonly"] {
                    let isUsedOnly = format == "usedonly"
                    let answer = try proxy.admin(query + type + (isUsedOnly ? "&usedonly" : "&format=\(format)")).text
                    let shown = try bed.output(
                        "statdump",
                        ["--base-id", "\(bed.baseID)", filter, "--type", type.lowercased().dropLast().description]
                            + (isUsedOnly ? ["--used-only"] : ["--format", format]))
                    #expect(shown.output == answer + (format == "json" ? "\n" : ""))
                    #expect(
                        answer.contains(type == "Gauges" ? "membership_total" : "upstream_rq_404")
                            || format == "prometheus")
                    #expect(!answer.isEmpty)
                }
            }
        }
    }

    /// Histograms too, while their interval lasts, in every form that they have in text.
    @Test func itPrintsHistogramsAsTheAdminListenerDoes() throws {
        try withBed { bed in
            var configuration = Configuration(try bed.upstream().port)
            configuration.top = ["stats_flush_interval: 299s"]
            let proxy = try bed.proxy(configuration)
            for _ in 0..<3 { _ = try proxy.client().get("/") }
            let filter = "^(cluster\\.service\\.(external\\.)?upstream_(rq|cx)_|http\\.ingress_http\\.downstream_rq_)"
            let name = "http.ingress_http.downstream_rq_time"
            try waitUntil("the last request is recorded") {
                try proxy.admin("/stats?filter=\(name)&histogram_buckets=cumulative").text.contains("B3.6e+06(0,3)")
            }
            let query = "/stats?filter=\(Self.encoded(filter))"
            for format in ["text", "json", "prometheus"] {
                let answer = try proxy.admin("\(query)&format=\(format)").text
                let shown = try bed.output("statdump", ["--base-id", "\(bed.baseID)", filter, "--format", format])
                #expect(shown.output == answer + (format == "json" ? "\n" : ""), "\(format)")
                #expect(answer.contains("downstream_rq_time") || answer.contains("histograms"))
            }
            for buckets in ["cumulative", "disjoint", "detailed", "summary"] {
                let answer = try proxy.admin("\(query)&type=Histograms&histogram_buckets=\(buckets)").text
                let shown = try bed.output(
                    "statdump",
                    ["--base-id", "\(bed.baseID)", filter, "--type", "histogram", "--histogram-buckets", buckets])
                #expect(shown.output == answer && answer.contains(name), "\(buckets)")
            }
        }
    }

    private static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            let hex = String(byte, radix: 16)
            return "%" + (hex.utf8.count < 2 ? "0" : "") + hex
        }.joined()
    }

    @Test func savedAndCompared() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            let file = bed.path("before.json")
            #expect(try lines(bed, "--save", file) == [])
            for _ in 0..<4 { _ = try proxy.client().get("/") }
            let changed = try lines(bed, "--diff", file, "ingress_http.downstream_rq_total$")
            #expect(changed.count == 3 && changed[0].hasSuffix(" 1 changed"))
            #expect(
                changed[2].split(separator: " ").prefix(4) == ["http.ingress_http.downstream_rq_total", "0", "4", "+4"])
            #expect(try proxy.process.terminate() == .exit(0))
            // Removed and made again: another region, whatever its number.
            #expect(try lines(bed, "--remove") == ["removed /dev/shm/envoyd-\(bed.baseID)"])
            let gone = try bed.output("statdump", ["--base-id", "\(bed.baseID)", "--remove"])
            #expect(gone.ending == .exit(2))
            let next = try bed.proxy(Configuration(try bed.upstream().port))
            let refused = try bed.output("statdump", ["--base-id", "\(bed.baseID)", "--diff", file])
            #expect(refused.ending == .exit(1) && refused.output.isEmpty)
            #expect(refused.errors.contains(": saved from a region of base id \(bed.baseID) made at "))
            withExtendedLifetime(next) {}
        }
    }

    @Test func aLiveRegionIsNotRemoved() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            let refused = try bed.output("statdump", ["--base-id", "\(bed.baseID)", "--remove"])
            #expect(refused.ending == .exit(1))
            let holder = "pid \(proxy.process.pid) epoch 0 serving"
            #expect(refused.errors == "statdump: base id \(bed.baseID) is in use by \(holder); end it first\n")
            #expect(try proxy.client().get("/").status == 200)
        }
    }

    @Test func processesAndThreads() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let socket = ["--hot-restart-file", bed.path("restart.sock")]
            let first = try bed.proxy(Configuration(upstream.port), socket)
            _ = try first.client().get("/")
            let second = try bed.proxy(Configuration(upstream.port), socket)
            #expect(try first.process.terminate() == .exit(0))
            for _ in 0..<2 { _ = try second.client().get("/") }
            let table = try lines(bed, "--per-process", "ingress_http.downstream_rq_total")
            #expect(
                table[0].split(separator: " ").joined(separator: " ")
                    == "name value pid \(second.process.pid) epoch 1 dead")
            #expect(table[1].split(separator: " ").dropFirst() == ["3", "2", "1"])
            let threads = try lines(bed, "--per-worker", "ingress_http.downstream_rq_total")
            #expect(threads[0].contains("(pid \(second.process.pid))"))
            #expect(threads[1].split(separator: " ").dropFirst(2).compactMap { Int($0) }.reduce(0, +) == 3)
            #expect(
                try lines(bed, "--since-start", "ingress_http.downstream_rq_total")
                    == ["http.ingress_http.downstream_rq_total: 2"])
            #expect(try bed.output("statdump", ["--base-id", "\(bed.baseID)", "--check"]).ending == .exit(0))
        }
    }

    @Test func ordersRatesAndTags() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            for _ in 0..<5 { _ = try proxy.client().get("/") }
            let top = try lines(
                bed, "--top", "2", "--type", "counter", "cluster.service.upstream_(cx|rq)_(total|tx_reset)$")
            #expect(top.count == 2 && top[0].hasSuffix("_total: 5"))
            let load = Thread {
                for _ in 0..<50 {
                    do { _ = try proxy.client().get("/") } catch { return }
                    usleep(5000)
                }
            }
            let rates = try lines(bed, "--rate=0.5", "--sort", "rate", "--top", "1", "downstream_rq_total")
            load.join()
            #expect(rates.count == 2 && rates[0].split(separator: " ") == ["name", "value", "rate"])
            #expect(Double(rates[1].split(separator: " ").last ?? "") ?? 0 > 5)
            let tags = try lines(bed, "--tags", "^cluster.service.upstream_rq_200$")
            #expect(tags[1].hasSuffix("  cluster.upstream_rq  envoy_response_code=200 envoy_cluster_name=service"))
            let csv = try lines(bed, "--format", "csv", "^cluster.service.upstream_rq_(200|time)$")
            #expect(csv[0].hasPrefix("name,type,value,sum,p0,p25,"))
            #expect(csv.count == 3 && csv[2].hasPrefix("cluster.service.upstream_rq_time,histogram,"))
        }
    }

    @Test func aRegionIsCheckedAndDescribed() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            _ = try proxy.client().get("/")
            #expect(try lines(bed, "--check") == [])
            #expect(try lines(bed, "--layout").contains("  base id    \(bed.baseID)"))
            #expect(try proxy.process.kill9() == .signal(SIGKILL))
            #expect(try lines(bed, "--check") == [])
            let list = try #require(try lines(bed, "--list").first { $0.hasPrefix("\(bed.baseID)\t") })
            #expect(list.split(separator: "\t").count == 7 && list.contains("\tleft over\tgeneration 1\tmade "))
            // Segment 0 where the header is.
            let fd = open("/dev/shm/envoyd-\(bed.baseID)", O_RDWR | O_CLOEXEC)
            defer { close(fd) }
            var page: UInt32 = 1
            #expect(pwrite(fd, &page, 4, 53248 + 8) == 4)
            let (output, errors, ending) = try bed.output("statdump", ["--base-id", "\(bed.baseID)", "--check"])
            #expect(ending == .exit(3) && errors.isEmpty)
            #expect(output.split(separator: "\n").contains { $0.hasPrefix("segment 0: ") })
        }
    }

    @Test func endingsOfWhatCannotBe() throws {
        try withBed { bed in
            for (arguments, status) in [
                (["--check"], 2), (["--layout"], 2), (["--save", bed.path("x")], 2), (["--rate"], 2),
                (["--watch", "--check"], 64), (["("], 64), (["--nonsense"], 64),
            ] {
                let found = try bed.output("statdump", ["--base-id", "\(bed.baseID)"] + arguments)
                #expect(found.ending == .exit(Int32(status)) && found.output.isEmpty && !found.errors.isEmpty)
            }
            #expect(!Files.exists("/dev/shm/envoyd-\(bed.baseID).anchor"), "nothing was made by asking")
            // A region that somebody else wrote.
            let path = "/dev/shm/envoyd-\(bed.baseID)"
            try Files.write(path, String(repeating: "x", count: 300_000))
            #expect(chmod(path, 0o600) == 0)
            let foreign = try bed.output("statdump", ["--base-id", "\(bed.baseID)"])
            #expect(foreign.ending == .exit(1) && foreign.errors.contains("not a region of this build"))
            let checked = try bed.output("statdump", ["--base-id", "\(bed.baseID)", "--check"])
            #expect(checked.ending == .exit(3) && checked.output.contains("header: no region magic\n"))
        }
    }
}
