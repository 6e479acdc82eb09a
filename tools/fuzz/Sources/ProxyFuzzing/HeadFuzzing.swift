@testable import Proxy

/// A head is parsed whole and cut at a place that the input says; what is accepted is written as it goes on, and parsed
/// again.
///
/// An input begins with a byte of circumstances, two that say where it is cut, and one of limits and methods; the message
/// follows.
final class HeadFuzzing {
    enum Kind { case request, response }

    private let kind: Kind
    private var head = MessageHead(capacity: 101)
    private let forwarding: ForwardingScene

    init(_ kind: Kind) throws {
        self.kind = kind
        forwarding = try ForwardingScene()
    }

    func run(_ input: UnsafeBufferPointer<UInt8>) throws -> String {
        guard input.count >= 4 else { return "nothing" }
        var reader = InputReader(input)
        let how = reader.byte()
        let cut = reader.number(2)
        let detail = reader.byte()
        let message = reader.all()
        let isSmall = how & 0x80 != 0
        let limits =
            isSmall ? HeadLimits(bytes: 40 + Int(detail), fields: 4) : HeadLimits(bytes: 60 * 1024, fields: 100)
        let method: Method = [.get, .head, .connect, .post][Int(detail & 3)]

        let whole = parse(message, limits, method)
        let part = parse(UnsafeBufferPointer(rebasing: message.prefix(cut)), limits, method)
        precondition(part == whole || cut < message.count && part.outcome == .incomplete, "a cut changes the verdict")
        guard case .complete(let length) = whole.outcome else { return whole.text }
        precondition(length <= limits.bytes, "longer than it may be")
        let shorter = parse(UnsafeBufferPointer(rebasing: message.prefix(length - 1)), limits, method)
        precondition(shorter.outcome == .incomplete, "complete before its end")
        precondition(parse(UnsafeBufferPointer(rebasing: message.prefix(length)), limits, method) == whole)

        let copy = ExactCopy(message)
        _ = parse(copy, limits, method)
        HeadRules.check(head, length: length, count: copy.count)
        if kind == .request {
            NormalizationRules.check(HeadRules.text(head, head.target, head.targetLength), detail >> 2)
        }
        let fate = kind == .request ? forwarding.pass(head, how) : forwarding.answer(head, method, how)
        withExtendedLifetime(copy.count) {}
        return fate
    }

    private func parse(_ bytes: UnsafeBufferPointer<UInt8>, _ limits: HeadLimits, _ method: Method) -> Verdict {
        let copy = ExactCopy(bytes)
        let verdict = parse(copy, limits, method)
        // What can be read behind it changes nothing.
        let roomy = Array(bytes) + (bytes + Array("\r\n\r\na: b\r\n? #;".utf8)).prefix(MessageHead.slack)
        let count = bytes.count
        roomy.withUnsafeBufferPointer {
            let again = parse(ExactCopy($0), count, slack: MessageHead.slack, limits, method)
            precondition(again == verdict, "bytes behind it change the verdict")
        }
        return verdict
    }

    private func parse(_ copy: borrowing ExactCopy, _ limits: HeadLimits, _ method: Method) -> Verdict {
        parse(copy, copy.count, slack: 0, limits, method)
    }

    private func parse(
        _ copy: borrowing ExactCopy, _ count: Int, slack: Int, _ limits: HeadLimits, _ method: Method
    ) -> Verdict {
        switch kind {
        case .request: Verdict(head.parseRequest(copy.bytes, count, limits: limits, slack: slack), head)
        case .response:
            Verdict(
                head.parseResponse(copy.bytes, count, limits: limits, requestMethod: method, slack: slack), head)
        }
    }
}
