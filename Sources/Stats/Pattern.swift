import CRE2

/// A regular expression of RE2, Envoy's engine: linear time whatever the pattern.
public final class Pattern {
    private let compiled: OpaquePointer

    /// Why a pattern is not one, in RE2's words.
    public struct Invalid: Error, CustomStringConvertible {
        /// One line, without the pattern.
        public var description: String
    }

    /// Compiles `text`.
    public init(_ text: String) throws(Invalid) {
        var message = [CChar](repeating: 0, count: 256)
        var text = text
        let made = text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                cre2_compile($0.baseAddress, $0.count, &message, message.count)
            }
        }
        guard let made else {
            throw Invalid(
                description: String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
        compiled = made
    }

    deinit { cre2_free(compiled) }

    /// Where the first match has its first group, and its second, or the first again where there is no other; nil: there is no match, or
    /// the expression has no groups.
    func groups(in utf8: UnsafeBufferPointer<UInt8>) -> (first: Range<Int>, value: Range<Int>)? {
        withUnsafeTemporaryAllocation(of: Int.self, capacity: 4) { spans in
            let count = utf8.withMemoryRebound(to: CChar.self) {
                cre2_match_groups(compiled, $0.baseAddress, $0.count, spans.baseAddress, 2)
            }
            guard count > 0 else { return nil }
            let first = spans[0]..<spans[1]
            return (first, count > 1 ? spans[2]..<spans[3] : first)
        }
    }

    /// Whether `text` has a match anywhere in it.
    public func matchesPart(of text: String) -> Bool {
        var text = text
        return text.withUTF8 { matchesPart(of: $0) }
    }

    /// The same for UTF-8 that is no string.
    public func matchesPart(of utf8: UnsafeBufferPointer<UInt8>) -> Bool {
        utf8.withMemoryRebound(to: CChar.self) { cre2_matches_part(compiled, $0.baseAddress, $0.count) } != 0
    }
}
