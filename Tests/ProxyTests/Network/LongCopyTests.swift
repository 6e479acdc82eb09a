import CLinux
import Glibc
import Testing

/// `cl_copy_long`, wherever both stand within their pages. That it is fast everywhere is measured in docs/performance.md.
@Suite struct LongCopyTests {
    @Test func copiesAllAndNothingElse() throws {
        let page = 4096
        let size = 8 * page
        let memory = try #require(aligned_alloc(page, 2 * size)).assumingMemoryBound(to: UInt8.self)
        defer { free(memory) }
        let (source, target) = (memory, memory + size)
        for i in 0..<size { source[i] = UInt8(truncatingIfNeeded: i &* 7 &+ i >> 8) }
        for count in [0, 1, 1023, 2048, 2049, 3071, 3072, 5000, 3 * page] {
            for distance in [0, 1, 7, 31, 32, 33, 64, page - 1, page - 32] {
                memset(target, 0xEE, size)
                let (from, to) = (source + page + 3, target + page + 3 + distance)
                cl_copy_long(to, from, count)
                #expect(memcmp(to, from, count) == 0, "\(count) bytes, \(distance) behind")
                #expect(to[-1] == 0xEE && to[count] == 0xEE, "\(count) bytes, \(distance) behind")
            }
        }
    }
}
