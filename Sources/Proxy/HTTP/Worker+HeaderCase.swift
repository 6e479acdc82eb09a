import ProxyConfig

extension Worker {
    /// Writes the names of a head that stands in `out` from `from` on as its reader wants them.
    ///
    /// - Parameters:
    ///   - names: what the side says to which it goes.
    ///   - head: the message that it is.
    ///   - kept: what the side says from which it came. It comes first, as in Envoy.
    @inline(never)
    func writeNames(
        _ names: HeaderCase, from start: Int, _ head: UnsafeMutablePointer<MessageHead>, _ kept: HeaderCase
    ) {
        if kept.contains(.preserve) {
            PreserveCase.write(out, from: start, head, kept)
        } else if names.contains(.proper) {
            ProperCase.write(out, from: start)
        }
    }
}
