import CLinux
import ProxyConfig
import Testing

@testable import Proxy

/// The health of hosts on its way to another process.
@Suite struct HostHealthRecordTests {
    private static func sample() -> HostHealthRecord {
        var host = HostHealthRecord.Host()
        host.address = address("127.0.0.1", 80)
        host.flags = [.checked, .failedActiveCheck, .ejected, .degraded]
        host.successes = 1
        host.failures = 2
        host.nextCheckNs = 3
        host.ejectedNs = 4
        host.backoff = 5
        host.jitterMs = 6
        host.consecutive = [7, 8, 9]
        host.sinceNs = 11
        var other = HostHealthRecord.Host()
        other.address = address("::1", 81)
        var cluster = HostHealthRecord.Cluster()
        cluster.name = "service"
        cluster.hadTraffic = true
        cluster.nextIntervalNs = 10
        cluster.hosts = [host, other]
        var record = HostHealthRecord()
        record.clusters = [cluster, HostHealthRecord.Cluster(name: "empty")]
        return record
    }

    @Test func itComesBack() throws {
        #expect(try HostHealthRecord(Self.sample().encoded()) == Self.sample())
        #expect(try HostHealthRecord([]) == HostHealthRecord())
    }

    @Test func whatIsCutOrBrokenIsAnErrorOrLess() throws {
        var record = Self.sample()
        record.clusters.removeLast()
        let whole = record.encoded()
        for length in 1..<whole.count {
            #expect(throws: RecordError.self) { _ = try HostHealthRecord(Array(whole[..<length])) }
        }
        for position in whole.indices {
            for bit in 0..<8 {
                var broken = whole
                broken[position] ^= 1 << UInt8(bit)
                do throws(RecordError) {
                    // Whatever it says now, it is within bounds.
                    for host in try HostHealthRecord(broken).clusters.flatMap(\.hosts) {
                        #expect(host.consecutive.count == 3 && host.address.length <= 128)
                    }
                } catch {
                    #expect(!error.description.isEmpty)
                }
            }
        }
    }

    @Test func whatALaterVersionAddsIsSkipped() throws {
        var out = RecordWriter(capacity: 256)
        let cluster = out.begin(1)
        out.text(1, "service")
        out.number(90, 1)
        out.end(cluster)
        out.text(50, "more")
        let record = try HostHealthRecord(Array(out.bytes))
        #expect(record.clusters.map(\.name) == ["service"])
    }

    @Test func itTravelsWithTheTransaction() throws {
        var header = TransactionRecord()
        header.clusters = [.init(name: "a", statName: "a"), .init(name: "a", statName: "a", isHigh: true)]
        header.hostHealth = Self.sample().encoded()
        var out = RecordWriter(capacity: 256)
        header.write(into: &out)
        let again = try TransactionRecord(RecordBytes(try #require(out.bytes.baseAddress), out.count))
        #expect(again == header)
    }
}
