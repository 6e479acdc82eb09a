@testable import Proxy

/// All that a parser says of a head, for comparison.
struct Verdict: Equatable {
    enum Outcome: Equatable {
        case complete(Int)
        case incomplete
        case failed(ParseError)
    }
    struct Field: Equatable {
        var place: [UInt32]
        var id: HeaderID
        var isNominated: Bool
    }
    var outcome: Outcome
    var fields: [Field] = []
    var numbers: [UInt64] = []
    var facts: [Bool] = []

    init(_ result: HeadResult, _ head: MessageHead) {
        switch result {
        case .incomplete: outcome = .incomplete
        case .failed(let error): outcome = .failed(error)
        case .complete(let length):
            outcome = .complete(length)
            for i in 0..<head.count {
                let field = head.fields[i]
                fields.append(
                    Field(
                        place: [field.name, field.nameLength, field.value, field.valueLength], id: field.id,
                        isNominated: field.isNominated))
            }
            numbers = [
                UInt64(head.method.rawValue), UInt64(head.methodStart), UInt64(head.methodLength), UInt64(head.target),
                UInt64(head.targetLength), UInt64(head.authority), UInt64(head.authorityLength), UInt64(head.status),
                UInt64(head.reason), UInt64(head.reasonLength), UInt64(head.minorVersion),
                UInt64(head.framing.rawValue), head.contentLength, UInt64(bitPattern: Int64(head.upgradeField)),
                head.present.bits,
            ]
            facts = [
                head.isAbsoluteForm, head.isRequest, head.connectionClose, head.connectionKeepAlive,
                head.connectionUpgrade, head.expectContinue, head.acceptsTrailers, head.keepsAlive,
            ]
        }
    }

    var text: String {
        switch outcome {
        case .complete: "complete"
        case .incomplete: "incomplete"
        case .failed(let error): "\(error)"
        }
    }
}

/// What must hold of a head that was accepted, found without the parser's own tables.
enum HeadRules {
    static func check(_ head: MessageHead, length: Int, count: Int) {
        precondition(length > 0 && length <= count, "a head that is longer than what there is")
        inside(head.methodStart, head.methodLength, length)
        inside(head.target, head.targetLength, length)
        inside(head.authority, head.authorityLength, length)
        inside(head.reason, head.reasonLength, length)
        precondition(head.base[length - 1] == 10 && head.base[length - 2] == 13, "a head without an end")
        var hosts = 0
        var lengths = 0
        var codings = 0
        for i in 0..<head.count {
            let field = head.fields[i]
            inside(field.name, field.nameLength, length)
            inside(field.value, field.valueLength, length)
            precondition(field.nameLength > 0, "a field without a name")
            let name = text(head, field.name, field.nameLength)
            let value = text(head, field.value, field.valueLength)
            precondition(name.allSatisfy { $0 > 32 && $0 < 127 && $0 != 58 }, "a name that is none")
            precondition(value.allSatisfy { $0 == 9 || $0 >= 32 && $0 != 127 }, "a value with control characters")
            precondition(value.first.map { $0 != 32 && $0 != 9 } ?? true, "white space before a value")
            precondition(value.last.map { $0 != 32 && $0 != 9 } ?? true, "white space behind a value")
            let lower = String(decoding: name, as: UTF8.self).lowercased()
            if lower == "host" { hosts += 1 }
            if lower == "content-length" { lengths += 1 }
            if lower == "transfer-encoding" { codings += 1 }
        }
        let isTunnel = !head.isRequest && head.framing == .none && head.status / 100 == 2
        precondition(lengths + codings <= 1 || isTunnel, "two framings")
        if head.framing == .chunked { precondition(codings == 1 && head.minorVersion == 1, "chunks out of nowhere") }
        if head.framing == .length { precondition(lengths == 1 && head.contentLength > 0, "a length out of nowhere") }
        guard head.isRequest else { return }
        precondition(head.framing == (codings == 1 ? .chunked : head.contentLength > 0 ? .length : .none))
        precondition(hosts <= 1 && (hosts == 1 || head.isAbsoluteForm || head.minorVersion == 0), "\(hosts) hosts")
        precondition(text(head, head.target, head.targetLength).allSatisfy { $0 > 32 && $0 < 127 }, "a bad target")
    }

    static func text(_ head: MessageHead, _ start: UInt32, _ length: UInt32) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: head.base + Int(start), count: Int(length))
    }

    private static func inside(_ start: UInt32, _ length: UInt32, _ end: Int) {
        precondition(Int(start) + Int(length) <= end, "a range outside of the head")
    }
}
