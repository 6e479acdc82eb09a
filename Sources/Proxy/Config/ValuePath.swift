/// Where a value stands in the tree, `static_resources.listeners[0].name`. It becomes text for a message only: nearly all
/// values of nearly all configurations are right.
final class ValuePath: Sendable {
    enum Part: Sendable {
        case field(String)
        case index(Int)
        /// Of a map, whose keys are the user's.
        case key(String)
    }

    static let root = ValuePath()
    private let parent: ValuePath?
    private let part: Part

    private init() {
        parent = nil
        part = .index(0)
    }

    init(_ part: Part, of parent: ValuePath) {
        self.parent = parent
        self.part = part
    }

    var text: String {
        guard let parent else { return "" }
        let before = parent.text
        switch part {
        case .field(let name): return before.isEmpty ? shown(name) : "\(before).\(shown(name))"
        case .index(let index): return "\(before)[\(index)]"
        case .key(let key): return "\(before)[\(quoted(key))]"
        }
    }
}
