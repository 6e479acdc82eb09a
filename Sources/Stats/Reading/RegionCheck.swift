import CLinux
import Glibc
import SharedMemory

/// Verifies a whole region: each of its parts against the others and against what this build would write.
public struct RegionCheck {
    /// What is wrong, one sentence each; empty: nothing.
    public private(set) var findings: [String] = []
    /// How many findings a report has: a region of random bytes has no end of them.
    static let most = 1000
    let image: RegionImage
    /// Where each part lies, once the directory was read.
    var logs: [cl_segment] = []
    var cells: [Int: [cl_segment]] = [:]
    var blocks: [Int: [cl_segment]] = [:]

    /// Looks again while a process lives and something was found: what it is just about to publish is no finding.
    public static func findings(baseID: UInt32) throws(RegionError) -> [String] {
        var kept: [String]?
        for _ in 0..<3 {
            let image = try RegionImage(baseID: baseID)
            var found = RegionCheck(image).findings
            var isLive = image.isLocked.contains(true)
            do throws(RegionError) {
                if found.count < Self.most, let old = try image.predecessor() {
                    found += RegionCheck(old).findings.map { "generation \(old.header.generation): \($0)" }
                    isLive = isLive || old.isLocked.contains(true)
                }
            } catch {
                found.append("header: its predecessor is generation \(image.header.predecessor): \(error)")
            }
            if let known = kept {
                let again = Set(found)
                kept = known.filter { again.contains($0) }
            } else {
                kept = found
            }
            guard kept?.isEmpty == false, isLive else { break }
            usleep(2000)
        }
        return kept ?? []
    }

    /// Looks once, at one file.
    public init(_ image: RegionImage) {
        self.image = image
        checkFile()
        // Another layout means that nothing behind the header can be read.
        guard checkHeader() else { return }
        checkSegments()
        checkSlots()
        checkPlanes()
        let histograms = checkRecords()
        checkBlocks(of: histograms)
    }

    mutating func found(_ text: String) {
        if findings.count < Self.most {
            findings.append(text)
        } else if findings.count == Self.most {
            findings.append("more findings than \(Self.most): the rest is not listed")
        }
    }

    private mutating func checkFile() {
        let status = image.status
        if status.mode & 0o7777 != 0o600 {
            found("file: its mode is \(String(status.mode & 0o7777, radix: 8)), not 600")
        }
        // A process that was killed while it made a new generation has left a second name.
        var second = cl_file_status()
        let isNamedTwice =
            cl_stat(image.path + ".old", &second) == 0
            && second.inode == status.inode && second.device == status.device
        if status.links != 1, !(status.links == 2 && isNamedTwice) {
            found("file: it has \(status.links) links instead of 1")
        }
        if status.uid != image.header.uid {
            found("file: it belongs to uid \(status.uid), made by \(image.header.uid)")
        }
        if image.size > RegionLayout.largest { found("file: \(image.size) bytes are more than a region can have") }
        if image.size % RegionLayout.page != 0 { found("file: \(image.size) bytes are no whole pages") }
    }

    /// Whether the rest can be read at all.
    private mutating func checkHeader() -> Bool {
        let header = image.header
        guard header.magic == CL_REGION_MAGIC else {
            found("header: no region magic")
            return false
        }
        guard header.byte_order == CL_REGION_BYTE_ORDER else {
            found("header: another byte order")
            return false
        }
        guard header.layout_major == RegionLayout.major else {
            found("header: layout \(header.layout_major).\(header.layout_minor), this build has \(RegionLayout.major)")
            return false
        }
        guard image.size >= RegionLayout.data else {
            found("file: cut short: \(image.size) bytes, \(RegionLayout.data) are the least")
            return false
        }
        if header.header_length != UInt32(RegionLayout.page) { found("header: its length is \(header.header_length)") }
        guard Int(header.record_length) >= MemoryLayout<cl_record>.size, header.record_length <= 1024 else {
            found("header: records of \(header.record_length) bytes before the name")
            return false
        }
        if image.path != RegionName.path(baseID: header.base_id),
            image.path != RegionName.predecessorPath(baseID: header.base_id)
        {
            found("header: base id \(header.base_id) in \(image.path)")
        }
        if header.mutex_size != UInt32(CL_MUTEX_WORDS * 8) { found("header: a mutex of \(header.mutex_size) bytes") }
        if Int(header.segment_count) > RegionLayout.segments { found("header: \(header.segment_count) segments") }
        if Int(header.plane_count) > RegionLayout.planes { found("header: \(header.plane_count) planes") }
        if header.committed > UInt64(image.size) {
            found("header: \(header.committed) bytes are said to be there, the file has \(image.size)")
        }
        if header.value_count > UInt64(image.size) {
            found("header: \(header.value_count) values in \(image.size) bytes")
        }
        if header.hasPredecessor, header.predecessor >= header.generation {
            found("header: generation \(header.generation) with generation \(header.predecessor) before it")
        }
        if header.generation == 0 { found("header: generation 0") }
        return true
    }

