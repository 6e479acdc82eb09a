import CLinux
import FuzzTargets
import Glibc
import MessageCases

@testable import Proxy

/// What a fuzzer begins with besides `tools/fuzz/corpus`: what is in the tree for other reasons, as inputs.
extension ProxyFuzzTarget {
    /// Where the tree is.
    static let root = String(#filePath.dropLast("/tools/fuzz/Sources/ProxyFuzzing/Seeds.swift".utf8.count))

    /// Inputs by name.
    public func seeds() throws -> [(name: String, bytes: [UInt8])] {
        switch self {
        case .httpRequest: try Self.messages(.request)
        case .httpResponse: try Self.messages(.response)
        case .chunked: try Self.bodies()
        case .config: FuzzCorpus.files(in: Self.root + "/examples").filter { $0.name.hasSuffix(".yaml") }
        case .handOver: try SampleRecords.records()
        case .adoption: SampleRecords.transactions()
        case .accessLog:
            Self.named([
                [1, 5] + Array("hello%START_TIME(%Y-%m-%dT%H:%M:%E3S%z %s %3f)% %REQ(X?Y):3% %RESP(Z)%\n".utf8),
                [55, 2] + Array("\"\\{a: \"%REQ(X)%\", b: [1, 1.5e3, true, null, {c: \"%DURATION% ms\"}]}".utf8),
                [28, 3] + Array("a\u{E9}{status: \"%RESPONSE_CODE%\", x: {y: {z: \"%RESP(SERVER)%\"}}}".utf8),
            ])
        case .proxyProtocol: Self.proxyHeaders()
        case .dns:
            Self.named([
                [1] + Array("2001:db8::192.0.2.1".utf8), [1] + Array("192.0.2.1".utf8), [1] + Array("@path".utf8),
                [0, 0, 80, 0, 16, 60, 0, 0, 0, 2, 0, 0, 0, 192, 0, 2, 1] + [UInt8](repeating: 0, count: 8),
                [0, 0, 80, 0, 28, 60, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 32, 1] + [UInt8](repeating: 1, count: 18),
            ])
        }
    }

    /// Each with the rules of its listener, and cut in the middle.
    private static func proxyHeaders() -> [(name: String, bytes: [UInt8])] {
        named(
            ProxyHeaderCase.all.compactMap { one in
                guard let bytes = one.bytes, bytes.count < 2000 else { return nil }
                let rules: UInt8 =
                    switch one.rules {
                    case .all: 3
                    case .allowsNone: 7
                    case .v1Only: 1
                    case .v2Only: 2
                    case .v2OrNone: 6
                    }
                return [rules, UInt8(bytes.count / 2 & 255), UInt8((bytes.count / 2) >> 8)] + bytes
            })
    }

    /// Writes them to a directory.
    public func writeSeeds(to directory: String) throws {
        for (name, bytes) in try seeds() {
            let path = "\(directory)/\(name)"
            let fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
            defer { close(fd) }
            guard fd >= 0, write(fd, bytes, bytes.count) == bytes.count else {
                throw SeedError(description: "\(path): \(String(cString: strerror(errno)))")
            }
        }
    }

    struct SeedError: Error, CustomStringConvertible { var description: String }

    static func named(_ inputs: [[UInt8]]) -> [(name: String, bytes: [UInt8])] {
        inputs.enumerated().map { ("seed-\($0.offset)", $0.element) }
    }

    private static func messages(_ kind: MessageCase.Kind) throws -> [(name: String, bytes: [UInt8])] {
        let methods = ["GET", "HEAD", "CONNECT", "POST"]
        let inputs = try CaseFile.cases(kind).enumerated().map { number, one in
            let cut = min(one.bytes.count / 2, 65535)
            let detail = kind == .response ? methods.firstIndex(of: one.method) ?? 0 : 0
            return [UInt8(number & 31), UInt8(cut & 255), UInt8(cut >> 8), UInt8(detail)] + one.bytes
        }
        return named(inputs)
    }

    private static func bodies() throws -> [(name: String, bytes: [UInt8])] {
        let messages = try CaseFile.cases(.request) + CaseFile.cases(.response)
        var inputs: [[UInt8]] = messages.compactMap { one in
            guard let end = (0..<one.bytes.count).first(where: { one.bytes[$0...].starts(with: [13, 10, 13, 10]) })
            else { return nil }
            let body = one.bytes[(end + 4)...]
            return body.isEmpty ? nil : [UInt8(body.count / 3 & 255), 0, UInt8(body.count / 2 & 255), 0, 0] + body
        }
        inputs.append([1, 0, 3, 0, 4, 5, 0] + Array("hello, and more".utf8))
        inputs.append([1, 0, 3, 0, 5] + Array("until it closes".utf8))
        let states = UInt8(0)...15
        inputs += states.map {
            [2, 0, 9, 0, 6, $0, 1, 3, 0, 5, 0, 0, 0] + Array("abcde\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n".utf8)
        }
        return named(inputs)
    }
}
