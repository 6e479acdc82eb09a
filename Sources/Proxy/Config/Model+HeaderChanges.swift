/// `append_action` (`HeaderValueOption.HeaderAppendAction`): what adding does where there are headers of the name.
public enum AppendAction: Sendable { case append, addIfAbsent, overwriteOrAdd, overwriteIfExists }

/// One of `request_headers_to_add` or `response_headers_to_add` (`HeaderValueOption`).
public struct HeaderAddition: Sendable, Equatable {
    /// In lower case.
    public var name: String
    public var value: [LogPiece]
    /// `append_action`, `append`.
    public var action = AppendAction.append
    /// `keep_empty_value`: it is added without a value too.
    public var keepsEmpty = false
    public init(name: String, value: [LogPiece]) {
        self.name = name
        self.value = value
    }
}

/// What one level (route, virtual host, route configuration) does to the headers of a message: first it removes, then it adds.
public struct HeaderChanges: Sendable, Equatable {
    /// In lower case.
    public var removed: [String] = []
    public var added: [HeaderAddition] = []
    public init() {}
    public var isEmpty: Bool { removed.isEmpty && added.isEmpty }
}
