import CLinux
import ProxyConfig
import Testing

@testable import Proxy

/// What a request or connection will have in its lines, on its way to another process.
@Suite struct LogRecordTests {
    private static let format =
        "%REQ(a)% %REQ(b)% %RESP(a)% %BYTES_SENT% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% "
        + "%UPSTREAM_HOST% %DOWNSTREAM_LOCAL_ADDRESS% %ROUTE_NAME% %START_TIME% %DURATION% %UPSTREAM_REQUEST_ATTEMPT_COUNT%"

    private static func filled() throws -> LogScene {
        let scene = try LogScene(format)
        scene.set(.request, "a", "1")
        scene.set(.request, "b", "")
        scene.set(.response, "a", "3")
        scene.set(.route, "", "r")
        scene.entry.pointee.bytesSent = 5
        scene.entry.pointee.bytesReceived = 6
        scene.entry.pointee.flags = [.upstreamTimeout]
        scene.entry.pointee.details = .responseTimeout
        scene.entry.pointee.connectError = 111
        scene.entry.pointee.firstResponseNs = 9
        scene.entry.pointee.attempts = 2
        scene.entry.pointee.state = .isConnected
        _ = cl_address_ip(&scene.entry.pointee.upstream, "127.0.0.1", 80)
        _ = cl_address_ip(&scene.entry.pointee.local, "::1", 81)
        return scene
    }

    private static func record(_ scene: LogScene) -> [UInt8] {
        var out = RecordWriter()
        LogRecord.write(scene.entry, scene.logs, 1, into: &out)
        let all = Array(out.bytes)
        return all.withUnsafeBufferPointer { bytes in
            var reader = RecordReader(bytes.baseAddress!, bytes.count)
            let content = try? reader.field()?.content()
            return Array(UnsafeBufferPointer(start: content?.start, count: content?.count ?? 0))
        }
    }

    private static func read(_ bytes: [UInt8], _ scene: LogScene?) throws {
        try bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            try LogRecord.read(RecordBytes(base, buffer.count), into: scene?.entry, scene?.logs)
        }
    }

    @Test func aLineIsTheSameInTheNewProcess() throws {
        let old = try Self.filled()
        let new = try LogScene(Self.format)
        try Self.read(Self.record(old), new)
        #expect(new.text == old.text)
        #expect(new.entry.pointee.bytesReceived == 6)
        #expect(new.entry.pointee.connectError == 111)
        #expect(new.entry.pointee.firstResponseNs == 9)
        #expect(new.text.hasPrefix("1  3 5 UT response_timeout 127.0.0.1:80 [::1]:81 r "))
    }

    @Test func otherFormatsTakeWhatTheyKnow() throws {
        let new = try LogScene("%REQ(c)% %RESP(a)% %REQ(a)% %REQ(a)% %BYTES_SENT%")
        try Self.read(Self.record(try Self.filled()), new)
        #expect(new.text == "- 3 1 1 5")
    }

    @Test func whatANewerBuildMayAddIsPassedOver() throws {
        var out = RecordWriter()
        out.number(5, 1 << 63 | 1 << 8)
        out.number(6, 250)
        out.number(9, 0xFE)
        out.number(99, 1)
        let scene = try LogScene("%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%")
        try Self.read(Array(out.bytes), scene)
        #expect(scene.text == "NR -")
    }

    /// Every byte of a sound record changed to every other value, and every cut: an error or a record, never a crash.
    @Test func damagedRecords() throws {
        let sound = Self.record(try Self.filled())
        let scene = try LogScene(Self.format)
        for i in sound.indices {
            for value in [UInt8(0), 0x7F, 0x80, 0xFF, sound[i] ^ 1, sound[i] ^ 0x40] {
                var bytes = sound
                bytes[i] = value
                try? Self.read(bytes, nil)
                try? Self.read(bytes, scene)
                _ = scene.bytes
            }
            try? Self.read(Array(sound[..<i]), scene)
        }
    }

    @Test func textsAreBounded() throws {
        var out = RecordWriter()
        let start = out.begin(14)
        out.text(3, String(repeating: "a", count: 1 << 20))
        out.end(start)
        let bytes = Array(out.bytes)
        #expect(throws: RecordError.self) { try Self.read(bytes, nil) }
    }
}
