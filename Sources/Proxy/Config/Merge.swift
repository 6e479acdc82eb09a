/// `--config-yaml` over the file.
///
/// Envoy parses both and merges the messages: messages field by field, lists are appended, scalars replace, and setting
/// one member of a oneof clears the others. This does the same to the trees, so that every value keeps its place.
/// One difference is meant: a `false`, `0` or `""` in the inline text replaces what the file has, which protobuf
/// cannot tell from a value that is not given.
enum Merge {
    static func merge(_ inline: YAMLNode, over base: YAMLNode) -> YAMLNode {
        switch (base.content, inline.content) {
        case (_, .scalar) where inline.isNull: return base
        case (.sequence(let first), .sequence(let second)):
            return YAMLNode(content: .sequence(first + second), location: base.location)
        case (.mapping(let first), .mapping(let second)):
            // An `Any` is one value to protobuf.
            if second.contains(where: { $0.key == "@type" }) { return inline }
            return YAMLNode(content: .mapping(merge(second, over: first)), location: base.location)
        default: return inline
        }
    }

    private static func merge(_ inline: [YAMLEntry], over base: [YAMLEntry]) -> [YAMLEntry] {
        var result = base
        for entry in inline {
            let name = canonical(entry.key)
            if !entry.value.isNull {
                let rivals = rivals(of: name)
                result.removeAll { rivals.contains(canonical($0.key)) }
            }
            if let index = result.firstIndex(where: { canonical($0.key) == name }) {
                let merged = merge(entry.value, over: result[index].value)
                let isReplaced = merged.location.file == entry.value.location.file
                if isReplaced { result[index].keyLocation = entry.keyLocation }
                result[index].value = merged
            } else {
                result.append(entry)
            }
        }
        return result
    }

    /// The messages that can meet in a merge and have a oneof; deeper ones stand in lists, which are appended.
    private static let oneofs = [MessageSchema.bootstrap, .address, .socketAddress].flatMap(\.oneofs)

    private static func rivals(of name: String) -> Set<String> {
        var result: Set<String> = []
        for members in oneofs where members.contains(name) { result.formUnion(members) }
        result.remove(name)
        return result
    }

    /// snake_case of either spelling of a field.
    private static func canonical(_ key: String) -> String {
        var result = ""
        for scalar in key.unicodeScalars {
            if ("A"..."Z").contains(scalar) {
                result += "_" + String(scalar).lowercased()
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
