import CLinux
import Glibc

/// The terminal in raw mode with the alternate screen; nothing of it is left behind.
final class Terminal {
    private let output: Int32 = 1
    /// Where keys come from: standard input, or the terminal itself when that is something else.
    let input: Int32
    private let ownsInput: Bool
    private var before = termios()
    private var isEntered = false

    /// nil when there is no terminal to draw on.
    init?() {
        guard isatty(1) == 1 else { return nil }
        if isatty(0) == 1 {
            (input, ownsInput) = (0, false)
        } else {
            let fd = cl_open("/dev/tty", O_RDWR | O_NOCTTY, 0)
            guard fd >= 0 else { return nil }
            (input, ownsInput) = (fd, true)
        }
        guard tcgetattr(input, &before) == 0 else { return nil }
    }

    deinit {
        leave()
        if ownsInput { _ = cl_close(input) }
    }

    func enter() {
        var raw = before
        // Signals stay keys of the terminal: Ctrl-C and Ctrl-Z work as everywhere.
        raw.c_lflag &= ~tcflag_t(ICANON | ECHO)
        raw.c_iflag &= ~tcflag_t(IXON | ICRNL)
        tcsetattr(input, TCSANOW, &raw)
        isEntered = true
        // Alternate screen, no cursor, no wrapping at the right edge.
        send("\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l\u{1b}[2J")
    }

    func leave() {
        guard isEntered else { return }
        isEntered = false
        send("\u{1b}[0m\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l")
        tcsetattr(input, TCSADRAIN, &before)
    }

    /// Columns and lines; 80 by 24 when the terminal does not say.
    var size: (width: Int, height: Int) {
        var size = winsize()
        guard ioctl(output, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (80, 24) }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Whether the locale is one of UTF-8.
    static var isUnicode: Bool {
        for name in ["LC_ALL", "LC_CTYPE", "LANG"] {
            guard let value = getenv(name).map({ String(cString: $0) }), !value.isEmpty else { continue }
            let lower = value.lowercased()
            return lower.contains("utf-8") || lower.contains("utf8")
        }
        return false
    }

    /// In one write, line over line, so that nothing flickers.
    func draw(_ lines: [Screen.Line]) {
        var text = "\u{1b}[H"
        for (i, line) in lines.enumerated() {
            switch line.style {
            case .plain: text += line.text
            case .bold: text += "\u{1b}[1m\(line.text)\u{1b}[0m"
            case .reverse: text += "\u{1b}[7m\(line.text)\u{1b}[0m"
            case .dim: text += "\u{1b}[2m\(line.text)\u{1b}[0m"
            }
            text += i < lines.count - 1 ? "\u{1b}[K\r\n" : "\u{1b}[K\u{1b}[J"
        }
        send(text)
    }

    /// The keys that were pressed; nil when the terminal is gone.
    func keys() -> [Key]? {
        var bytes = [UInt8](repeating: 0, count: 256)
        let n = cl_read(input, &bytes, bytes.count)
        guard n > 0 else { return n == -Int(EAGAIN) ? [] : nil }
        return KeyParser.keys(Array(bytes[..<n]))
    }

    private func send(_ text: String) {
        // A terminal that is gone is noticed when its keys are read.
        do { try Output.write(Array(text.utf8)) } catch {}
    }
}
