/// What `metadata` of an endpoint says under `envoy.lb`, in a form that can be compared without knowing what it is: an entry for each
/// field, which ends with `HostLabels.end` and has its name and its value, and of a list its elements too, each behind `HostLabels.gap`. Values are JSON with
/// the fields of mappings in the order of their names, in which neither of the two can stand.
public enum HostLabels {
    public static let gap: UInt8 = 1
    public static let end: UInt8 = 2
    private static let gapText = "\u{1}", endText = "\u{2}"

    /// Of an endpoint.
    static func text(_ fields: [YAMLEntry]) -> String {
        fields.map { field in
            var text = name(field) + value(field.value)
            if case .sequence(let items) = field.value.content {
                for item in items { text += gapText + value(item) }
            }
            return text + endText
        }.joined()
    }

    /// The fields that a host must have, each with its value.
    static func wanted(_ fields: [YAMLEntry]) -> [String] { fields.map { name($0) + value($0.value) } }

    private static func name(_ field: YAMLEntry) -> String {
        value(YAMLNode(content: .scalar(YAMLScalar(text: field.key, isPlain: false)), location: field.keyLocation))
            + gapText
    }

    private static func value(_ node: YAMLNode) -> String {
        var text = ""
        sorted(node).writeJSON(&text)
        return text
    }

    private static func sorted(_ node: YAMLNode) -> YAMLNode {
        var node = node
        switch node.content {
        case .scalar: break
        case .sequence(let items): node.content = .sequence(items.map(sorted))
        case .mapping(let entries):
            let ordered = entries.sorted { $0.key < $1.key }.map { entry in
                var entry = entry
                entry.value = sorted(entry.value)
                return entry
            }
            node.content = .mapping(ordered)
        }
        return node
    }
}

extension Decoder {
    /// What load balancing knows of an endpoint.
    func hostLabels(_ member: Message, _ endpoint: inout Endpoint) {
        let fields = balancerFields(member["metadata"])
        endpoint.labels = HostLabels.text(fields)
        if let canary = fields.first(where: { $0.key == "canary" })?.value, case .scalar(let scalar) = canary.content {
            endpoint.isCanary = scalar.kind == .bool && scalar.text == "true"
        }
    }

    /// `envoy.lb` of a `Metadata`.
    func balancerFields(_ metadata: Value?) -> [YAMLEntry] {
        for (filter, _, value) in metadata?.message(.endpointMetadata)?["filter_metadata"]?.map() ?? []
        where filter == "envoy.lb" {
            if case .mapping(let fields) = value.node.content { return fields }
        }
        return []
    }
}
