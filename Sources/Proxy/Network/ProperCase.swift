/// `header_key_format: { proper_case_words: {} }`: names of headers with capitals, for peers that know no others.
enum ProperCase {
    /// Writes the names of a head's fields anew that stands in `out` from `start` on: a letter that none and no digit stands before is a
    /// capital. What comes behind the empty line is left alone.
    @inline(never)
    static func write(_ out: OutputScratch, from start: Int) {
        var p = lineEnd(out, start) + 2
        while p < out.count, out.bytes[p] != ASCII.cr {
            writeName(out, p)
            p = lineEnd(out, p) + 2
        }
    }

    /// The name that begins there.
    static func writeName(_ out: OutputScratch, _ start: Int) {
        var p = start
        var begins = true
        while p < out.count, out.bytes[p] != ASCII.colon, out.bytes[p] != ASCII.cr {
            let byte = out.bytes[p]
            let isLetter = (byte | 0x20) &- UInt8(ascii: "a") < 26
            if begins, isLetter { out.bytes[p] = byte & ~0x20 }
            begins = !isLetter && byte &- UInt8(ascii: "0") >= 10
            p += 1
        }
    }

    /// Where the line ends that has `start`.
    static func lineEnd(_ out: OutputScratch, _ start: Int) -> Int {
        var p = start
        while p < out.count, out.bytes[p] != ASCII.cr { p += 1 }
        return p
    }
}
