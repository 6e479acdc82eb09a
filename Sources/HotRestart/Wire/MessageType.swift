/// The number of a message's kind. Numbers are never given a second meaning.
public struct MessageType: RawRepresentable, Hashable, Sendable {
    /// As on the wire.
    public var rawValue: UInt16
    /// From the wire.
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// `Message.hello`.
    public static let hello = MessageType(rawValue: 1)
    /// `Message.welcome`.
    public static let welcome = MessageType(rawValue: 2)
    /// Readable in every protocol major: a refusal must reach a peer that understands nothing else.
    public static let refuse = MessageType(rawValue: 3)
    /// `Message.request`.
    public static let request = MessageType(rawValue: 4)
    /// `Message.listeners`.
    public static let listeners = MessageType(rawValue: 5)
    /// `Message.state`.
    public static let state = MessageType(rawValue: 6)
    /// `Message.ready`.
    public static let ready = MessageType(rawValue: 7)
    /// `Message.commit`.
    public static let commit = MessageType(rawValue: 8)
    /// `Message.committed`.
    public static let committed = MessageType(rawValue: 9)
    /// `Message.done`.
    public static let done = MessageType(rawValue: 10)
    /// `Message.bye`.
    public static let bye = MessageType(rawValue: 11)
    /// `Message.release`.
    public static let release = MessageType(rawValue: 12)
    /// `Message.released`.
    public static let released = MessageType(rawValue: 13)
    /// `Message.terminate`.
    public static let terminate = MessageType(rawValue: 14)
    /// `Message.abort`.
    public static let abort = MessageType(rawValue: 15)
    /// `Message.adminRelease`.
    public static let adminRelease = MessageType(rawValue: 16)
    /// `Message.adminReleased`.
    public static let adminReleased = MessageType(rawValue: 17)

    /// Sent only where both sides announced `Capabilities.ahead`.
    public static let ahead = MessageType(rawValue: 32)
    /// Sent only where both sides announced `Capabilities.connections`, as is the next one.
    public static let connections = MessageType(rawValue: 33)
    /// `Message.prepared`.
    public static let prepared = MessageType(rawValue: 34)
}

/// Constants of the wire format.
public enum Wire {
    /// "ENVH" as a little-endian number.
    public static let magic: UInt32 = 0x4856_4E45
    /// Peers with another major refuse each other.
    public static let major: UInt16 = 1
    /// Grows with additions that an older peer may skip.
    public static let minor: UInt16 = 1
    /// Bytes of the fixed header.
    public static let headerSize = 24
    /// Bytes of the largest datagram, header included.
    public static let maximumDatagram = 65536
    /// Descriptors that travel with one datagram at most; the kernel's own limit is 253.
    public static let maximumDescriptors = 200
    /// Header flag: a receiver that does not know the type skips the message.
    public static let mayBeIgnored: UInt16 = 1
    /// Bytes of all state records together, as a guard against a peer that never says "last".
    public static let maximumStateBytes = 64 << 20
    /// Listener records of one hand-over, as the same guard.
    public static let maximumListeners = 65536
    /// Bytes of all PREPARED parts together, as the same guard.
    public static let maximumPreparedBytes = 8 << 20
}
