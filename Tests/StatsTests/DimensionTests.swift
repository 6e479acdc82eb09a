import RegionTesting
import Testing

@testable import Stats

/// Names that are not Envoy's: dimensions as labels, nothing of Envoy's rules.
struct DimensionTests {
    private static func stat(_ name: String) -> StatValue {
        var stat = StatValue(name: name, kind: .counter, flags: .plainName, value: 1)
        stat.tags = TagExtractor.tags(Array(name.utf8), .plainName)
        return stat
    }

    @Test(arguments: [
        ("requests", "requests{}"),
        ("requests;code=200;method=GET", #"requests{code="200",method="GET"}"#),
        ("cluster.a.upstream_rq_200", "cluster_a_upstream_rq_200{}"),
        ("http.in.rq;http.route=/a.b", #"http_in_rq{http_route="/a.b"}"#),
        ("r;k=%22%5C%0A%C3%A9=;l=", #"r{k="\"\\\né=",l=""}"#),
        // Neither a terminal nor the format can take them.
        ("r;k=%1B%FF", "r{k=\"\\\\x1b\u{fffd}\"}"),
        ("r;a.b=1;a_b=2;a%20b=3", #"r{a_b="1",a_b_2="2",a_b_3="3"}"#),
        ("r;a=1;a=2;a_2=3", #"r{a="1",a_2="2",a_2_2="3"}"#),
        ("r;le=1;__name__=2;_x=3;1=4;=5", #"r{exported_le="1",exported__name__="2",_x="3",_1="4",_="5"}"#),
        ("r;a=;A=;0=;b=;c=;d=;e=;f=;g=;g=7", ##"r{a="",A="",_0="",b="",c="",d="",e="",f="",g="",g_2="7"}"##),
        // No dimensions, and no escapes.
        ("r;k", "r_k{}"), ("r;k;l=1", #"r_k{l="1"}"#), ("r=1", "r_1{}"),
        ("r;k=%;l=%4;m=%zz", #"r{k="%",l="%4",m="%zz"}"#),
        // Names that begin with no letter.
        ("%", "_{}"), ("%_us", "__us{}"), (";a=1", #"_{a="1"}"#), ("5xx", "_5xx{}"), ("%35xx", "_5xx{}"), ("é", "__{}"),
    ])
    func areLabels(name: String, series: String) throws {
        let text = StatsSnapshot(stats: [Self.stat(name)]).formatted(.prometheus)
        #expect(text.split(separator: "\n", maxSplits: 1).last ?? "" == series + " 1\n")
        _ = try PrometheusText(text)
    }

    @Test func areSeenAsTags() {
        let stat = Self.stat("r.t;a.b=x%20y;a_b=2;k")
        #expect(stat.nameWithoutTags == "r.t;k")
        #expect(stat.labels.map(\.label) == ["a_b", "a_b_2"] && stat.labels.map(\.value) == ["x y", "2"])
    }

    /// Stored once, where a build that does not know them passes them over.
    @Test func areStoredWithTheName() throws {
        let name = Array("requests;code=200;method=GET".utf8)
        let bytes = NameRecord.encode(
            name: name, kind: .counter, unit: .bytes, gaugeImport: .accumulate, flags: .plainName, value: 3)
        let spans = bytes.dropFirst(24 + 28).prefix(24)
        #expect(Array(spans) == [0, 1, 8, 0, 9, 0, 14, 0, 3, 0, 0, 0, 0, 1, 17, 0, 11, 0, 25, 0, 3, 0, 0, 0])
        #expect(bytes[7] == 2)
        let record = try #require(bytes.withUnsafeBytes { NameRecord($0, headLength: 24) })
        #expect(record.tags == TagExtractor.tags(name, .plainName) && record.flags == .plainName)
    }

    @Test func aStoreMarksWhatItMakes() throws {
        try withScratch { scratch in
            let region = try scratch.member()
            try region.commitSlot()
            for store in [StatsStore(region: region), .heapOnly()] {
                let writer = store.makeWriter()
                writer.counter(store.counter("http.a.rq_200;k=v")).add(5)
                let text = store.snapshot().formatted(.prometheus)
                #expect(text.contains("\nhttp_a_rq_200{k=\"v\"} 5\n") && text.contains("\nstats_overflow{} 0\n"))
                #expect(!text.contains("envoy"))
            }
            #expect(try RegionCheck.findings(baseID: scratch.baseID) == [])
            // Made once: whoever asks later gets it as it is. What is Envoy's stays Envoy's beside it.
            let store = StatsStore(region: region, naming: .envoy)
            let writer = store.makeWriter()
            writer.counter(store.counter("http.a.rq_200;k=v", flags: .plainName)).add(1)
            writer.counter(store.counter("cluster.b.upstream_rq_200", flags: .plainName)).add(2)
            let text = StatsSnapshot(try scratch.reader()).formatted(.prometheus)
            #expect(text.contains("\nhttp_a_rq_200{k=\"v\"} 6\n") && text.contains("\nenvoy_stats_overflow{} 0\n"))
            #expect(
                text.contains("\nenvoy_cluster_upstream_rq{envoy_response_code=\"200\",envoy_cluster_name=\"b\"} 2\n"))
        }
    }

    /// As many as a record has room for; none is lost.
    @Test func thereMayBeTooMany() throws {
        let most = TagExtractor.mostDimensions
        let name = "r" + (0..<most + 2).map { ";k\($0)=\($0)" }.joined() + String(repeating: "x", count: 2000)
        let stat = Self.stat(name)
        #expect(stat.tags.count == most)
        let bytes = NameRecord.encode(
            name: Array((name + String(repeating: "x", count: 4096)).utf8.prefix(4096)), kind: .counter, unit: .bytes,
            gaugeImport: .accumulate, flags: .plainName, value: 3)
        #expect(bytes.count <= 8192)
        let read = try PrometheusText(StatsSnapshot(stats: [stat]).formatted(.prometheus))
        #expect(read.samples[0].labels.count == most && read.samples[0].name.hasPrefix("r_k128_128_k129_129xx"))
    }
}
