import CLinux
import Glibc
import SharedMemory
import Stats

/// What was found at the base id when this process started.
struct Claim {
    var baseID: UInt32
    /// nil with `--disable-hot-restart`.
    var region: SharedRegion?
    var epoch: UInt32
    /// The restart socket's path; nil: none.
    var socketPath: String?
    /// The serving process whose place is to be taken.
    var parent: SlotInfo?
    /// The first process that served this region: for `uptime_all_epochs`.
    var firstStartNs: UInt64
    /// Sentences for the log.
    var notes: [String] = []
}

/// Decides, under the start-up lock of the base id, whether this process starts cold, takes over or must not start.
/// Nothing of a live holder is touched.
struct BaseIDClaim {
    let options: ServerOptions

    func make() throws(StartupError) -> Claim {
        if options.disableHotRestart {
            return Claim(
                baseID: options.baseID, region: nil, epoch: 0, socketPath: nil, parent: nil,
                firstStartNs: cl_realtime_ns())
        }
        if options.useDynamicBaseID { return try dynamic() }
        let end = cl_monotonic_ns() + 10_000_000_000
        while true {
            switch try attempt(options.baseID) {
            case .done(let claim): return claim
            case .wait(let slot):
                // Another process is just starting here; it will serve or die.
                guard cl_monotonic_ns() < end else {
                    throw StartupError(
                        "base id \(options.baseID) is in use by pid \(slot.pid) (epoch \(slot.epoch)), which has been "
                            + "starting for too long; stop it, or choose another --base-id")
                }
                usleep(2000)
            }
        }
    }

    private enum Attempt {
        case done(Claim)
        case wait(SlotInfo)
    }

    private func dynamic() throws(StartupError) -> Claim {
        if case .number(let n) = options.restartEpoch, n > 0 {
            throw StartupError(
                "--use-dynamic-base-id picks a base id nobody has: it cannot be used with --restart-epoch \(n)")
        }
        for id in UInt32(1)..<100_000 {
            do {
                let anchor = try Anchor(baseID: id, limitMs: 0)
                do { _ = try RegionReader(baseID: id) } catch .missing {
                    return try attach(anchor, id, parent: nil, epoch: 0)
                } catch { continue }
            } catch let error as RegionError {
                if case .busy = error { continue }
                throw StartupError("\(error)")
            } catch let error as StartupError {
                throw error
            } catch {
                throw StartupError("\(error)")
            }
        }
        throw StartupError("--use-dynamic-base-id: no free base id below 100000")
    }

    private func attempt(_ id: UInt32) throws(StartupError) -> Attempt {
        let anchor: Anchor
        do { anchor = try Anchor(baseID: id) } catch { throw StartupError("base id \(id): \(error)") }
        let slots: [SlotInfo]
        do { slots = try RegionReader(baseID: id).liveSlots } catch {
            switch error {
            case .missing: slots = []
            case .foreign:
                // `attach` decides what to do with it.
                slots = []
            default: throw StartupError("base id \(id): \(error)")
            }
        }
        guard
            let holder = slots.filter({ $0.committed > 0 && $0.role == .serving }).max(by: {
                $0.committed < $1.committed
            })
        else {
            // One that is just starting, or a standby that is about to serve again.
            if let coming = slots.first(where: { $0.role == .starting || $0.role == .standby }) {
                guard asksToTakeOver else { throw inUse(coming) }
                return .wait(coming)
            }
            return .done(try attach(anchor, id, parent: nil, epoch: try coldEpoch()))
        }
        // The start-up lock is held until the slot is claimed.
        let epoch = try takeOverEpoch(holder)
        return .done(try attach(anchor, id, parent: holder, epoch: epoch))
    }

    private var asksToTakeOver: Bool {
        if options.handOver == .none { return false }
        if options.hotRestartFile != nil { return true }
        switch options.restartEpoch {
        case .unspecified: return false
        case .automatic: return true
        case .number(let n): return n > 0
        }
    }

