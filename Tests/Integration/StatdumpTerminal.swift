import CLinux
import Glibc

/// A program on a terminal of its own, and what that terminal shows. Understands what full-screen programs of ours send:
/// cursor home, line ends, erasing, attributes, the alternate screen.
final class PseudoTerminal {
    let pid: pid_t
    private let master: Int32
    private(set) var width: Int
    private(set) var height: Int
    private var cells: [[Unicode.Scalar]]
    private var row = 0
    private var column = 0
    private var pending: [UInt8] = []
    /// Whether the alternate screen is shown, and how often it was entered.
    private(set) var isAlternate = false
    private(set) var entries = 0
    private(set) var isCursorShown = true
    /// Text that did not fit into its line.
    private(set) var overflows = 0
    private var status: Int32?

    init(_ path: String, _ arguments: [String], width: Int = 80, height: Int = 24) throws {
        master = cl_open("/dev/ptmx", O_RDWR | O_NOCTTY, 0)
        var number: UInt32 = 0
        var lock: Int32 = 0
        // TIOCSPTLCK and TIOCGPTN: what unlockpt(3) and ptsname(3) do, which Swift's Glibc does not show.
        guard master >= 0, ioctl(master, 0x4004_5431, &lock) == 0, ioctl(master, 0x8004_5430, &number) == 0 else {
            throw Failure.system("/dev/ptmx")
        }
        let slave = "/dev/pts/\(number)"
        (self.width, self.height) = (width, height)
        cells = Array(repeating: Array(repeating: " ", count: width), count: height)
        var size = winsize(ws_row: UInt16(height), ws_col: UInt16(width), ws_xpixel: 0, ws_ypixel: 0)
        guard ioctl(master, UInt(TIOCSWINSZ), &size) == 0 else { throw Failure.system("TIOCSWINSZ") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // The first terminal that a session leader opens becomes its own.
        posix_spawn_file_actions_addopen(&actions, 0, slave, O_RDWR, 0)
        posix_spawn_file_actions_adddup2(&actions, 0, 1)
        posix_spawn_file_actions_adddup2(&actions, 0, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        let setsid: Int32 = 0x80
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | setsid))
        let kept: [String] = ["PATH", "LD_LIBRARY_PATH"].compactMap { (name: String) -> String? in
            getenv(name).map { "\(name)=\(String(cString: $0))" }
        }
        var argv = ([path] + arguments).map { strdup($0) } + [nil]
        var envp = (kept + ["LANG=C.UTF-8", "TERM=xterm", "SWIFT_BACKTRACE=enable=no"]).map { strdup($0) } + [nil]
        defer { for text in argv + envp { free(text) } }
        var pid: pid_t = 0
        let rc = posix_spawn(&pid, path, &actions, &attributes, &argv, &envp)
        guard rc == 0 else { throw Failure.system("posix_spawn \(path)", rc) }
        self.pid = pid
        _ = fcntl(master, F_SETFL, O_NONBLOCK)
    }

    deinit {
        if status == nil {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
        close(master)
    }

    func press(_ keys: String) {
        let bytes = Array(keys.utf8)
        _ = cl_write(master, bytes, bytes.count)
    }

    func resize(width: Int, height: Int) {
        read()
        (self.width, self.height) = (width, height)
        cells = Array(repeating: Array(repeating: " ", count: width), count: height)
        var size = winsize(ws_row: UInt16(height), ws_col: UInt16(width), ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(master, UInt(TIOCSWINSZ), &size)
    }

    /// Whether input comes line by line and is echoed: how a shell wants to find its terminal.
    var isCooked: Bool {
        var state = termios()
        guard tcgetattr(master, &state) == 0 else { return false }
        return state.c_lflag & tcflag_t(ICANON) != 0 && state.c_lflag & tcflag_t(ECHO) != 0
    }

    /// The lines of the screen, without blanks at their ends.
    var lines: [String] {
        read()
        return cells.map { line in
            var text = String.UnicodeScalarView()
            text.append(contentsOf: line)
            var shown = String(text)
            while shown.last == " " { shown.removeLast() }
            return shown
        }
    }

    func wait(for what: String, _ condition: ([String]) -> Bool) throws {
        do {
            try waitUntil(what) { condition(lines) }
        } catch {
            throw Failure("\(error)\n\(lines.joined(separator: "\n"))")
        }
    }

    /// Ended, or stopped by a signal: the wait status; nil while it runs.
    func waitStatus(_ options: Int32 = WNOHANG | WUNTRACED) -> Int32? {
        read()
        var found: Int32 = 0
        guard waitpid(pid, &found, options) == pid else { return nil }
        // What it wrote last, between the reading above and its end.
        read()
        if cl_exited(found) || cl_signaled(found) { status = found }
        return found
    }

    private func read() {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let n = cl_read(master, &buffer, buffer.count)
            guard n > 0 else { return }
            pending += buffer[..<n]
            interpret()
        }
    }

    private func interpret() {
        var at = 0
        while at < pending.count {
            let byte = pending[at]
            if byte == 0x1b {
                guard let end = pending[(at + 1)...].dropFirst().firstIndex(where: { $0 >= 0x40 && $0 < 0x7f }) else {
                    break
                }
                control(String(decoding: pending[(at + 2)..<end], as: UTF8.self), pending[end])
                at = end + 1
                continue
            }
            let length = byte < 0x80 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
            guard at + length <= pending.count else { break }
            put(String(decoding: pending[at..<at + length], as: UTF8.self).unicodeScalars.first!)
            at += length
        }
        pending.removeFirst(at)
    }

    private func control(_ numbers: String, _ end: UInt8) {
        switch (numbers, Character(UnicodeScalar(end))) {
        case ("", "H"): (row, column) = (0, 0)
        case ("", "K"): for i in column..<max(width, column) { cells[row][i] = " " }
        case ("", "J"): for i in (row + 1)..<max(height, row + 1) { cells[i] = Array(repeating: " ", count: width) }
        case ("2", "J"): cells = Array(repeating: Array(repeating: " ", count: width), count: height)
        case ("?1049", "h"):
            isAlternate = true
            entries += 1
        case ("?1049", "l"): isAlternate = false
        case ("?25", "h"): isCursorShown = true
        case ("?25", "l"): isCursorShown = false
        default: break
        }
    }

    private func put(_ scalar: Unicode.Scalar) {
        switch scalar {
        case "\r": column = 0
        case "\n":
            if row < height - 1 { row += 1 } else { overflows += 1 }
        case _ where scalar.value < 32: break
        default:
            guard column < width, row < height else {
                overflows += 1
                return
            }
            cells[row][column] = scalar
            column += 1
        }
    }
}
