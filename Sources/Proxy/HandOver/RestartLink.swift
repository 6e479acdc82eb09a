import HotRestart

/// A channel on the main loop: what it receives becomes calls, what waits to be sent goes out as there is room.
final class RestartLink {
    let channel: RestartChannel
    private let loop: MainLoop
    private let log: Log
    private var descriptor: Int32
    private var onReceive: ((RestartChannel.Received) -> Void)?
    private var isOpen = true

    init(_ channel: RestartChannel, loop: MainLoop, log: Log) {
        self.channel = channel
        self.loop = loop
        self.log = log
        descriptor = channel.descriptor
    }

    func open(_ onReceive: @escaping (RestartChannel.Received) -> Void) throws(SystemError) {
        self.onReceive = onReceive
        try watch()
    }

    /// Returns why the message can never be sent, nil if it was or will be.
    func send(_ message: Message, _ descriptors: [Int32] = []) -> RestartSocketError? {
        defer { rewatch() }
        do throws(RestartSocketError) {
            try channel.send(message, descriptors: descriptors)
            return nil
        } catch {
            log.warning("hot restart: \(error)")
            return error
        }
    }

    /// What was sent is still delivered.
    func close() {
        guard isOpen else { return }
        isOpen = false
        loop.unwatch(descriptor)
        do throws(RestartSocketError) {
            try channel.flush()
        } catch {
            log.debug("hot restart: \(error)")
        }
        channel.close()
        onReceive = nil
    }

    private func watch() throws(SystemError) {
        let events = channel.wantsWrite ? Epoll.input | Epoll.output : Epoll.input
        try loop.watch(descriptor, events) { [weak self] mask in self?.ready(mask) }
    }

    private func rewatch() {
        guard isOpen, onReceive != nil else { return }
        do throws(SystemError) { try watch() } catch { log.error("hot restart: \(error)") }
    }

    private func ready(_ mask: UInt32) {
        if mask & Epoll.output != 0 {
            do throws(RestartSocketError) { try channel.flush() } catch { log.warning("hot restart: \(error)") }
            rewatch()
        }
        guard mask & Epoll.readable != 0 else { return }
        while isOpen {
            let received = channel.receive()
            if case .wouldBlock = received { return }
            onReceive?(received)
            if case .closed = received {
                // The end stays readable for ever.
                if isOpen { loop.unwatch(descriptor) }
                return
            }
        }
    }
}
