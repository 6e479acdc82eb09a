import ProxyConfig

@testable import Proxy

/// What holds of every path that a listener has normalized, however it came.
enum NormalizationRules {
    /// - Parameter how: what is done to the path, in its lowest bits.
    static func check(_ target: some Collection<UInt8>, _ how: UInt8) {
        let path = Array(target.prefix { $0 != UInt8(ascii: "?") })
        guard path.first == UInt8(ascii: "/") else { return }
        let actions: [EscapedSlashes] = [.keep, .reject, .redirect, .forward]
        let normalizer = PathNormalizer(
            isOn: how & 1 != 0, mergesSlashes: how & 2 != 0, escapedSlashes: actions[Int(how >> 2 & 3)])
        let room = PathNormalizer.room(for: path.count)
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: room) { out in
            guard let start = out.baseAddress else { return }
            let outcome = path.withUnsafeBufferPointer { normalizer.normalize($0, to: start) }
            let count: Int
            switch outcome {
            case .refused:
                precondition(normalizer.isOn || normalizer.escapedSlashes == .reject, "refused without a reason")
                return
            case .path(let length): count = length
            case .redirect(let length):
                precondition(normalizer.escapedSlashes == .redirect, "a redirect that nobody asked for")
                count = length
            }
            precondition(count > 0 && count <= room && start[0] == UInt8(ascii: "/"), "no path any more")
            let found = out[..<count]
            precondition(!found.contains { $0 < 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "?") }, "a character came in")
            if normalizer.isIdle { precondition(found.elementsEqual(path), "changed though nothing was to be done") }
            if normalizer.isOn { checkNormal(found) }
            if normalizer.mergesSlashes {
                let isMerged = zip(found, found.dropFirst()).allSatisfy { $0 != 0x2F || $1 != 0x2F }
                precondition(isMerged || found.allSatisfy { $0 == 0x2F }, "slashes that are not merged")
            }
        }
    }

    private static func checkNormal(_ path: Slice<UnsafeMutableBufferPointer<UInt8>>) {
        precondition(!path.contains(UInt8(ascii: "\\")), "a backslash")
        for segment in path.split(separator: UInt8(ascii: "/")) {
            precondition(!segment.elementsEqual(".".utf8) && !segment.elementsEqual("..".utf8), "a dot segment")
        }
    }
}
