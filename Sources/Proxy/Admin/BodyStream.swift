import CLinux
import Glibc
import Synchronization

/// A body that another thread makes while the admin listener sends it: a large one is in memory only as far as its client has
/// not taken it. The maker waits for the client, the main thread for neither.
final class BodyStream: Sendable {
    private struct State {
        var pieces: [[UInt8]] = []
        var isWhole = false
        /// The client has gone.
        var isCancelled = false
        /// The main thread has been told that there is something, and has not looked.
        var isAnnounced = false
    }

    /// Pieces that wait at most; the maker makes one more.
    private static let most = 2

    private let state = Mutex(State())
    /// A piece was taken.
    private let room: EventSignal
    private let announce: @Sendable () -> Void

    /// - Parameter announce: called from the maker's thread when there is something after nothing.
    init(_ announce: @escaping @Sendable () -> Void) throws(SystemError) {
        self.announce = announce
        room = try EventSignal()
    }

    // MARK: The maker

    /// Waits until there is room. What comes after the client has gone is dropped.
    func write(_ bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty else { return }
        let piece = Array(bytes)
        while true {
            enum Outcome { case added(Bool), full, gone }
            let outcome = state.withLock { state -> Outcome in
                if state.isCancelled { return .gone }
                guard state.pieces.count < Self.most else { return .full }
                state.pieces.append(piece)
                let isNews = !state.isAnnounced
                state.isAnnounced = true
                return .added(isNews)
            }
            switch outcome {
            case .added(let isNews):
                if isNews { announce() }
                return
            case .gone: return
            case .full:
                room.wait()
            }
        }
    }

    /// Whether there is nobody to make it for.
    var isCancelled: Bool { state.withLock { $0.isCancelled } }

    func end() {
        let isNews = state.withLock { state in
            state.isWhole = true
            defer { state.isAnnounced = true }
            return !state.isAnnounced
        }
        if isNews { announce() }
    }

    // MARK: The main thread

    enum Next {
        case piece([UInt8])
        /// `announce` will be called.
        case later
        case end
    }

    func next() -> Next {
        let (next, hadPiece) = state.withLock { state -> (Next, Bool) in
            state.isAnnounced = false
            if !state.pieces.isEmpty { return (.piece(state.pieces.removeFirst()), true) }
            return (state.isWhole ? .end : .later, false)
        }
        if hadPiece { room.signal() }
        return next
    }

    /// The maker need not wait any more.
    func cancel() {
        state.withLock { state in
            state.isCancelled = true
            state.pieces = []
        }
        room.signal()
    }

    /// Runs `make` on a thread of its own.
    func start(_ make: @escaping @Sendable (BodyStream) -> Void) throws(SystemError) {
        try BackgroundThread.start("admin-body", isBrief: true) { [self] in
            make(self)
            end()
        }
    }
}
