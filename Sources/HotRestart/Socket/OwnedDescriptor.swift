import CLinux
import Synchronization

/// A file descriptor that is closed with the last reference to it, unless somebody takes it.
public final class OwnedDescriptor: Sendable {
    private let number: Atomic<Int32>

    /// Takes ownership of `descriptor`.
    public init(_ descriptor: Int32) { number = Atomic(descriptor) }

    deinit { close() }

    /// The number, for system calls while this object lives; -1 when it was taken or closed.
    public var raw: Int32 { number.load(ordering: .relaxed) }

    /// Gives the descriptor to the caller, who closes it from now on; -1 when it was taken or closed before.
    public func take() -> Int32 { number.exchange(-1, ordering: .relaxed) }

    /// Closes it now, unless it was taken or closed before.
    public func close() {
        let descriptor = take()
        if descriptor >= 0 { _ = cl_close(descriptor) }
    }
}

/// Identity: two objects never own the same descriptor.
extension OwnedDescriptor: Hashable {
    /// Whether both are one object.
    public static func == (a: OwnedDescriptor, b: OwnedDescriptor) -> Bool { a === b }
    /// By identity.
    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
