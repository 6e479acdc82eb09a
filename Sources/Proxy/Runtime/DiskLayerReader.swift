import CLinux
import Glibc
import ProxyConfig

/// Reads a `disk_layer`: each file is a key, its path with dots for slashes, and its text without comment lines is the
/// value. Names that begin with a dot are passed over.
enum DiskLayerReader {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// As in Envoy.
    private static let deepest = 16
    /// Against a root that is not what was meant.
    private static let mostKeys = 100_000
    private static let largestFile = 1 << 20

    static func read(_ layer: DiskLayer, serviceCluster: String) throws(Failure) -> [String: RuntimeValue] {
        var path = layer.symlinkRoot
        if !layer.subdirectory.isEmpty { path += "/\(layer.subdirectory)" }
        if layer.appendServiceCluster { path += "/\(serviceCluster)" }
        var values: [String: RuntimeValue] = [:]
        // As in Envoy, a directory that is not there has no values.
        guard access(path, F_OK) == 0 else { return values }
        try walk(path, prefix: "", depth: 1, into: &values)
        return values
    }

    private static func walk(
        _ path: String, prefix: String, depth: Int, into values: inout [String: RuntimeValue]
    ) throws(Failure) {
        guard depth <= deepest else { throw Failure(description: "\(path): deeper than \(deepest) directories") }
        guard let directory = opendir(path) else { throw Failure(description: "\(path): \(SystemError.text(errno))") }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasPrefix(".") { continue }
            let (child, key) = ("\(path)/\(name)", prefix.isEmpty ? name : "\(prefix).\(name)")
            var status = stat()
            guard stat(child, &status) == 0 else { throw Failure(description: "\(child): \(SystemError.text(errno))") }
            switch status.st_mode & S_IFMT {
            case S_IFDIR: try walk(child, prefix: key, depth: depth + 1, into: &values)
            case S_IFREG:
                guard values.count < mostKeys else { throw Failure(description: "more than \(mostKeys) values") }
                values[key] = RuntimeValue(try text(child))
            default: throw Failure(description: "\(child): neither a file nor a directory")
            }
        }
    }

    /// Without lines that begin with `#`, and without white space at the end.
    private static func text(_ path: String) throws(Failure) -> String {
        let bytes: [UInt8]
        do {
            bytes = try InputFile.read(path, largest: largestFile)
        } catch {
            throw Failure(description: "\(path): \(error)")
        }
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        var kept = Array(lines.filter { $0.first != UInt8(ascii: "#") }.joined(separator: [UInt8(ascii: "\n")]))
        while let last = kept.last, last == 32 || (9...13).contains(last) { kept.removeLast() }
        return String(decoding: kept, as: UTF8.self)
    }
}
