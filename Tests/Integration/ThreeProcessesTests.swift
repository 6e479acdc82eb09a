import Testing

/// A standby and a child that both would take the place of the process between them.
@Suite(.serialized) struct ThreeProcessesTests {
    @Test func onlyOneTakesThePlaceOfAProcessThatDiesInAHandOver() throws {
        for round in 0..<8 {
            try withBed { bed in
                let upstream = try bed.upstream()
                let flags = ["--hot-restart-file", bed.path("restart.sock")]
                let first = try bed.proxy(Configuration(upstream.port), flags)
                let port = try first.port
                let second = try bed.proxy(Configuration(upstream.port), flags)
                let third = try bed.startProxy(Configuration(upstream.port).text, flags)
                // Killed at another moment of the hand-over each time.
                try waitUntil("the third asks") {
                    second.log.contains("asks for the listeners") || third.process.ending != nil
                }
                for _ in 0..<(round * 200) { _ = second.log.isEmpty }
                try second.process.kill9()
                try waitUntil("one of the two serves, and one only") {
                    let list =
                        try bed.output("statdump", ["--list"]).output.split(separator: "\n")
                        .first { $0.hasPrefix("\(bed.baseID)\t") } ?? ""
                    return list.count(of: " serving") == 1 && !list.contains("starting")
                }
                #expect(try Client(port: port).get("/").status == 200)
                for proxy in [first, third] where proxy.process.ending == nil {
                    #expect(try proxy.process.terminate() == .exit(0))
                }
                #expect(Client.isRefused(port: port), "nobody is left")
            }
        }
    }
}

extension Substring {
    fileprivate func count(of part: String) -> Int {
        var count = 0
        var rest = self[...]
        while let found = rest.firstRange(of: part) {
            count += 1
            rest = rest[found.upperBound...]
        }
        return count
    }
}
