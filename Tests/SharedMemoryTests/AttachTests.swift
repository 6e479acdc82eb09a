import CLinux
import Glibc
import RegionTesting
import Testing
import ThreadTesting

@testable import SharedMemory

/// Creating, finding, refusing and replacing a region.
@Suite(.timeLimit(.minutes(Pace.minutes(1))))
struct AttachTests {
    @Test func theFirstStartCreates() throws {
        try withScratch { scratch in
            let (region, origin) = try scratch.attach()
            #expect(origin == .created)
            #expect(region.path == "/dev/shm/envoyd-\(scratch.baseID)")
            let header = region.header
            #expect(header.magic == CL_REGION_MAGIC)
            #expect(header.layout_major == 1 && header.generation == 1 && header.base_id == scratch.baseID)
            #expect(header.uid == geteuid() && header.mutex_tag == cl_mutex_tag())
            #expect(header.committed == 217088 && scratch.size == 217088)
            var status = cl_file_status()
            #expect(cl_stat(scratch.path, &status) == 0)
            #expect(status.mode & 0o7777 == 0o600 && status.links == 1)
            #expect(scratch.files() == ["", ".anchor"], "nothing temporary is left")
        }
    }

    @Test func theNextStartContinues() throws {
        try withScratch { scratch in
            let created = try scratch.attach().region.header.created_ns
            let inode = scratch.inode
            let (region, origin) = try scratch.attach()
            #expect(origin == .continued)
            #expect(scratch.inode == inode && region.header.created_ns == created)
        }
    }

    @Test func aResetStartsAfresh() throws {
        try withScratch { scratch in
            do { _ = try appendName("a", to: try scratch.member()) }
            let inode = scratch.inode
            // Another test may just be starting a program, which has a copy of the lock until it is executed.
            var attached: (region: SharedRegion, origin: SharedRegion.Origin)?
            let isFree = try reaches {
                do {
                    attached = try scratch.attach(reset: true)
                    return true
                } catch let error as RegionError where error.kind == .foreign {
                    return false
                }
            }
            try #require(isFree, "a lock of the dead process stays")
            let (region, origin) = try #require(attached)
            #expect(origin == .reset)
            #expect(scratch.inode != inode && region.header.generation == 2)
            #expect(region.header.log_tail == 0 && region.header.value_count == 0)
        }
    }

    @Test func aResetOfALiveRegionIsRefused() throws {
        try withScratch { scratch in
            let holder = try scratch.member()
            let inode = scratch.inode
            let error = try #require(throws: RegionError.self) { try scratch.attach(reset: true) }
            #expect(error.kind == .foreign)
            #expect(error.description.contains("to be reset, and a live process holds it"))
            #expect(scratch.inode == inode && holder.slot == 0)
        }
    }

    /// A header that can be over a directory that cannot.
    @Test func anImpossibleDirectoryIsReplaced() throws {
        try withScratch { scratch in
            _ = try scratch.attach()
            scratch.poke(\.segment_count, 1)
            let (region, origin) = try scratch.attach()
            #expect(origin == .replaced(reason: "a segment of 0 pages at page 0"))
            #expect(region.header.generation == 2 && region.header.segment_count == 0)
        }
    }

    /// What somebody else may have left under the region's name: replaced by a new generation when nobody holds it.
    enum Foreign: String, CaseIterable, Sendable {
        case magic, byteOrder, major, headerLength, recordLength, library, segments, planes, values, tail, cutShort

        func make(_ scratch: Scratch) {
            switch self {
            case .magic: scratch.poke(\.magic, 1)
            case .byteOrder: scratch.poke(\.byte_order, 0x0403_0201)
            case .major: scratch.poke(\.layout_major, 2)
            case .headerLength: scratch.poke(\.header_length, 8192)
            case .recordLength: scratch.poke(\.record_length, 8)
            case .library: scratch.poke(\.mutex_tag, 7)
            case .segments: scratch.poke(\.segment_count, 8193)
            case .planes: scratch.poke(\.plane_count, .max)
            case .values: scratch.poke(\.value_count, .max)
            case .tail: scratch.poke(\.log_tail, 1 << 63)
            case .cutShort: scratch.poke(\.committed, 217088 + 4096)
            }
        }

        var found: String {
            switch self {
            case .magic: "no region magic"
            case .byteOrder: "another byte order"
            case .major: "layout 2.0, this build has 1"
            case .headerLength: "header of 8192 and records of 24 bytes"
            case .recordLength: "header of 4096 and records of 8 bytes"
            case .library: "made by another C library"
            case .segments: "8193 segments and 0 planes"
            case .planes: "0 segments and 4294967295 planes"
            case .values: "18446744073709551615 values and 0 bytes of names in 217088 bytes"
            case .tail: "0 values and 9223372036854775808 bytes of names in 217088 bytes"
            case .cutShort: "cut short: 217088 of 221184 bytes"
            }
        }
    }

    @Test(arguments: Foreign.allCases)
    func aForeignOneIsReplaced(_ foreign: Foreign) throws {
        try withScratch { scratch in
            _ = try scratch.attach()
            foreign.make(scratch)
            let inode = scratch.inode
            let (region, origin) = try scratch.attach()
            #expect(origin == .replaced(reason: foreign.found))
            #expect(scratch.inode != inode)
            #expect(region.header.generation == (foreign == .magic ? 1 : 2))
            #expect(region.header.committed == 217088)
        }
    }

