import Glibc

/// A system call that failed.
public struct SystemError: Error, Sendable, CustomStringConvertible {
    public var call: String
    /// A positive errno.
    public var code: Int32

    public init(call: String, code: Int32) {
        self.call = call
        self.code = code
    }

    public var description: String { "\(call): \(Self.text(code))" }

    /// What strerror(3) says of an errno.
    public static func text(_ code: Int32) -> String { String(cString: strerror(code)) }
}
