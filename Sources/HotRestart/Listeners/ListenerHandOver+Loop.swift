import CLinux
import Glibc

/// One turn of waiting and of doing what there is to do.
extension ListenerHandOver {
    func turn() {
        wait()
        readOlder()
        readNewer()
        if let end = standbyEndNs, cl_monotonic_ns() >= end {
            standbyEndNs = nil
            feedOlder(.terminateParent)
        }
        if stopRequested { stop() }
        acceptChild()
    }

    private var acceptsChildren: Bool { role == .serving && newer == nil && !isLeaving }
    /// BYE was sent to the standby: the answer ends this process.
    private var isLeaving: Bool { stopRequested && older != nil }

    private func wait() {
        var entries = [pollfd(fd: stopSwitch.descriptor, events: Int16(POLLIN), revents: 0)]
        var deadline = [older?.link.nextDeadlineNs, newer?.link.nextDeadlineNs, standbyEndNs].compactMap { $0 }.min()
        if let entry = older?.link.pollEntry { entries.append(entry) }
        if let entry = newer?.link.pollEntry { entries.append(entry) }
        let now = cl_monotonic_ns()
        if let restartSocket, acceptsChildren {
            if now >= nextAcceptNs {
                entries.append(pollfd(fd: restartSocket.descriptor, events: Int16(POLLIN), revents: 0))
            } else {
                deadline = min(deadline ?? .max, nextAcceptNs)
            }
        }
        var milliseconds: Int32 = -1
        if let deadline {
            let left = deadline > now ? deadline - now : 0
            milliseconds = Int32(min((left + 999_999) / 1_000_000, 60_000))
        }
        // An interrupted wait is a turn with nothing to do.
        _ = poll(&entries, nfds_t(entries.count), milliseconds)
        if entries[0].revents != 0 {
            stopSwitch.reset()
            stopRequested = true
        }
    }

    private func readOlder() {
        while let side = older {
            do throws(RestartSocketError) {
                switch try side.link.next() {
                case .message(let message, let descriptors)?: feedOlder(.message(message, descriptors))
                case .malformed(let error)?: feedOlder(.malformed(error))
                case .closed?: feedOlder(.peerClosed)
                case .wouldBlock?, nil:
                    guard let timer = side.link.takeExpired() else { return }
                    feedOlder(.timer(timer))
                }
            } catch {
                options.log("\(error)")
                return feedOlder(.peerClosed)
            }
        }
    }

    private func readNewer() {
        while let side = newer {
            do throws(RestartSocketError) {
                switch try side.link.next() {
                case .message(let message, _)?: feedNewer(.message(message))
                case .malformed(let error)?: feedNewer(.malformed(error))
                case .closed?: feedNewer(.peerClosed)
                case .wouldBlock?, nil:
                    guard let timer = side.link.takeExpired() else { return }
                    feedNewer(.timer(timer))
                }
            } catch {
                options.log("\(error)")
                return feedNewer(.peerClosed)
            }
        }
    }

    private func acceptChild() {
        guard acceptsChildren, let restartSocket, cl_monotonic_ns() >= nextAcceptNs else { return }
        do throws(RestartSocketError) {
            if let channel = try restartSocket.accept() { begin(with: channel) }
        } catch {
            options.log("hot restart refused: \(error)")
            if case .foreignPeer = error { return }
            nextAcceptNs = cl_monotonic_ns() + 100_000_000
        }
    }

    /// Ends on purpose, as soon as it is known who serves.
    private func stop() {
        if let newer, newer.session.isFateUnknown { return }
        switch role {
        case .over: return
        case .starting: feedOlder(.leave)
        case .standby:
            closeListeners()
            feedNewer(.leave)
            role = .over
        case .serving:
            feedNewer(.leave)
            // Its standby lets go first; `.mayLeave` follows.
            if older != nil { feedOlder(.leave) } else { finish() }
        }
    }

    /// Ends; the sockets are closed when the path is free again.
    func finish() {
        closeListeners()
        if role == .serving { restartSocket?.removeFile() }
        role = .over
    }

    func closeListeners() {
        received = []
        let names = listeners.map(\.name)
        listeners = []
        if !names.isEmpty { perform(.close(names)) }
    }
}
