import Glibc

/// Whether a head that was not complete is worth another look.
///
/// Parsing begins at the first byte each time. A head that comes byte by byte would be looked at as often as it has bytes, so
/// it is parsed again only when that may tell something new, and grew by a share of itself unless it is complete: all looks
/// together cost less than a hundred times the head, whatever limits are set and however it is cut.
enum PartialHead {
    /// How far in front of the new bytes `isWorthParsing` looks.
    static let lookBack = 4

    /// - Parameters:
    ///   - new: the bytes that have come; the last of those before stand in front of them, `lookBack` or all.
    ///   - before: how many there were before.
    ///   - parsed: of how many it is known that they are no complete head, and not wrong. 0: of none.
    ///   - limit: more bytes than that are refused.
    static func isWorthParsing(
        _ new: UnsafePointer<UInt8>, count: Int, before: Int, parsed: Int, limit: Int
    ) -> Bool {
        let total = before &+ count
        let grown = total &- parsed
        // What is no HTTP may have no lines at all, so a head that has doubled is looked at too.
        if parsed == 0 || grown >= parsed || total > limit { return true }
        var p = 0
        while p < count, let found = memchr(new + p, Int32(ASCII.lf), count &- p) {
            if grown >= parsed >> 6 { return true }
            let at = UnsafePointer(found.assumingMemoryBound(to: UInt8.self)) - new
            if at &+ before >= 4, new[at &- 1] == ASCII.cr, new[at &- 2] == ASCII.lf, new[at &- 4] != ASCII.lf {
                // An empty line, and not one of those that may stand in front of a head.
                return true
            }
            p = at &+ 1
        }
        return false
    }
}
