import Glibc
import Testing

/// What one test has to itself: a temporary directory, a base id, the programs that it starts.
final class Bed {
    let directory: String
    let baseID: UInt32
    private var programs: [Program] = []
    private var counter = 0
    /// Base ids that programs picked by themselves.
    var moreBaseIDs: [UInt32] = []

    fileprivate init() throws {
        var template = Array("/tmp/envoyd-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure.system("mkdtemp") }
        directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        var id: UInt32
        repeat { id = .random(in: 2_000_000_000...2_100_000_000) } while Files.exists("/dev/shm/envoyd-\(id)")
        baseID = id
    }

    /// A path in the directory.
    func path(_ name: String) -> String { "\(directory)/\(name)" }

    /// A path in the directory that no other call returns.
    func freshPath(_ name: String) -> String {
        counter += 1
        return path("\(counter).\(name)")
    }

    func file(_ name: String, _ text: String) throws -> String {
        let path = freshPath(name)
        try Files.write(path, text)
        return path
    }

    func run(_ path: String, _ arguments: [String], environment: [String] = []) throws -> Program {
        let program = try Program(path, arguments, environment: environment)
        programs.append(program)
        return program
    }

    /// What the programs said, for the report of a failure.
    fileprivate var logs: String {
        programs.map { program in
            "--- \(program), \(program.ending.map { "\($0)" } ?? "running")\n\(program.output)\(program.errors)"
        }.joined()
    }

    fileprivate func end() {
        for program in programs { program.signal(SIGKILL) }
        for program in programs {
            do { try program.waitForEnd() } catch { Issue.record("\(error)") }
        }
        for id in [baseID] + moreBaseIDs {
            let prefix = "envoyd-\(id)"
            for name in Files.names(in: "/dev/shm") where name == prefix || name.hasPrefix(prefix + ".") {
                unlink("/dev/shm/\(name)")
            }
        }
        Files.removeDirectory(directory)
    }
}

/// Runs `body` with a bed of its own; afterwards its programs are dead and its files gone, whatever happened.
func withBed(_ body: (Bed) throws -> Void) throws {
    let bed = try Bed()
    defer { bed.end() }
    do {
        try body(bed)
    } catch {
        throw Failure("\(error)\n\(bed.logs)")
    }
}
