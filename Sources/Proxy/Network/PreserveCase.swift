import ProxyConfig

/// `header_key_format.stateful_formatter` with `PreserveCaseFormatterConfig`: names of headers as the peer has written them that the message
/// is from, for peers that tell `X-Id` from `x-id`.
enum PreserveCase {
    /// Writes the names of a head's fields as they stand in `head`, of repeated ones as the first does, and those that are not in it with
    /// capitals, or as they are. What comes behind the empty line is left alone.
    @inline(never)
    static func write(
        _ out: OutputScratch, from start: Int, _ head: UnsafeMutablePointer<MessageHead>, _ format: HeaderCase
    ) {
        if format.contains(.reason), !head.pointee.isRequest, head.pointee.reasonLength > 0 {
            HeadLines(out, from: start).replaceStartLine(
                fromWord: 2, by: Bytes(head.pointee.base + Int(head.pointee.reason), Int(head.pointee.reasonLength)))
        }
        var p = ProperCase.lineEnd(out, start) + 2
        while p < out.count, out.bytes[p] != ASCII.cr {
            var end = p
            while end < out.count, out.bytes[end] != ASCII.colon, out.bytes[end] != ASCII.cr { end += 1 }
            if let known = find(out.bytes + p, end - p, head) {
                for i in 0..<end - p { out.bytes[p + i] = known[i] }
            } else if format.contains(.properOthers) {
                ProperCase.writeName(out, p)
            }
            p = ProperCase.lineEnd(out, end) + 2
        }
    }

    private static func find(
        _ name: UnsafeMutablePointer<UInt8>, _ length: Int, _ head: UnsafeMutablePointer<MessageHead>
    ) -> UnsafePointer<UInt8>? {
        for i in 0..<head.pointee.count where Int(head.pointee.fields[i].nameLength) == length {
            let known = head.pointee.base + Int(head.pointee.fields[i].name)
            if foldedEqual(known, UnsafePointer(name), length) { return known }
        }
        return nil
    }
}
