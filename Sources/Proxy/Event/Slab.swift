/// Plain-data slots with stable addresses, named by index: a table of chunks that are made when first needed.
///
/// A worker owns its slabs; nothing here is for two threads.
final class Slab<Slot: BitwiseCopyable> {
    private static var chunkShift: Int32 { 8 }
    private let chunks: UnsafeMutablePointer<UnsafeMutablePointer<Slot>?>
    private let chunkCapacity: Int
    private let limit: Int32
    private let free: UnsafeMutablePointer<FreeList>
    private let empty: Slot

    private struct FreeList: BitwiseCopyable {
        var indices: UnsafeMutablePointer<Int32>
        var capacity: Int
        var count = 0
        /// Slots that exist.
        var made: Int32 = 0
    }

    /// - Parameter limit: how many slots there can be at most.
    init(empty: Slot, limit: Int) {
        self.empty = empty
        self.limit = Int32(limit)
        chunkCapacity = (limit >> Int(Self.chunkShift)) + 1
        chunks = .allocate(capacity: chunkCapacity)
        chunks.initialize(repeating: nil, count: chunkCapacity)
        free = .allocate(capacity: 1)
        free.initialize(to: FreeList(indices: .allocate(capacity: 256), capacity: 256))
    }

    deinit {
        for i in 0..<chunkCapacity { chunks[i]?.deallocate() }
        chunks.deallocate()
        free.pointee.indices.deallocate()
        free.deallocate()
    }

    /// Slots that exist, free ones included: indices are below it.
    @inline(__always) var count: Int32 { free.pointee.made }

    @inline(__always)
    subscript(_ index: Int32) -> UnsafeMutablePointer<Slot> {
        chunks[Int(index >> Self.chunkShift)].unsafelyUnwrapped + Int(index & (1 << Self.chunkShift - 1))
    }

    /// A slot that nobody uses, or -1 at the limit. Its content is what its last user left, or `empty`.
    @inline(__always)
    func take() -> Int32 {
        let list = free
        if list.pointee.count > 0 {
            list.pointee.count &-= 1
            return list.pointee.indices[list.pointee.count]
        }
        return make()
    }

    @inline(never)
    private func make() -> Int32 {
        let list = free
        let index = list.pointee.made
        guard index < limit else { return -1 }
        let chunk = Int(index >> Self.chunkShift)
        if chunks[chunk] == nil {
            let slots = UnsafeMutablePointer<Slot>.allocate(capacity: 1 << Int(Self.chunkShift))
            slots.initialize(repeating: empty, count: 1 << Int(Self.chunkShift))
            chunks[chunk] = slots
        }
        list.pointee.made = index &+ 1
        return index
    }

    @inline(__always)
    func give(_ index: Int32) {
        let list = free
        if list.pointee.count == list.pointee.capacity { grow() }
        list.pointee.indices[list.pointee.count] = index
        list.pointee.count &+= 1
    }

    @inline(never)
    private func grow() {
        let list = free
        let larger = UnsafeMutablePointer<Int32>.allocate(capacity: list.pointee.capacity * 2)
        larger.update(from: list.pointee.indices, count: list.pointee.count)
        list.pointee.indices.deallocate()
        list.pointee.indices = larger
        list.pointee.capacity *= 2
    }
}
