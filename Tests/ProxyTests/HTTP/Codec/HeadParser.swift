import Testing

@testable import Proxy

/// Everything a head parser says about a head, as values that can be compared.
struct ParsedHead: Equatable {
    struct Field: Equatable {
        var name: String
        var value: String
        var id: HeaderID
        var isNominated: Bool
    }
    var length: Int
    var method: Method
    var methodText: String
    var target: String
    var authority: String
    var isAbsoluteForm: Bool
    var status: UInt16
    var reason: String
    var minorVersion: UInt8
    var framing: BodyFraming
    var contentLength: UInt64
    var fields: [Field]
    /// `close`, `keep-alive`, `upgrade`, `expect`, `trailers`, `persists`: those that hold.
    var facts: Set<String>
    var upgradeField: Int32

    init(_ head: MessageHead, length: Int) {
        func piece(_ offset: UInt32, _ count: UInt32) -> String {
            text(UnsafeBufferPointer(start: head.base + Int(offset), count: Int(count)))
        }
        self.length = length
        method = head.method
        methodText = piece(head.methodStart, head.methodLength)
        target = piece(head.target, head.targetLength)
        authority = piece(head.authority, head.authorityLength)
        isAbsoluteForm = head.isAbsoluteForm
        status = head.status
        reason = piece(head.reason, head.reasonLength)
        minorVersion = head.minorVersion
        framing = head.framing
        contentLength = head.contentLength
        fields = (0..<head.count).map { i in
            let field = head.fields[i]
            return Field(
                name: piece(field.name, field.nameLength), value: piece(field.value, field.valueLength),
                id: field.id, isNominated: field.isNominated)
        }
        facts = []
        if head.connectionClose { facts.insert("close") }
        if head.connectionKeepAlive { facts.insert("keep-alive") }
        if head.connectionUpgrade { facts.insert("upgrade") }
        if head.expectContinue { facts.insert("expect") }
        if head.acceptsTrailers { facts.insert("trailers") }
        if head.keepsAlive { facts.insert("persists") }
        upgradeField = head.upgradeField
    }

    func value(_ name: String) -> String? { fields.first { $0.name.lowercased() == name }?.value }
}

enum Outcome: Equatable {
    case complete(ParsedHead)
    case incomplete
    case failed(ParseError)

    var head: ParsedHead? {
        if case .complete(let head) = self { return head }
        return nil
    }
    var error: ParseError? {
        if case .failed(let error) = self { return error }
        return nil
    }
}

/// Parses texts in guarded memory, whole and cut.
final class HeadParser {
    enum Kind: Equatable {
        case request
        case response(to: Method)
    }
    private var head: MessageHead
    private let memory: GuardedMemory
    let kind: Kind
    let limits: HeadLimits

    init(_ kind: Kind, limits: HeadLimits = HeadLimits(bytes: 60 * 1024, fields: 100), capacity: Int = 4096) {
        self.kind = kind
        self.limits = limits
        head = MessageHead(capacity: 200)
        memory = GuardedMemory(capacity: capacity)
    }

    deinit { head.fields.deallocate() }

    func parse(_ message: some Collection<UInt8>) -> Outcome {
        // What can be read behind it changes nothing.
        let outcomes = ["", "\r\n\r\na: b\r\n? #;.", "abcdefghijklmnop", " \t\0:::::::::::::"].map { behind in
            parse(memory.place(Array(message) + bytes(behind)), message.count, slack: bytes(behind).count)
        }
        for other in outcomes where other != outcomes[0] {
            Issue.record("\(other) with other bytes behind, not \(outcomes[0])")
        }
        return parse(memory.place(message), message.count)
    }

    func parseAtStart(_ message: some Collection<UInt8>) -> Outcome {
        parse(memory.placeAtStart(message), message.count)
    }

    private func parse(_ base: UnsafePointer<UInt8>, _ count: Int, slack: Int = 0) -> Outcome {
        let result: HeadResult
        switch kind {
        case .request: result = head.parseRequest(base, count, limits: limits, slack: slack)
        case .response(let method):
            result = head.parseResponse(base, count, limits: limits, requestMethod: method, slack: slack)
        }
        switch result {
        case .complete(let length): return .complete(ParsedHead(head, length: length))
        case .incomplete: return .incomplete
        case .failed(let error): return .failed(error)
        }
    }

    /// The outcome of the whole message, having checked that cuts at every byte position lead to it: first nothing is
    /// known, then the same as of the whole.
    func parseEverySplit(_ message: [UInt8], sourceLocation: SourceLocation = #_sourceLocation) -> Outcome {
        let whole = parse(message)
        var decided = false
        for count in 0..<message.count {
            let outcome = parse(message.prefix(count))
            if outcome == .incomplete && !decided { continue }
            decided = true
            if outcome != whole {
                Issue.record(
                    "\(count) bytes: \(outcome), whole: \(whole), of \(text(message).debugDescription)",
                    sourceLocation: sourceLocation)
                break
            }
        }
        return whole
    }
}

/// The outcome of a request that must be the same however it is cut.
func parseRequest(_ message: String, sourceLocation: SourceLocation = #_sourceLocation) -> Outcome {
    HeadParser(.request).parseEverySplit(bytes(message), sourceLocation: sourceLocation)
}

/// The outcome of a response that must be the same however it is cut.
func parseResponse(
    _ message: String, to method: Method = .get, sourceLocation: SourceLocation = #_sourceLocation
) -> Outcome {
    HeadParser(.response(to: method)).parseEverySplit(bytes(message), sourceLocation: sourceLocation)
}
