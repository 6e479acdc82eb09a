import CLinux
import Glibc

/// What went wrong, in one line.
public struct Failure: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

/// A number with so many decimals.
public func fixed(_ value: Double, _ decimals: Int) -> String {
    guard value.isFinite else { return "–" }
    var buffer = [CChar](repeating: 0, count: 64)
    let count = withVaList([value]) { vsnprintf(&buffer, buffer.count, "%.\(decimals)f", $0) }
    return String(decoding: buffer.prefix(Int(max(0, min(count, 63)))).map(UInt8.init(bitPattern:)), as: UTF8.self)
}

/// The middle one, or the mean of the two in the middle; NaN of nothing.
public func median(_ values: [Double]) -> Double {
    guard !values.isEmpty else { return .nan }
    let sorted = values.sorted()
    let half = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}

public func say(_ text: String, to descriptor: Int32 = 1) {
    let bytes = Array((text + "\n").utf8)
    var from = 0
    while from < bytes.count {
        let n = bytes[from...].withUnsafeBytes { cl_write(descriptor, $0.baseAddress, $0.count) }
        if n <= 0 { return }
        from += Int(n)
    }
}

/// The whole of a file, nil where there is none.
public func contents(_ path: String) -> String? {
    let descriptor = cl_open(path, O_RDONLY, 0)
    guard descriptor >= 0 else { return nil }
    defer { _ = cl_close(descriptor) }
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
        let n = cl_read(descriptor, &buffer, buffer.count)
        if n <= 0 { break }
        all += buffer[..<Int(n)]
    }
    return String(decoding: all, as: UTF8.self)
}

public func writeFile(_ path: String, _ text: String) throws(Failure) {
    let descriptor = cl_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    guard descriptor >= 0 else {
        throw Failure("cannot write \(path): \(String(cString: strerror(-descriptor)))")
    }
    defer { _ = cl_close(descriptor) }
    let bytes = Array(text.utf8)
    var from = 0
    while from < bytes.count {
        let n = bytes[from...].withUnsafeBytes { cl_write(descriptor, $0.baseAddress, $0.count) }
        guard n > 0 else { throw Failure("cannot write \(path)") }
        from += Int(n)
    }
}

extension StringProtocol {
    /// The words, apart by blanks and tabs.
    public var words: [SubSequence] { split(whereSeparator: { $0 == " " || $0 == "\t" }) }
    public var lines: [SubSequence] { split(whereSeparator: { $0 == "\n" }) }
}

/// `name=value` pairs of a line.
public func pairs(_ line: some StringProtocol) -> [String: Double] {
    var found: [String: Double] = [:]
    for word in line.words {
        let parts = word.split(separator: "=", maxSplits: 1)
        if parts.count == 2, let value = Double(parts[1]) { found[String(parts[0])] = value }
    }
    return found
}

/// With the files in it, of which none is a folder.
public func removeFolder(_ path: String) {
    if let directory = opendir(path) {
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { unlink("\(path)/\(name)") }
        }
        closedir(directory)
    }
    rmdir(path)
}
