/// `overload_manager`.
extension Decoder {
    private static let fixedHeap = "envoy.resource_monitors.fixed_heap"
    private static let connections = "envoy.resource_monitors.global_downstream_max_connections"
    private static let actionPrefix = "envoy.overload_actions."
    /// Envoy's others.
    private static let otherActions: Set<String> = ["reduce_timeouts", "reset_high_memory_stream"]
    private static let otherMonitors: Set<String> = [
        "envoy.resource_monitors.cgroup_memory", "envoy.resource_monitors.cpu_utilization",
        "envoy.resource_monitors.injected_resource",
    ]

    func overloadManager(_ message: Message) -> OverloadManager {
        var result = OverloadManager()
        if let interval = message["refresh_interval"]?.positiveDuration() {
            result.refreshIntervalMs = max(interval, 1)
        }
        let monitors = message.require("resource_monitors")
        let given = monitors?.messages(.resourceMonitor) ?? []
        if let monitors, given.isEmpty { monitors.error("at least one monitor is required") }
        for one in given { monitor(one, &result) }
        for one in message["actions"]?.messages(.overloadAction) ?? [] {
            guard let (action, name) = action(one, result) else { continue }
            if result.actions.contains(where: { $0.kind == action.kind }) {
                name.error("a second action \(quoted(action.kind.name)), there may be one of each")
            } else {
                result.actions.append(action)
            }
        }
        return result
    }

    private func monitor(_ message: Message, _ result: inout OverloadManager) {
        guard let name = message.require("name"), let text = name.nonEmptyString() else { return }
        switch text {
        case Self.fixedHeap:
            guard let config = config(message, .fixedHeap) else { return }
            if result.maxHeapBytes != nil { name.error("a second monitor \(quoted(text)), there may be one") }
            // So that triggers find it, whatever its size is.
            result.maxHeapBytes = config.require("max_heap_size_bytes")?.positiveNumber() ?? .max
        case Self.connections:
            guard let config = config(message, .downstreamConnections) else { return }
            if result.maxConnections != nil { name.error("a second monitor \(quoted(text)), there may be one") }
            result.maxConnections = config.require("max_active_downstream_connections")?.positiveNumber() ?? .max
        default:
            let supported = [Self.fixedHeap, Self.connections]
            let why =
                Self.otherMonitors.contains(text)
                ? "is not supported by this build"
                : "is no resource monitor of this build\(Suggestion.text(for: text, among: supported))"
            name.error("\(quoted(text)) \(why); supported: \(supported.joined(separator: ", "))")
        }
    }

    private func config(_ message: Message, _ schema: MessageSchema) -> Message? {
        message.requireOne(of: ["typed_config"], else: ["config"])?.extensionMessage([schema])?.message
    }

    private func action(_ message: Message, _ manager: OverloadManager) -> (OverloadAction, name: Value)? {
        guard let name = message.require("name"), let text = name.nonEmptyString() else { return nil }
        let kind = OverloadAction.Kind.allCases.first { $0.name == text }
        if kind == nil {
            let names = OverloadAction.Kind.allCases.map(\.name)
            let isKnown =
                text.hasPrefix(Self.actionPrefix)
                && Self.otherActions.contains(String(text.dropFirst(Self.actionPrefix.count)))
            let why =
                isKnown
                ? "is not supported by this build"
                : "is no overload action of Envoy's\(Suggestion.text(for: text, among: names))"
            name.error("\(quoted(text)) \(why); supported: \(names.joined(separator: ", "))")
        }
        guard let value = message.require("triggers") else { return nil }
        let triggers = value.messages(.overloadTrigger)
        if triggers.isEmpty { value.error("at least one trigger is required") }
        // One monitor has a pressure, and Envoy refuses two triggers of the same one.
        if triggers.count > 1 { value.error("one trigger is supported, of \(Self.fixedHeap)") }
        guard let first = triggers.first, let trigger = trigger(first, manager), let kind else { return nil }
        return (OverloadAction(kind, trigger), name)
    }

    private func trigger(_ message: Message, _ manager: OverloadManager) -> OverloadAction.Trigger? {
        guard let name = message.require("name"), let text = name.nonEmptyString() else { return nil }
        let isHeap = text == Self.fixedHeap && manager.maxHeapBytes != nil
        if text == Self.connections {
            // Envoy takes it, and then it never triggers anything.
            name.error("\(quoted(text)) refuses connections by itself and triggers nothing")
        } else if !isHeap {
            name.error("no resource monitor \(quoted(text)) is in resource_monitors")
        }
        guard let value = message.requireOne(of: ["threshold", "scaled"]) else { return nil }
        if message["threshold"] != nil {
            guard let at = value.message(.thresholdTrigger)?.require("value")?.share(), isHeap else { return nil }
            return .threshold(at)
        }
        guard let scaled = value.message(.scaledTrigger), let to = scaled.require("saturation_threshold")?.share()
        else {
            return nil
        }
        let from = scaled["scaling_threshold"].map { $0.share() } ?? 0
        guard let from else { return nil }
        if from >= to { value.error("scaling_threshold must be less than saturation_threshold") }
        return isHeap ? .scaled(from: from, to: to) : nil
    }
}

extension Value {
    /// Of uint64 and int64 that 0 is no sensible value of.
    fileprivate func positiveNumber() -> UInt64? {
        guard case .scalar(let scalar) = node.content, scalar.kind == .number || scalar.kind == .string,
            let value = WholeNumber.parse(scalar.text, isPlain: scalar.kind == .number)
        else {
            error("expected a whole number, got \(node.kindText)")
            return nil
        }
        guard case .within(let number) = value, number > 0 else {
            error("\(shown(scalar.text)) is out of range (1 to \(Int64.max))")
            return nil
        }
        return UInt64(number)
    }

    /// A number from 0 to 1.
    fileprivate func share() -> Double? {
        guard case .scalar(let scalar) = node.content, scalar.kind == .number, let real = Double(scalar.text) else {
            error("expected a number from 0 to 1, got \(node.kindText)")
            return nil
        }
        guard real >= 0, real <= 1 else {
            error("\(shown(scalar.text)) is out of range (0 to 1)")
            return nil
        }
        return real
    }
}