    private mutating func checkSegments() {
        let segments = image.segments
        let header = image.header
        for (i, segment) in segments.enumerated() {
            let (page, pages) = (Int(segment.page), Int(segment.pages))
            guard pages > 0, page >= RegionLayout.dataPage,
                (page + pages) * RegionLayout.page <= image.size
            else {
                found("segment \(i): \(pages) pages at page \(page) of \(image.size / RegionLayout.page)")
                continue
            }
            if (page + pages) * RegionLayout.page > Int(clamping: header.committed) {
                found("segment \(i): it ends behind the \(header.committed) bytes that are committed")
            }
            guard let kind = SegmentKind(rawValue: segment.kind) else {
                found("segment \(i): kind \(segment.kind)")
                continue
            }
            // Behind the planes of threads are those of baselines and intervals.
            let isOfNoThread = Int(segment.plane) >= RegionLayout.planes && Int(segment.plane) < Int(CL_REGION_PLANES)
            guard kind == .log || segment.plane < header.plane_count || isOfNoThread else {
                found("segment \(i): plane \(segment.plane) of \(header.plane_count)")
                continue
            }
            switch kind {
            case .log: logs.append(segment)
            case .cells: cells[Int(segment.plane), default: []].append(segment)
            case .blocks: blocks[Int(segment.plane), default: []].append(segment)
            }
        }
        let order = segments.indices.sorted { (segments[$0].page, $0) < (segments[$1].page, $1) }
        for (one, next) in zip(order, order.dropFirst())
        where Int(segments[one].page) + Int(segments[one].pages) > Int(segments[next].page) {
            found("segments \(min(one, next)) and \(max(one, next)): they share pages")
        }
        checkRanges("name log", logs.map { (Int($0.first), Int($0.pages)) })
        for (plane, runs) in cells.sorted(by: { $0.key < $1.key }) {
            checkRanges("cells of plane \(plane)", runs.map { (Int($0.first), Int($0.pages)) })
        }
        for (plane, runs) in blocks.sorted(by: { $0.key < $1.key }) {
            checkRanges("blocks of plane \(plane)", runs.map { (Int($0.first), Self.blockCount($0)) })
        }
    }

    /// What the segments of one use hold must follow one another.
    private mutating func checkRanges(_ what: String, _ ranges: [(first: Int, count: Int)]) {
        var next = 0
        for range in ranges.sorted(by: { $0.first < $1.first }) {
            if range.first < next { found("\(what): \(range.first) is in two segments") }
            if range.first > next { found("\(what): \(next) to \(range.first - 1) is in no segment") }
            next = max(next, range.first + range.count)
        }
    }

    static func blockCount(_ segment: cl_segment) -> Int {
        Int(segment.pages) * RegionLayout.page / RegionLayout.blockBytes
    }

    private mutating func checkSlots() {
        let header = image.header
        var commits: [UInt64: Int] = [:]
        for index in 0..<RegionLayout.slots {
            let slot = image.slot(index)
            let isLive = image.isLocked[index]
            if slot.state > 1 { found("slot \(index): state \(slot.state)") }
            if SlotInfo.Role(rawValue: slot.role) == nil { found("slot \(index): role \(slot.role)") }
            if slot.path_length > UInt32(CL_SLOT_PATH) {
                found("slot \(index): a socket path of \(slot.path_length) bytes")
            }
            if isLive, slot.pid == 0 || slot.incarnation == 0 { found("slot \(index): held, and no process is named") }
            if slot.committed > header.commit_sequence {
                found("slot \(index): began to serve as number \(slot.committed) of \(header.commit_sequence)")
            }
            if slot.committed > 0, let other = commits.updateValue(index, forKey: slot.committed) {
                found("slots \(other) and \(index): both began to serve as number \(slot.committed)")
            }
        }
    }

    private mutating func checkPlanes() {
        for (index, plane) in image.planes.enumerated() {
            let slot = Int(plane.owner & 0xffff_ffff) - 1
            let incarnation = UInt32(plane.owner >> 32)
            if slot < 0 || slot >= RegionLayout.slots {
                found("plane \(index): owner \(String(plane.owner, radix: 16)) is no slot")
            } else if incarnation == 0 || incarnation > image.slot(slot).incarnation {
                found(
                    "plane \(index): incarnation \(incarnation) of slot \(slot), which is at \(image.slot(slot).incarnation)"
                )
            }
            let there = (blocks[index] ?? []).reduce(0) { $0 + Self.blockCount($1) }
            if Int(plane.blocks_used) > there { found("plane \(index): \(plane.blocks_used) blocks used of \(there)") }
        }
    }
}
