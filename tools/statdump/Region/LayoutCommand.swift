import CLinux
import SharedMemory
import Stats

/// `--layout`: what is where in the file, as it says itself. Nothing is refused here; `--check` judges.
enum LayoutCommand {
    static func run(_ baseID: UInt32) throws(Failure) {
        do {
            let image = try RegionImage(baseID: baseID)
            try Output.write(text(image))
            guard let old = try image.predecessor() else { return }
            try Output.write("\n" + text(old))
        } catch let error as RegionError {
            throw Source.failure(error, baseID)
        } catch let error as Failure {
            throw error
        } catch {
            throw Failure("\(error)")
        }
    }

    static func text(_ image: RegionImage) -> String {
        (header(image) + slots(image) + segments(image) + planes(image)).map { $0.visible + "\n" }.joined()
    }

    private static func header(_ image: RegionImage) -> [String] {
        let header = image.header
        let boot = withUnsafeBytes(of: header.boot_id) { bytes in
            bytes.map { String(UInt16($0) + 0x100, radix: 16).dropFirst() }.joined()
        }
        let fields: [(String, String)] = [
            ("file", image.path),
            ("size", "\(image.size) bytes (\(Words.bytes(image.size)))"),
            ("owner", "uid \(image.status.uid), mode \(String(image.status.mode & 0o7777, radix: 8))"),
            ("magic", String(header.magic, radix: 16) + (header.magic == CL_REGION_MAGIC ? "" : " (no region's)")),
            ("layout", "\(header.layout_major).\(header.layout_minor)"),
            ("base id", "\(header.base_id)"),
            ("generation", "\(header.generation)" + before(header)),
            ("created", "\(Words.time(ns: header.created_ns)), boot \(boot), by uid \(header.uid)"),
            (
                "mutex",
                "\(header.mutex_size) bytes, tag \(String(header.mutex_tag, radix: 16)), last held by pid \(header.mutex_pid)"
            ),
            ("header", "\(header.header_length) bytes, a name record \(header.record_length) before its name"),
            ("committed", "\(header.committed) bytes"),
            ("names", "\(header.log_tail) bytes"),
            ("values", "\(header.value_count) cells in each plane"),
            ("starts", "\(header.process_starts), of which \(header.commit_sequence) came to serve"),
            ("repairs", "\(header.repairs)"),
            ("overflows", "\(header.overflows)"),
        ]
        return ["header"] + fields.map { "  \($0.0.padded(to: 11))\($0.1)" }
    }

    private static func before(_ header: cl_region_header) -> String {
        if header.hasPredecessor { return ", generation \(header.predecessor) counts as well" }
        return header.imported == 0 ? "" : ", generation \(header.imported) was taken over"
    }

    private static func slots(_ image: RegionImage) -> [String] {
        let used = (0..<RegionLayout.slots).filter { image.slot($0).state != 0 || image.isLocked[$0] }
        return ["", "slots: \(used.count) of \(RegionLayout.slots) used"]
            + used.map { index in
                let slot = image.slot(index)
                let role = SlotInfo.Role(rawValue: slot.role).map { "\($0)" } ?? "role \(slot.role)"
                let socket = image.socketPath(slot: index)
                return "  \("\(index)".padded(to: 4)) \(image.isLocked[index] ? "live" : "dead")  pid \(slot.pid)"
                    + "  epoch \(slot.epoch)  incarnation \(slot.incarnation)  \(role)"
                    + "  began \(Words.time(ns: slot.start_ns))"
                    + (slot.committed == 0 ? "  never served" : "  served as number \(slot.committed)")
                    + (socket.isEmpty ? "" : "  socket \(socket)")
            }
    }

    private static func segments(_ image: RegionImage) -> [String] {
        let segments = image.segments
        return ["", "segments: \(image.header.segment_count) of \(RegionLayout.segments) used"]
            + segments.enumerated().map { index, segment in
                let kind: String
                let unit: String
                switch SegmentKind(rawValue: segment.kind) {
                case .log: (kind, unit) = ("names", "from page \(segment.first) of the log")
                case .cells: (kind, unit) = ("cells", "plane \(segment.plane), from chunk \(segment.first)")
                case .blocks: (kind, unit) = ("blocks", "plane \(segment.plane), from block \(segment.first)")
                case nil: (kind, unit) = ("kind \(segment.kind)", "plane \(segment.plane), from \(segment.first)")
                }
                return
                    "  \("\(index)".padded(to: 4)) byte \("\(Int(segment.page) * RegionLayout.page)".padded(to: 10)) "
                    + "\("\(segment.pages)".rightAligned(to: 6)) pages  \(kind.padded(to: 6))  \(unit)"
            }
    }

    private static func planes(_ image: RegionImage) -> [String] {
        ["", "planes: \(image.header.plane_count) of \(RegionLayout.planes) used"]
            + image.planes.enumerated().map { index, plane in
                "  \("\(index)".padded(to: 4)) \(owner(plane.owner, image)), \(plane.blocks_used) histogram blocks used"
            }
    }

    private static func owner(_ word: UInt64, _ image: RegionImage) -> String {
        let index = Int(word & 0xffff_ffff) - 1
        let incarnation = UInt32(word >> 32)
        guard index >= 0, index < RegionLayout.slots else { return "nobody's" }
        let slot = image.slot(index)
        guard slot.incarnation == incarnation else { return "of a former process in slot \(index)" }
        return "of pid \(slot.pid) in slot \(index), \(image.isLocked[index] ? "live" : "dead")"
    }
}
