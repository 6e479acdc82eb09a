import CLinux
import ProxyConfig

/// A check that connects, sends some bytes and waits for others.
final class TCPHealthProber: HealthProber {
    private let check: TCPHealthCheck
    private let reuses: Bool
    private let address: () -> cl_address
    private let done: (ProbeResult) -> Void
    private let connection: ProbeConnection
    private var isActive = false
    private var matcher: PayloadMatcher

    init(
        _ check: TCPHealthCheck, reuses: Bool, loop: MainLoop, header: ProxyHeader.Version? = nil,
        sockets: SocketSettings? = nil,
        address: @escaping () -> cl_address, done: @escaping (ProbeResult) -> Void
    ) {
        self.check = check
        self.reuses = reuses
        self.address = address
        self.done = done
        connection = ProbeConnection(loop: loop, header: header, sockets: sockets)
        matcher = PayloadMatcher(check.receive)
    }

    func begin() {
        isActive = true
        matcher = PayloadMatcher(check.receive)
        if !connection.isOpen { connection.open(address()) { [weak self] in self?.happened($0) } }
        // Connecting is the whole check where nothing is to come back.
        if isActive, connection.isOpen, !check.receive.isEmpty, !check.send.isEmpty { connection.send(check.send) }
    }

    func glance() {
        if isActive { connection.glance() }
    }

    func cancel() {
        isActive = false
        connection.close()
    }

    private func happened(_ event: ProbeConnection.Event) {
        switch event {
        case .connected:
            guard check.receive.isEmpty else { return }
            connection.close()
            finish(ProbeResult())
        case .data(let bytes):
            guard isActive else { return }
            guard matcher.take(bytes) else {
                connection.close()
                return finish(ProbeResult(failure: .network, reason: "more bytes than the expected ones may stand in"))
            }
            guard matcher.isComplete else { return }
            if !reuses { connection.close() }
            finish(ProbeResult())
        case .closed(let code):
            finish(
                ProbeResult(
                    failure: .network, reason: code == 0 ? "closed by the host" : SystemError.text(code)))
        }
    }

    private func finish(_ result: ProbeResult) {
        guard isActive else { return }
        isActive = false
        done(result)
    }
}

/// Looks for blocks of bytes in the order given, with anything between them.
struct PayloadMatcher {
    /// What may come before all blocks are found.
    private static let limit = 64 * 1024
    private let blocks: [[UInt8]]
    private var next = 0
    private var kept: [UInt8] = []
    private var seen = 0

    init(_ blocks: [[UInt8]]) { self.blocks = blocks }

    var isComplete: Bool { next == blocks.count }

    /// False: too much has come.
    mutating func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if isComplete { return true }
        seen += bytes.count
        kept.append(contentsOf: bytes)
        var start = 0
        while next < blocks.count {
            let block = blocks[next]
            guard let found = Self.find(block, in: kept, from: start) else { break }
            start = found + block.count
            next += 1
        }
        // Only a beginning of the next block can still matter.
        let tail = next < blocks.count ? blocks[next].count - 1 : 0
        kept = Array(kept[max(start, kept.count - tail)...])
        return isComplete || seen <= Self.limit
    }

    private static func find(_ block: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
        guard bytes.count - start >= block.count else { return nil }
        return (start...(bytes.count - block.count)).first { bytes[$0..<($0 + block.count)].elementsEqual(block) }
    }
}
