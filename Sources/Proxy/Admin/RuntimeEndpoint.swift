import ProxyConfig

/// `/runtime` and `/runtime_modify`.
enum RuntimeEndpoint {
    static let usage =
        "usage: /runtime_modify?key1=value1&key2=value2&keyN=valueN\n"
        + "       or send the parameters as form values\n" + "use an empty value to remove a previously added override"

    static func show(_ request: AdminRequest, _ context: any AdminContext) -> AdminResponse {
        let entries = context.runtime.entries.map { entry in
            JSON.Member(
                name: entry.key,
                value: .object([
                    "layer_values": .array(entry.layerValues.map { .string($0) }),
                    "final_value": .string(entry.finalValue),
                ]))
        }
        let value = JSON.object([
            "layers": .array(context.runtime.layers.map { .string($0.name) }), "entries": .members(entries),
        ])
        return .json(value.text)
    }

    static func modify(_ request: AdminRequest, _ context: any AdminContext) -> AdminResponse {
        let query = request.parameters
        guard !query.parameters.isEmpty else { return .text(usage, status: 400) }
        if let refusal = AdminEndpoints.refusedWhileHandingOver(context) { return refusal }
        // The first of several values counts, as with all parameters.
        var seen: Set<String> = []
        let changes = query.parameters.filter { seen.insert($0.name).inserted }.map { ($0.name, $0.value) }
        do throws(Runtime.ModifyError) {
            try context.runtime.modify(changes)
            return .text("OK\n")
        } catch {
            switch error {
            case .noAdminLayer: return .text("No admin layer specified\n", status: 503)
            case .full: return .text("more than \(Runtime.maxOverrides) overrides\n", status: 503)
            }
        }
    }
}
