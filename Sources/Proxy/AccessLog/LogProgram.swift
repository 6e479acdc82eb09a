import ProxyConfig

/// A format as the workers run it: an array of plain operations and the bytes that they refer to.
struct LogProgram: BitwiseCopyable {
    struct Step: BitwiseCopyable {
        enum Kind: UInt8, BitwiseCopyable {
            /// `text` as it is.
            case literal
            /// `field`.
            case field
            /// The text of name `a`, else of `b`, at most `maxLength` bytes.
            case name
            /// RESP(:STATUS).
            case status
            /// The time, by the pieces at `time`.
            case time
            // JSON.
            case beginObject, endObject, beginList, endList
            /// Begins a member; `text` is its key with quotes and colon, or empty within a list.
            case member
            /// `text` as a whole value; `null` if it is empty.
            case constant
            /// A text of several pieces.
            case beginText, endText
        }
        /// How a value is written.
        enum Form: UInt8, BitwiseCopyable {
            /// As it is.
            case plain
            /// A JSON value of its own: a number, a string or `null`.
            case typed
            /// Within a JSON string.
            case fragment
        }
        var kind: Kind
        var form = Form.plain
        var field = LogField.protocol
        var a: Int32 = -1
        var b: Int32 = -1
        var maxLength: Int32 = .max
        var text = Bytes("")
        var time: UnsafeMutablePointer<TimeStep>?
        var timeCount: Int32 = 0
    }

    struct TimeStep: BitwiseCopyable {
        enum Kind: UInt8, BitwiseCopyable { case literal, calendar, epochSeconds, fraction }
        var kind: Kind
        /// Of a calendar step with a NUL behind it.
        var text: Bytes
        var digits: Int
    }

    let steps: UnsafeMutablePointer<Step>
    let count: Int
    let omitsEmpty: Bool
    /// Position of the sink.
    let sink: Int
    /// nil: all pass.
    let filter: UnsafeMutablePointer<LogFilterNode>?

    init(_ log: AccessLog, sink: Int, names: inout LogNames) {
        self.init(log.format, filter: log.filter, sink: sink, names: &names)
    }

    /// - Parameter sink: -1 for what is no line of a log.
    init(_ format: LogFormat, filter wanted: LogFilter? = nil, sink: Int = -1, names: inout LogNames) {
        var steps: [Step] = []
        switch format.shape {
        case .text(let pieces): for piece in pieces { steps.append(Self.step(piece, .plain, &names)) }
        case .json(let value):
            Self.json(value, into: &steps, &names)
            steps.append(Step(kind: .literal, text: Bytes("\n")))
        }
        self.steps = .kept(capacity: max(steps.count, 1))
        self.steps.initialize(from: steps, count: steps.count)
        count = steps.count
        omitsEmpty = format.omitsEmpty
        self.sink = sink
        if let wanted {
            let node = UnsafeMutablePointer<LogFilterNode>.kept(capacity: 1)
            node.initialize(to: LogFilterNode(wanted, names: &names))
            filter = node
        } else {
            filter = nil
        }
    }

    private static func step(_ piece: LogPiece, _ form: Step.Form, _ names: inout LogNames) -> Step {
        switch piece {
        case .literal(let text):
            return Step(kind: .literal, text: Bytes(keeping: form == .plain ? text : JSONText.escaped(text)))
        case .field(let field):
            switch field {
            case .routeName: return Step(kind: .name, form: form, a: names.position(.route, ""))
            case .virtualClusterName:
                return Step(kind: .name, form: form, a: names.position(.virtualCluster, ""))
            case .upstreamCluster: return Step(kind: .name, form: form, a: names.position(.cluster, ""))
            case .hostname: return constant(HostName.current, form)
            default:
                names.need(field)
                return Step(kind: .field, form: form, field: field)
            }
        case .request(let header, let length): return name(header, .request, length, form, &names)
        case .response(let header, let length):
            if header.name == ":status" { return Step(kind: .status, form: form) }
            return name(header, .response, length, form, &names)
        case .startTime(let pieces):
            var step = Step(kind: .time, form: form)
            step.time = .kept(capacity: max(pieces.count, 1))
            step.timeCount = Int32(pieces.count)
            for (i, piece) in pieces.enumerated() { (step.time! + i).initialize(to: timeStep(piece)) }
            return step
        }
    }

    /// A text that is known now.
    private static func constant(_ text: String, _ form: Step.Form) -> Step {
        switch form {
        case .plain: Step(kind: .literal, text: Bytes(keeping: text))
        case .fragment: Step(kind: .literal, text: Bytes(keeping: JSONText.escaped(text)))
        case .typed: Step(kind: .constant, text: Bytes(keeping: "\"" + JSONText.escaped(text) + "\""))
        }
    }

    private static func name(
        _ header: LogHeader, _ kind: LogNames.Kind, _ length: Int?, _ form: Step.Form, _ names: inout LogNames
    ) -> Step {
        var step = Step(kind: .name, form: form)
        step.a = names.position(kind, header.name)
        if let other = header.alternative { step.b = names.position(kind, other) }
        if let length { step.maxLength = Int32(clamping: length) }
        return step
    }

    private static func timeStep(_ piece: LogTimePiece) -> TimeStep {
        switch piece {
        case .literal(let text): TimeStep(kind: .literal, text: Bytes(keeping: text), digits: 0)
        case .calendar(let text): TimeStep(kind: .calendar, text: Bytes(keeping: text + "\0"), digits: 0)
        case .epochSeconds: TimeStep(kind: .epochSeconds, text: Bytes(""), digits: 0)
        case .fraction(let digits): TimeStep(kind: .fraction, text: Bytes(""), digits: digits)
        }
    }

    // MARK: JSON

    private static func json(_ value: LogValue, into steps: inout [Step], _ names: inout LogNames) {
        switch value {
        case .null: steps.append(Step(kind: .constant))
        case .bool(let flag): steps.append(Step(kind: .constant, text: Bytes(keeping: flag ? "true" : "false")))
        case .number(let text): steps.append(Step(kind: .constant, text: Bytes(keeping: text)))
        case .template(let pieces):
            if pieces.count == 1, case .literal = pieces[0] {
                return text(pieces, &steps, &names)
            }
            if pieces.count == 1 { return steps.append(step(pieces[0], .typed, &names)) }
            text(pieces, &steps, &names)
        case .list(let items):
            steps.append(Step(kind: .beginList))
            for item in items {
                steps.append(Step(kind: .member))
                json(item, into: &steps, &names)
            }
            steps.append(Step(kind: .endList))
        case .object(let members):
            steps.append(Step(kind: .beginObject))
            for member in members {
                steps.append(Step(kind: .member, text: Bytes(keeping: "\"" + JSONText.escaped(member.key) + "\":")))
                json(member.value, into: &steps, &names)
            }
            steps.append(Step(kind: .endObject))
        }
    }

    private static func text(_ pieces: [LogPiece], _ steps: inout [Step], _ names: inout LogNames) {
        steps.append(Step(kind: .beginText))
        for piece in pieces { steps.append(step(piece, .fragment, &names)) }
        steps.append(Step(kind: .endText))
    }
}
