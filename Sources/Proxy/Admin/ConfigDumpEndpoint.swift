import ProxyConfig
import Stats

/// `/config_dump`: what was loaded, and when (`envoy.admin.v3.ConfigDump`).
///
/// Not told of what Envoy tells: resources that were refused (the log has why), clusters that are being warmed, and listeners that drain.
enum ConfigDumpEndpoint {
    static let parameters: [AdminEndpoint.Parameter] = [
        .init("resource", "The resource to dump"),
        .init(
            "mask",
            "The mask to apply. When both resource and mask are specified, the mask is applied to every element in the "
                + "desired repeated field so that only a subset of fields are returned. The mask is parsed as a "
                + "Protobuf::FieldMask"),
        .init(
            "name_regex",
            "Dump only the currently loaded configurations whose names match the specified regex. Can be used with both "
                + "resource and mask query parameters."),
        .init(
            "include_eds", .flag,
            "Dump currently loaded configuration including EDS. See the response definition for more information"),
    ]

    private static let type = "type.googleapis.com/envoy.admin.v3."

    static func answer(_ request: AdminRequest, _ context: any AdminContext) -> AdminResponse {
        do throws(BadQuery) {
            let names = try NamePattern(request.query["name_regex"])
            let sections = ConfigSections.all(context, names, endpoints: request.query.has("include_eds"))
            let mask = request.query["mask"].map(ConfigMask.init)
            let configs: [JSON]
            if let resource = request.query["resource"] {
                guard let found = try one(resource, mask, sections) else {
                    return .text("\(resource.visible) not found in config dump", status: 404)
                }
                configs = found
            } else {
                configs = try all(mask, sections)
            }
            return .json(JSON.object(["configs": .array(configs)]).text)
        } catch {
            return .text(error.text, status: 400)
        }
    }

    /// The members of a list, each as a message of its own; nil: there is no such list.
    private static func one(
        _ resource: String, _ mask: ConfigMask?, _ sections: [ConfigSection]
    ) throws(BadQuery) -> [JSON]? {
        for section in sections where section.fields.contains(resource) {
            guard let element = section.lists[resource] else {
                throw BadQuery(
                    text: "\(resource) is not a repeated field. Use ?mask=\(resource) to get only this field")
            }
            var items: [JSON] = []
            for item in element.items {
                var item = item
                if let mask {
                    guard element.has(mask), let kept = mask.kept(of: item) else {
                        throw BadQuery(text: "FieldMask \(mask.text.visible) could not be successfully used.")
                    }
                    item = kept
                }
                items.append(typed(element.type, item))
            }
            return items
        }
        return nil
    }

    /// Those that have all fields of the mask.
    private static func all(_ mask: ConfigMask?, _ sections: [ConfigSection]) throws(BadQuery) -> [JSON] {
        guard let mask else { return sections.map { typed($0.type, $0.json) } }
        let kept = sections.compactMap { section in
            section.has(mask) ? mask.kept(of: section.json).map { typed(section.type, $0) } : nil
        }
        if kept.isEmpty {
            throw BadQuery(text: "FieldMask \(mask.text.visible) could not be successfully applied to any configs.")
        }
        return kept
    }

    private static func typed(_ name: String, _ message: JSON) -> JSON {
        guard case .members(let members) = message else { return message }
        return .members([JSON.Member(name: "@type", value: .string(type + name))] + members)
    }
}

/// `name_regex`: the whole of a name.
struct NamePattern {
    private let pattern: Pattern?

    init(_ text: String?) throws(BadQuery) {
        guard let text else {
            pattern = nil
            return
        }
        do {
            // Alone first, so that no bracket of its own can end the group.
            _ = try Pattern(text)
            pattern = try Pattern("^(?:\(text))$")
        } catch {
            throw BadQuery(
                text: "INVALID_ARGUMENT: Error while parsing name_regex from \(text): \(error)".visible)
        }
    }

    func takes(_ name: String?) -> Bool { pattern?.matchesPart(of: name ?? "") ?? true }
}

/// `google.protobuf.FieldMask`: which fields of a message are kept.
struct ConfigMask {
    let text: String
    /// Each from the outside in.
    let paths: [[String]]

    init(_ text: String) {
        self.text = text
        paths = text.split(separator: ",").map {
            $0.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        }
    }

    /// nil: a path leads into a list, which no mask can.
    func kept(of message: JSON) -> JSON? { Self.kept(of: message, paths) }

    private static func kept(of value: JSON, _ paths: [[String]]) -> JSON? {
        guard case .members(let members) = value else {
            if case .array = value { return nil }
            return value
        }
        var result: [JSON.Member] = []
        for member in members {
            let inner = paths.filter { $0.first == member.name }.map { Array($0.dropFirst()) }
            if member.name == "@type" || inner.contains([]) {
                result.append(member)
            } else if !inner.isEmpty {
                guard let kept = kept(of: member.value, inner) else { return nil }
                result.append(.init(name: member.name, value: kept))
            }
        }
        return .members(result)
    }
}