    private func coldEpoch() throws(StartupError) -> UInt32 {
        guard case .number(let n) = options.restartEpoch, n > 0 else { return 0 }
        guard options.skipHotRestartOnNoParent else {
            throw StartupError(
                "--restart-epoch \(n) takes over from epoch \(n - 1), but no process with base id \(options.baseID) is "
                    + "running; start with epoch 0, or add --skip-hot-restart-on-no-parent to start cold")
        }
        return n
    }

    private func takeOverEpoch(_ holder: SlotInfo) throws(StartupError) -> UInt32 {
        guard asksToTakeOver else { throw inUse(holder) }
        let next = holder.epoch &+ 1
        if case .number(let n) = options.restartEpoch, n != next {
            throw StartupError(
                "--restart-epoch \(n) was asked for, but base id \(options.baseID) is served by epoch \(holder.epoch) "
                    + "(pid \(holder.pid)), so the next one is \(next); leave the flag out to take it by itself")
        }
        guard !holder.socketPath.isEmpty else {
            throw StartupError(
                "base id \(options.baseID) is served by pid \(holder.pid) (epoch \(holder.epoch)), which has no restart "
                    + "socket: it cannot be taken over; stop it first, or choose another --base-id")
        }
        if let path = path(options.baseID), path != holder.socketPath {
            throw StartupError(
                "base id \(options.baseID) is served by pid \(holder.pid) (epoch \(holder.epoch)) with restart socket "
                    + "\(holder.socketPath), not \(path); name that one, or choose another --base-id")
        }
        return next
    }

    private func inUse(_ holder: SlotInfo) -> StartupError {
        let socket = holder.socketPath.isEmpty ? "no restart socket" : "restart socket \(holder.socketPath)"
        let way =
            holder.socketPath.isEmpty
            ? ""
            : "take over from it with --hot-restart-file \(holder.socketPath) (or --restart-epoch \(holder.epoch + 1)), "
        return StartupError(
            "base id \(options.baseID) is in use by pid \(holder.pid) (epoch \(holder.epoch), since "
                + "\(WallClock.text(holder.startNs)), \(socket)); "
                + "\(way)\(way.isEmpty ? "choose" : "or choose") another --base-id for a second proxy")
    }

    /// The restart socket's path: as given, Envoy's way with the base id appended, or derived from the base id.
    private func path(_ id: UInt32) -> String? {
        if let file = options.hotRestartFile { return file }
        return "\(options.socketPath ?? "@envoyd_domain_socket")_\(id)"
    }

    private func attach(
        _ anchor: Anchor, _ id: UInt32, parent: SlotInfo?, epoch: UInt32
    ) throws(StartupError) -> Claim {
        let region: SharedRegion
        let origin: SharedRegion.Origin
        defer { withExtendedLifetime(anchor) {} }
        do {
            (region, origin) = try SharedRegion.attach(
                anchor, reset: options.resetStats && parent == nil, rebuild: .stats)
            let path = parent?.socketPath ?? path(id)
            try region.claimSlot(epoch: epoch, socketPath: path ?? "")
            var notes: [String] = []
            switch origin {
            case .created: break
            case .continued: notes.append("stats of base id \(id) continue")
            case .replaced(let reason): notes.append("stats of base id \(id) start afresh: \(reason)")
            case .rebuilt(let reason): notes.append("stats of base id \(id) continue in a new region: \(reason)")
            case .beside(let reason):
                notes.append("stats of base id \(id) continue in a region beside the one in use: \(reason)")
            case .kept(let reason): notes.append("stats of base id \(id) continue as they are: \(reason)")
            case .reset: notes.append("stats of base id \(id) start afresh, as --reset-stats asked")
            }
            if options.resetStats, parent != nil {
                notes.append("--reset-stats is without effect in a hot restart: the running process is counting")
            }
            return Claim(
                baseID: id, region: region, epoch: epoch, socketPath: path, parent: parent,
                firstStartNs: parent?.startNs ?? cl_realtime_ns(), notes: notes)
        } catch {
            guard case .full = error else { throw StartupError("base id \(id): \(error)") }
            throw StartupError(
                "base id \(id): \(error); make room, or start with --disable-hot-restart, which needs none of it")
        }
    }
}
