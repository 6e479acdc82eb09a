import CRE2

/// An expression of RE2 over bytes: plain data in the memory of the configuration (`KeptMemory`).
struct Regex: BitwiseCopyable {
    private let compiled: OpaquePointer

    init(_ text: String) {
        let text = Bytes(keeping: text)
        var message = [CChar](repeating: 0, count: 256)
        let compiled = text.start.withMemoryRebound(to: CChar.self, capacity: text.count) {
            cre2_compile($0, text.count, &message, message.count)
        }
        // The loader has compiled it before. A route must not be without its condition.
        guard let compiled else { fatalError("no memory for the regular expression \(text.string)") }
        self.compiled = compiled
        KeptMemory.beforeEnd { cre2_free(compiled) }
    }

    /// Whether the whole text matches.
    func matches(_ text: Bytes) -> Bool {
        text.start.withMemoryRebound(to: CChar.self, capacity: text.count) {
            cre2_matches_all(compiled, $0, text.count) != 0
        }
    }

    /// Appends `text` with all matches replaced.
    func replace(_ text: Bytes, by substitution: Bytes, to out: OutputScratch) {
        var room = text.count + substitution.count + 64
        while true {
            out.reserve(room)
            let length = replace(text, substitution, out.bytes + out.count, room)
            if length <= room { return out.advance(length) }
            room = length
        }
    }

    /// Writes if there is room enough, and returns how much it takes.
    private func replace(
        _ text: Bytes, _ substitution: Bytes, _ target: UnsafeMutablePointer<UInt8>, _ room: Int
    ) -> Int {
        target.withMemoryRebound(to: CChar.self, capacity: room) { target in
            text.start.withMemoryRebound(to: CChar.self, capacity: text.count) { from in
                substitution.start.withMemoryRebound(to: CChar.self, capacity: substitution.count) { by in
                    cre2_replace_all(compiled, from, text.count, by, substitution.count, target, room)
                }
            }
        }
    }
}