    @Test(arguments: Foreign.allCases)
    func aForeignOneThatLivesIsRefused(_ foreign: Foreign) throws {
        try withScratch { scratch in
            let holder = try scratch.member()
            foreign.make(scratch)
            let inode = scratch.inode
            let error = try #require(throws: RegionError.self) { try scratch.attach() }
            #expect(error.kind == .foreign)
            #expect(
                error.description
                    == "\(scratch.path): not a region of this build: \(foreign.found), and a live process holds it")
            #expect(scratch.inode == inode && holder.slot == 0)
        }
    }

    @Test(arguments: Foreign.allCases)
    func aReaderRefusesAForeignOne(_ foreign: Foreign) throws {
        try withScratch { scratch in
            _ = try scratch.attach()
            foreign.make(scratch)
            // Reading needs no mutex: another C library's region can be shown.
            if foreign == .library {
                #expect(throws: Never.self) { try scratch.reader() }
                return
            }
            let error = try #require(throws: RegionError.self) { try scratch.reader() }
            #expect(error.kind == .foreign)
            #expect(error.description.hasSuffix(foreign.found))
        }
    }

    /// What is not to be trusted at all: refused, never replaced.
    enum Untrusted: String, CaseIterable, Sendable {
        case mode, links, short, long, fifo, directory, symlink

        func make(_ scratch: Scratch) throws {
            _ = try scratch.attach()
            let path = scratch.path
            var done: Int32 = 0
            switch self {
            case .mode: done = chmod(path, 0o644)
            case .links: done = link(path, path + ".link")
            case .short: done = truncate(path, 45055)
            case .long: done = truncate(path, (1 << 32) + 1)
            case .fifo: done = unlink(path) | mkfifo(path, 0o600)
            case .directory: done = unlink(path) | mkdir(path, 0o700)
            case .symlink: done = rename(path, path + ".real") | Glibc.symlink(path + ".real", path)
            }
            #expect(done == 0)
        }

        /// The error for one who wants to write, and for one who reads.
        var expected: (writer: (RegionError.Kind, String), reader: (RegionError.Kind, String)?) {
            switch self {
            case .mode:
                let both = (RegionError.Kind.untrusted, "its mode is 644 instead of 600")
                return (both, both)
            case .links: return ((.untrusted, "it has 2 links instead of 1"), nil)
            case .short:
                let both = (RegionError.Kind.untrusted, "its size is 45055 bytes")
                return (both, both)
            case .long:
                let both = (RegionError.Kind.untrusted, "its size is 4294967297 bytes")
                return (both, both)
            case .fifo:
                let both = (RegionError.Kind.untrusted, "it is not a regular file")
                return (both, both)
            case .directory:
                return ((.system, "open: Is a directory"), (.untrusted, "it is not a regular file"))
            case .symlink:
                let both = (RegionError.Kind.system, "open: Too many levels of symbolic links")
                return (both, both)
            }
        }
    }

    @Test(arguments: Untrusted.allCases)
    func whatCannotBeTrustedIsRefused(_ untrusted: Untrusted) throws {
        try withScratch { scratch in
            try untrusted.make(scratch)
            let before = scratch.files()
            let expected = untrusted.expected
            let attaching = try #require(throws: RegionError.self) { try scratch.attach() }
            #expect(attaching.kind == expected.writer.0)
            #expect(attaching.description.hasSuffix(expected.writer.1))
            if let (kind, text) = expected.reader {
                let reading = try #require(throws: RegionError.self) { try scratch.reader() }
                #expect(reading.kind == kind)
                #expect(reading.description.hasSuffix(text))
            } else {
                #expect(throws: Never.self) { try scratch.reader() }
            }
            #expect(scratch.files() == before, "nothing was made or removed")
        }
    }

    @Test func anotherUsersRegionIsRefused() throws {
        // Only root can give a file away.
        guard geteuid() == 0 else { return }
        try withScratch { scratch in
            _ = try scratch.attach()
            #expect(chown(scratch.path, 12345, 12345) == 0)
            let error = try #require(throws: RegionError.self) { try scratch.attach() }
            #expect(error.kind == .untrusted)
            #expect(error.description.hasSuffix("it belongs to uid 12345, and this is uid 0"))
        }
    }

    @Test func aReaderOfNothingSaysSo() throws {
        try withScratch { scratch in
            let error = try #require(throws: RegionError.self) { try scratch.reader() }
            #expect(error.kind == .missing)
            #expect(scratch.files().isEmpty)
        }
    }

    @Test func onlyARegionThatNobodyHoldsIsRemoved() throws {
        try withScratch { scratch in
            let child = try scratch.spawn("member", "wait")
            try child.wait(for: "member")
            let anchor = try Anchor(baseID: scratch.baseID)
            let error = try #require(throws: RegionError.self) { try SharedRegion.remove(anchor) }
            #expect(error.kind == .busy)
            child.kill()
            try SharedRegion.remove(anchor)
            #expect(scratch.files() == [".anchor"])
            let missing = try #require(throws: RegionError.self) { try SharedRegion.remove(anchor) }
            #expect(missing.kind == .missing)
        }
    }

    @Test func existingRegionsAreListed() throws {
        try withScratch { scratch in
            #expect(!RegionName.existing().contains(scratch.baseID))
            _ = try scratch.attach()
            #expect(RegionName.existing().contains(scratch.baseID))
        }
    }
}
