import CLinux
import Glibc
import SharedMemory

/// A name record of the region, decoded: `cl_record`, the name, its tag spans.
struct NameRecord {
    var name: String
    var kind: StatKind
    var unit: StatUnit
    var gaugeImport: GaugeImport
    var flags: StatFlags
    var value: UInt32
    var tags: [StatTag]
    /// The highest ordinal of a process that asked for it.
    var used: UInt64

    /// Where `used` lies in a record.
    static let usedOffset = MemoryLayout<cl_record>.offset(of: \.used)!

    /// The fixed part of a record and its kind; nil when the bytes are not a record that can be (another build's kind, a
    /// length past the end). The name follows the head.
    @inline(__always)
    static func head(_ bytes: UnsafeRawBufferPointer, headLength: Int) -> (head: cl_record, kind: StatKind)? {
        guard bytes.count >= headLength, headLength >= MemoryLayout<cl_record>.size else { return nil }
        let head = bytes.loadUnaligned(as: cl_record.self)
        guard let kind = StatKind(rawValue: head.type), head.name_length > 0,
            headLength + (Int(head.name_length) + 3) / 4 * 4 <= bytes.count, Int(head.value) % kind.cells == 0
        else { return nil }
        return (head, kind)
    }

    /// - Parameter withTags: whether its tags are wanted.
    init?(_ bytes: UnsafeRawBufferPointer, headLength: Int, withTags: Bool = true) {
        guard let (head, kind) = Self.head(bytes, headLength: headLength) else { return nil }
        let nameLength = Int(head.name_length)
        name = String(decoding: bytes[headLength..<headLength + nameLength], as: UTF8.self)
        self.kind = kind
        unit = StatUnit(rawValue: head.unit) ?? .unspecified
        gaugeImport = GaugeImport(rawValue: head.import) ?? .accumulate
        flags = StatFlags(rawValue: head.flags)
        value = head.value
        used = head.used
        tags = []
        guard withTags else { return }
        let count = Self.tagCount(head, bytes, headLength: headLength)
        tags.reserveCapacity(count)
        for i in 0..<count {
            guard let span = Self.tag(i, bytes, headLength: headLength, nameLength: nameLength),
                let tag = TagName(rawValue: span.tag)
            else { continue }
            let (cut, value) = (Int(span.cut_start), Int(span.value_start))
            tags.append(
                StatTag(name: tag, cut: cut..<cut + Int(span.cut_length), value: value..<value + Int(span.value_length))
            )
        }
    }

    /// How many tag spans it has room for, of those that it says it has.
    @inline(__always)
    static func tagCount(_ head: cl_record, _ bytes: UnsafeRawBufferPointer, headLength: Int) -> Int {
        let spans = headLength + (Int(head.name_length) + 3) / 4 * 4
        return min(Int(head.tag_count), (bytes.count - spans) / MemoryLayout<cl_tag_span>.size)
    }

    /// One of them; nil when it is none that we know, of a part of the name.
    @inline(__always)
    static func tag(_ index: Int, _ bytes: UnsafeRawBufferPointer, headLength: Int, nameLength: Int) -> cl_tag_span? {
        let at = headLength + (nameLength + 3) / 4 * 4 + index * MemoryLayout<cl_tag_span>.size
        let span = bytes.loadUnaligned(fromByteOffset: at, as: cl_tag_span.self)
        guard TagName(rawValue: span.tag) != nil, Int(span.cut_start) + Int(span.cut_length) <= nameLength,
            Int(span.value_start) + Int(span.value_length) <= nameLength
        else { return nil }
        return span
    }

    static func encode(
        name: [UInt8], kind: StatKind, unit: StatUnit, gaugeImport: GaugeImport, flags: StatFlags, value: UInt32,
        used: UInt64 = 0, headLength: Int = MemoryLayout<cl_record>.size
    ) -> [UInt8] {
        let tags = TagExtractor.tags(name, flags)
        var bytes = [UInt8](repeating: 0, count: length(name: name.count, tags: tags.count, headLength: headLength))
        bytes.withUnsafeMutableBytes { buffer in
            name.withUnsafeBufferPointer { name in
                guard let place = buffer.baseAddress else { return }
                let head = cl_record(
                    length: UInt32(buffer.count), type: kind.rawValue, unit: unit.rawValue,
                    import: gaugeImport.rawValue, flags: flags.rawValue, value: value, name_length: UInt16(name.count),
                    tag_count: UInt16(tags.count), used: used)
                tags.map { cl_tag_span($0) }.withUnsafeBufferPointer {
                    write(head, name, $0, to: place, headLength: headLength)
                }
            }
        }
        return bytes
    }

    /// Bytes of a record: of its head, the name and its tags.
    static func length(name: Int, tags: Int, headLength: Int) -> Int {
        let spans = max(headLength, MemoryLayout<cl_record>.size) + (name + 3) / 4 * 4
        return (spans + tags * MemoryLayout<cl_tag_span>.size + 7) / 8 * 8
    }

    /// Writes all bytes of a record, as many as `head` says.
    static func write(
        _ head: cl_record, _ name: UnsafeBufferPointer<UInt8>, _ tags: UnsafeBufferPointer<cl_tag_span>,
        to place: UnsafeMutableRawPointer, headLength: Int
    ) {
        place.storeBytes(of: head, as: cl_record.self)
        // A newer minor layout has more before the name than we know of; that stays zero.
        var at = MemoryLayout<cl_record>.size
        func zeros(upTo end: Int) {
            guard end > at else { return }
            memset(place + at, 0, end - at)
            at = end
        }
        zeros(upTo: headLength)
        if let bytes = name.baseAddress { (place + at).copyMemory(from: bytes, byteCount: name.count) }
        let nameEnd = at + name.count
        at = nameEnd
        zeros(upTo: nameEnd + (4 - name.count % 4) % 4)
        for tag in tags {
            place.storeBytes(of: tag, toByteOffset: at, as: cl_tag_span.self)
            at += MemoryLayout<cl_tag_span>.size
        }
        zeros(upTo: Int(head.length))
    }
}

extension cl_tag_span {
    /// As the region has it.
    init(_ tag: StatTag) {
        self.init(
            tag: tag.name.rawValue, cut_start: UInt16(tag.cut.lowerBound), cut_length: UInt16(tag.cut.count),
            value_start: UInt16(tag.value.lowerBound), value_length: UInt16(tag.value.count), reserved: 0)
    }
}
