import Glibc

/// Memory between two pages that may not be touched: a parser that reads one byte too far ends the test process.
final class GuardedMemory {
    private let mapping: UnsafeMutableRawPointer
    private let capacity: Int
    private static let page = 4096

    /// - Parameter capacity: the longest text it can hold, at least.
    init(capacity: Int = 4096) {
        self.capacity = (capacity + Self.page - 1) / Self.page * Self.page
        let size = self.capacity + 2 * Self.page
        let address = mmap(nil, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let address, address != MAP_FAILED else { fatalError("mmap failed") }
        mapping = address
        guard mprotect(mapping + Self.page, self.capacity, PROT_READ | PROT_WRITE) == 0 else {
            fatalError("mprotect failed")
        }
    }

    deinit { munmap(mapping, capacity + 2 * Self.page) }

    /// Copies `bytes` so that they end where the guard begins.
    func place(_ bytes: some Collection<UInt8>) -> UnsafePointer<UInt8> {
        copy(bytes, to: mapping + Self.page + capacity - bytes.count)
    }

    /// Copies `bytes` so that they begin where the guard ends.
    func placeAtStart(_ bytes: some Collection<UInt8>) -> UnsafePointer<UInt8> {
        copy(bytes, to: mapping + Self.page)
    }

    private func copy(_ bytes: some Collection<UInt8>, to address: UnsafeMutableRawPointer) -> UnsafePointer<UInt8> {
        precondition(bytes.count <= capacity)
        UnsafeMutableRawBufferPointer(start: address, count: bytes.count).copyBytes(from: bytes)
        return UnsafePointer(address.assumingMemoryBound(to: UInt8.self))
    }
}

/// The bytes of a text in ISO 8859-1: "\u{FF}" is the byte 255.
func bytes(_ text: String) -> [UInt8] {
    text.unicodeScalars.map { scalar in
        precondition(scalar.value < 256)
        return UInt8(scalar.value)
    }
}

/// The text of bytes in ISO 8859-1, control characters escaped.
func text(_ bytes: some Sequence<UInt8>) -> String {
    String(String.UnicodeScalarView(bytes.map { UnicodeScalar($0) }))
}

/// A generator of the same numbers in every run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
