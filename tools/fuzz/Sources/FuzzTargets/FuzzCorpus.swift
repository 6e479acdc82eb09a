import CLinux
import Glibc

/// The inputs in the tree.
public enum FuzzCorpus {
    /// Those of a target, by name.
    ///
    /// - Parameter root: where the tree is.
    public static func inputs(of target: String, inTree root: String) -> [(name: String, bytes: [UInt8])] {
        files(in: "\(root)/tools/fuzz/corpus/\(target)")
    }

    /// All files of a directory, by name; those that cannot be read are left out.
    public static func files(in directory: String) -> [(name: String, bytes: [UInt8])] {
        guard let entries = opendir(directory) else { return [] }
        defer { closedir(entries) }
        var found: [(name: String, bytes: [UInt8])] = []
        while let entry = readdir(entries) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard !name.hasPrefix("."), let bytes = read("\(directory)/\(name)") else { continue }
            found.append((name, bytes))
        }
        return found.sorted { $0.name < $1.name }
    }

    private static func read(_ path: String) -> [UInt8]? {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = Glibc.read(fd, &bytes, bytes.count)
        return count >= 0 ? Array(bytes.prefix(count)) : nil
    }
}
