import Testing

@testable import Proxy

@Suite struct ByteBufferTests {
    private func content(_ buffer: ByteBuffer) -> String {
        buffer.isEmpty ? "" : text(UnsafeBufferPointer(start: buffer.bytes, count: buffer.count))
    }

    private func append(_ string: String, to buffer: inout ByteBuffer) {
        let memory = GuardedMemory()
        buffer.append(memory.place(bytes(string)), string.utf8.count)
    }

    @Test func appendAndConsume() {
        var buffer = ByteBuffer()
        #expect(buffer.isEmpty && buffer.count == 0)
        append("hello ", to: &buffer)
        append("world", to: &buffer)
        #expect(content(buffer) == "hello world")
        buffer.consume(6)
        #expect(content(buffer) == "world")
        #expect(buffer.count == 5)
        append("!", to: &buffer)
        #expect(content(buffer) == "world!")
        buffer.consume(6)
        #expect(buffer.isEmpty)
        append("again", to: &buffer)
        #expect(content(buffer) == "again")
        buffer.free()
        #expect(buffer.isEmpty)
        buffer.free()
    }

    @Test func lengthsThatChangeNothing() {
        var buffer = ByteBuffer()
        let memory = GuardedMemory()
        buffer.append(memory.place([]), 0)
        buffer.append(memory.place([]), -1)
        #expect(buffer.isEmpty)
        append("ab", to: &buffer)
        buffer.append(memory.place([]), 0)
        buffer.consume(0)
        #expect(content(buffer) == "ab")
        buffer.free()
    }

    @Test func setReplaces() {
        var buffer = ByteBuffer()
        let memory = GuardedMemory()
        for string in ["first", "second and longer", "", "x", String(repeating: "y", count: 3000), "z"] {
            buffer.set(memory.place(bytes(string)), string.utf8.count)
            #expect(content(buffer) == string)
        }
        buffer.consume(1)
        #expect(buffer.isEmpty)
    }

    /// An emptied buffer holds no memory, however it was emptied.
    @Test func memoryIsGivenBack() throws {
        func holdsMemory(_ buffer: ByteBuffer) throws -> Bool {
            let storage = try #require(Mirror(reflecting: buffer).children.first { $0.label == "storage" })
            return !Mirror(reflecting: storage.value).children.isEmpty
        }
        var buffer = ByteBuffer()
        #expect(try !holdsMemory(buffer))
        let ways: [(inout ByteBuffer) -> Void] = [
            { $0.consume(3) }, { $0.consume(99) }, { $0.free() }, { $0.set(GuardedMemory().place([]), 0) },
        ]
        for empty in ways {
            append("abc", to: &buffer)
            #expect(try holdsMemory(buffer))
            empty(&buffer)
            #expect(try !holdsMemory(buffer))
            #expect(buffer.isEmpty && buffer.count == 0)
        }
    }

    /// Random appends and consumes against an array: moving inside the memory and growing keep the content.
    @Test func sameAsAnArray() {
        var generator = SeededGenerator(seed: 5)
        var buffer = ByteBuffer()
        var model: [UInt8] = []
        let memory = GuardedMemory(capacity: 8192)
        for round in 0..<5000 {
            if Bool.random(using: &generator) {
                let size = Int.random(in: 0...(round % 50 == 0 ? 8000 : 300), using: &generator)
                let piece = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ round) }
                buffer.append(memory.place(piece), size)
                model += piece
            } else {
                let size = Int.random(in: 0...max(model.count, 0), using: &generator)
                buffer.consume(size)
                model.removeFirst(size)
            }
            #expect(buffer.count == model.count)
            #expect(buffer.isEmpty == model.isEmpty)
            if !model.isEmpty {
                #expect(UnsafeBufferPointer(start: buffer.bytes, count: buffer.count).elementsEqual(model))
            }
        }
        buffer.free()
    }
}
