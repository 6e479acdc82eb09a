import Testing

@testable import Proxy

/// What a request is counted by comes back from its record; what no configuration has does not.
@Suite struct RequestClassRecordTests {
    private static func read(_ host: String, _ name: String) throws -> RequestClass? {
        var out = RecordWriter()
        RequestClassRecord.write(RequestClass(kind: .route, host: host, name: name), 1, into: &out)
        let bytes = Array(out.bytes)
        return try bytes.withUnsafeBufferPointer { buffer in
            var reader = try #require(RecordReader(RecordBytes(buffer.baseAddress!, buffer.count)))
            let field = try #require(try reader.field())
            return try RequestClassRecord(try field.content()).value(.vcluster)
        }
    }

    @Test func itComesBack() throws {
        #expect(try Self.read("a:b", "c.d") == RequestClass(kind: .vcluster, host: "a:b", name: "c.d"))
    }

    @Test func namesThatAreNone() throws {
        #expect(try Self.read("", "c") == nil)
        #expect(try Self.read("a", "") == nil)
        #expect(try Self.read("a", String(repeating: "x", count: 1025)) == nil)
        #expect(try Self.read(String(repeating: "x", count: 1024), "a") != nil)
    }
}
