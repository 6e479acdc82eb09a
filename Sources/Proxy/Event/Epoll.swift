/// Event bits of epoll(7), as `UInt32`.
enum Epoll {
    static let input: UInt32 = 0x001
    static let output: UInt32 = 0x004
    static let error: UInt32 = 0x008
    static let hangUp: UInt32 = 0x010
    static let peerClosed: UInt32 = 0x2000
    static let exclusive: UInt32 = 1 << 28
    static let edgeTriggered: UInt32 = 1 << 31
    /// What a connection is registered for, once: everything, edge-triggered, so that no request costs an `epoll_ctl`.
    static let connection = input | output | peerClosed | edgeTriggered
    /// A connection that came from another process: thousands that can all be written would be told of one after the other,
    /// before anything that matters. Output follows when a send is refused (`Worker.watchOutput`).
    static let adopted = input | peerClosed | edgeTriggered
    static let readable = input | peerClosed | hangUp | error
    static let broken = hangUp | error
}
