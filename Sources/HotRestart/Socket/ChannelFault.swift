#if DEBUG
    /// The test hook of a channel: what its system calls say instead of doing anything. A release build has none.
    public struct ChannelFault: Sendable {
        /// An errno.
        public var code: Int32
        /// How many calls of sendmsg and of recvmsg are still to say it.
        public var sends: Int
        /// How many calls of recvmsg are still to say it.
        public var receives: Int

        /// So many calls of each kind fail with `code`; later ones are real.
        public init(code: Int32, sends: Int, receives: Int = 0) {
            self.code = code
            self.sends = sends
            self.receives = receives
        }

        mutating func send() -> Int32? { Self.take(&sends) ? code : nil }
        mutating func receive() -> Int32? { Self.take(&receives) ? code : nil }

        private static func take(_ count: inout Int) -> Bool {
            guard count > 0 else { return false }
            count -= 1
            return true
        }
    }
#endif
