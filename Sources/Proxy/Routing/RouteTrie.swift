import Glibc

/// The patterns of virtual hosts as radix trees over bytes: the first route whose pattern matches a path is found in the
/// time that the path's own length takes, however many routes there are.
///
///     prefixes /a/, /a/b, /b         (root) "/" ─┬─ "a/" → route 0 ─── "b" → route 1
///                                                └─ "b" → route 2
///
/// A node stands for the bytes from the root to its end. Its entries are the routes whose pattern that is, whatever they
/// want to come after it. All nodes on the way of a path are looked at, since any of them may have the route that stands
/// first in the configuration; a subtree is left out when all of its routes stand behind one that has been found.
///
/// Flat memory that names its parts by position: children of a node stand side by side, and the first bytes of their
/// labels in an array of their own, for `memchr`. Immutable, shared by all workers, and never freed.
struct RouteTrie: BitwiseCopyable, @unchecked Sendable {
    struct Node: BitwiseCopyable {
        /// Bytes between the parent's end and this node's own, in `labels`.
        var label: UInt32 = 0
        var labelLength: UInt32 = 0
        var firstChild: UInt32 = 0
        var childCount: UInt32 = 0
        var firstEntry: UInt32 = 0
        var entryCount: UInt32 = 0
        /// The first route of the subtree.
        var lowest: Int32 = .max
    }

    /// A route whose pattern ends at a node. Those of a node stand in the order of the configuration.
    struct Entry: BitwiseCopyable {
        enum Follow: UInt8, BitwiseCopyable {
            /// The path must end here.
            case end
            /// It must end here or go on with a `/`.
            case endOrSlash
            case anything
        }
        var route: Int32
        var follow: Follow
        /// The route must be asked too.
        var isConditional: Bool
    }

    private let nodes: UnsafePointer<Node>
    /// Of each node the first byte of its label.
    private let keys: UnsafePointer<UInt8>
    private let labels: UnsafePointer<UInt8>
    private let entries: UnsafePointer<Entry>

    init(nodes: [Node], keys: [UInt8], labels: [UInt8], entries: [Entry]) {
        self.nodes = Self.copy(nodes)
        self.keys = Self.copy(keys)
        self.labels = Self.copy(labels)
        self.entries = Self.copy(entries)
    }

    private static func copy<Element: BitwiseCopyable>(_ elements: [Element]) -> UnsafePointer<Element> {
        let memory = UnsafeMutablePointer<Element>.kept(capacity: max(elements.count, 1))
        memory.initialize(from: elements, count: elements.count)
        return UnsafePointer(memory)
    }

    /// The first route of a tree that matches a path, `limit` when none before that one does.
    ///
    /// - Parameters:
    ///   - root: of the tree.
    ///   - isFolded: the tree's patterns are in lower case, and the path's case does not matter.
    ///   - holds: whether a conditional route is for the request.
    @inline(__always)
    func first(
        root: Int32, _ path: UnsafePointer<UInt8>, _ length: Int, isFolded: Bool, before limit: Int32,
        holds: (Int32) -> Bool
    ) -> Int32 {
        var best = limit
        var at = 0
        var node = nodes + Int(root)
        while node.pointee.lowest < best {
            let label = Int(node.pointee.labelLength)
            guard length &- at >= label, isEqual(path + at, labels + Int(node.pointee.label), label, isFolded) else {
                break
            }
            at &+= label
            var entry = entries + Int(node.pointee.firstEntry)
            for _ in 0..<node.pointee.entryCount {
                if entry.pointee.route >= best { break }
                if follows(entry.pointee.follow, path, at, length),
                    !entry.pointee.isConditional || holds(entry.pointee.route)
                {
                    best = entry.pointee.route
                    break
                }
                entry += 1
            }
            guard at < length, node.pointee.childCount > 0 else { break }
            let byte = isFolded ? ASCII.lower(path[at]) : path[at]
            let children = keys + Int(node.pointee.firstChild)
            guard let key = memchr(children, Int32(byte), Int(node.pointee.childCount)) else { break }
            node = nodes + Int(node.pointee.firstChild) + (UnsafeRawPointer(key) - UnsafeRawPointer(children))
        }
        return best
    }

    @inline(__always)
    private func isEqual(
        _ path: UnsafePointer<UInt8>, _ label: UnsafePointer<UInt8>, _ length: Int, _ isFolded: Bool
    ) -> Bool {
        isFolded ? foldedEqual(path, label, length) : memcmp(path, label, length) == 0
    }

    @inline(__always)
    private func follows(_ follow: Entry.Follow, _ path: UnsafePointer<UInt8>, _ at: Int, _ length: Int) -> Bool {
        switch follow {
        case .anything: true
        case .end: at == length
        case .endOrSlash: at == length || path[at] == UInt8(ascii: "/")
        }
    }
}
