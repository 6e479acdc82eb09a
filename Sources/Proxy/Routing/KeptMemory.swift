import Glibc

/// The memory of a compiled configuration, or of a part of it: plain data with addresses that stay, given back all at once.
///
/// What is compiled when the process starts lives as long as the process. What is compiled later, such as routes of a file that
/// has changed, is compiled inside `collect`, and goes when nothing points into it any more. Of the thread that compiles.
final class KeptMemory: @unchecked Sendable {
    @TaskLocal private static var current: KeptMemory?

    private static let chunkBytes = 64 * 1024
    private var chunks: [UnsafeMutableRawBufferPointer] = []
    private var used = 0
    private var cleanUps: [() -> Void] = []

    /// Runs `body`; all that it keeps is in the memory that is returned with its result.
    static func collect<Result>(_ body: () throws -> Result) rethrows -> (result: Result, memory: KeptMemory) {
        let memory = KeptMemory()
        return (try $current.withValue(memory) { try body() }, memory)
    }

    /// What is to be done before the memory goes, of what is kept now; for the life of the process, never.
    static func beforeEnd(_ body: @escaping () -> Void) { current?.cleanUps.append(body) }

    fileprivate static func allocate<Part>(_ type: Part.Type, _ count: Int) -> UnsafeMutablePointer<Part> {
        guard let current else { return .allocate(capacity: count) }
        return current.take(max(count, 1) * MemoryLayout<Part>.stride, max(MemoryLayout<Part>.alignment, 8))
            .bindMemory(to: Part.self, capacity: count)
    }

    private func take(_ bytes: Int, _ alignment: Int) -> UnsafeMutableRawPointer {
        used = (used + alignment - 1) & ~(alignment - 1)
        if let last = chunks.last, used + bytes <= last.count, let base = last.baseAddress {
            defer { used += bytes }
            return base + used
        }
        let chunk = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(bytes, Self.chunkBytes), alignment: max(alignment, 64))
        // What is larger than a chunk has its own, and the one before stays in use.
        if bytes > Self.chunkBytes, !chunks.isEmpty {
            chunks.insert(chunk, at: chunks.count - 1)
        } else {
            chunks.append(chunk)
            used = bytes
        }
        return chunk.baseAddress!
    }

    /// Whether it lies in this memory.
    func contains(_ pointer: UnsafeRawPointer) -> Bool {
        chunks.contains { chunk in
            guard let base = chunk.baseAddress else { return false }
            return pointer >= UnsafeRawPointer(base) && pointer < UnsafeRawPointer(base + chunk.count)
        }
    }

    var byteCount: Int { chunks.reduce(0) { $0 + $1.count } }

    deinit {
        for cleanUp in cleanUps { cleanUp() }
        for chunk in chunks { chunk.deallocate() }
    }
}

extension UnsafeMutablePointer {
    /// Memory for part of a compiled configuration (`KeptMemory`), which nobody else gives back.
    static func kept(capacity: Int) -> UnsafeMutablePointer<Pointee> { KeptMemory.allocate(Pointee.self, capacity) }
}
