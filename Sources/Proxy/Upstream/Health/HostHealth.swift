import CLinux
import ProxyConfig

/// What is shown of a host's health; the words are Envoy's.
public struct HealthFlags: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    static let failedActiveCheck = HealthFlags(rawValue: 1 << 0)
    static let failedOutlierCheck = HealthFlags(rawValue: 1 << 1)
    static let failedConfigured = HealthFlags(rawValue: 1 << 2)
    static let pendingRemoval = HealthFlags(rawValue: 1 << 3)
    static let excluded = HealthFlags(rawValue: 1 << 4)
    static let timedOut = HealthFlags(rawValue: 1 << 5)
    static let draining = HealthFlags(rawValue: 1 << 6)
    static let degradedActiveCheck = HealthFlags(rawValue: 1 << 7)
    static let degradedConfigured = HealthFlags(rawValue: 1 << 8)

    private static let names: [(flag: HealthFlags, name: String)] = [
        (failedActiveCheck, "/failed_active_hc"), (failedOutlierCheck, "/failed_outlier_check"),
        (failedConfigured, "/failed_eds_health"), (degradedActiveCheck, "/degraded_active_hc"),
        (degradedConfigured, "/degraded_eds_health"), (pendingRemoval, "/pending_dynamic_removal"),
        (excluded, "/excluded_via_immediate_hc_fail"), (timedOut, "/active_hc_timeout"),
        (draining, "/eds_status_draining"),
    ]

    /// As `/clusters` has it.
    var text: String {
        isEmpty ? "healthy" : Self.names.filter { contains($0.flag) }.map(\.name).joined()
    }
}

/// The health of one host, on the main thread.
final class HostHealth {
    /// The host's own; of a logical cluster it may change.
    var address: cl_address
    /// As the configuration has it.
    var endpoint: Endpoint?
    let cells: HostCells
    /// nil: not checked.
    var check: ActiveCheckMachine?
    var outlier = OutlierHost()
    /// What the workers' totals were when the interval began.
    var totals = [UInt64](repeating: 0, count: HostCells.Total.count)
    /// DNS no longer has it, but its checks say that it is well.
    var isPendingRemoval = false
    /// The check in progress, or the connection kept for the next one.
    var prober: HealthProber?
    var timer: MainTimer?
    var isChecking = false
    /// CLOCK_MONOTONIC: when it joined, or where it is checked when it last became healthy; 0: not yet.
    var sinceNs: UInt64 = 0
    /// CLOCK_MONOTONIC; 0: not planned.
    var nextCheckNs: UInt64 = 0
    /// Goes up with whatever a process that takes over should know.
    var revision: UInt64 = 0

    init(address: cl_address, endpoint: Endpoint?, cells: HostCells, isChecked: Bool) {
        self.address = address
        self.endpoint = endpoint
        self.cells = cells
        check = isChecked ? ActiveCheckMachine() : nil
        if !isChecked { sinceNs = cl_monotonic_ns() }
    }

    deinit { stop() }

    var flags: HealthFlags {
        var flags: HealthFlags = []
        if check?.isFailed == true { flags.insert(.failedActiveCheck) }
        if check?.hasTimedOut == true { flags.insert(.timedOut) }
        if check?.isExcluded == true { flags.insert(.excluded) }
        if check?.isDegraded == true { flags.insert(.degradedActiveCheck) }
        if outlier.isEjected { flags.insert(.failedOutlierCheck) }
        if isPendingRemoval { flags.insert(.pendingRemoval) }
        switch endpoint?.health {
        case .unhealthy, .timeout: flags.insert(.failedConfigured)
        case .draining: flags.insert(.draining)
        case .degraded: flags.insert(.degradedConfigured)
        case .healthy, .unknown, nil: break
        }
        return flags
    }

    /// What requests may expect of it.
    var state: HostState {
        if check?.isFailed == true || outlier.isEjected || endpoint?.health.isUsable == false { return .failed }
        return check?.isDegraded == true || endpoint?.health == .degraded ? .degraded : .healthy
    }

    /// Counts neither way for the panic threshold.
    var isExcluded: Bool { check?.isExcluded == true || endpoint?.health == .draining }

    /// Where it is asked.
    var checkAddress: cl_address {
        var result = address
        if let port = endpoint?.healthCheckPort, port > 0 { cl_address_set_port(&result, port) }
        return result
    }

    /// Ends what is in progress and plans nothing.
    func stop() {
        timer?.cancel()
        timer = nil
        prober?.cancel()
        prober = nil
        isChecking = false
        nextCheckNs = 0
    }
}
