/// An input as changes of sound files: a list of {offset in words and, in its highest bit, which file, 3 bytes; length, 1
/// byte; bytes}. So a mutation of an input changes one field of a region, and not its magic.
enum Patches {
    static func each(
        _ input: UnsafeBufferPointer<UInt8>, sizes: [Int],
        _ body: (_ file: Int, _ offset: Int, Slice<UnsafeBufferPointer<UInt8>>) -> Void
    ) {
        var at = 0
        while at + 5 <= input.count {
            let word = Int(input[at]) | Int(input[at + 1]) << 8 | Int(input[at + 2] & 0x7f) << 16
            let file = min(Int(input[at + 2] >> 7), sizes.count - 1)
            let length = min(Int(input[at + 3]), input.count - at - 4)
            body(file, word * 8 % (sizes[file] - 256), input[at + 4..<at + 4 + length])
            at += 4 + max(length, 1)
        }
    }
}
