import CLinux
import Glibc
import ProxyConfig

extension DataSources {
    /// Files as this process sees them, and its environment.
    static let process = DataSources(
        file: { (path) throws(Failure) in
            // Of a pipe or a device nobody knows when it ends, or whether.
            var status = stat()
            guard stat(path, &status) == 0 else {
                throw Failure(SystemError(call: "cannot be opened", code: errno).description)
            }
            guard status.st_mode & S_IFMT == S_IFREG else { throw Failure("is no regular file") }
            do throws(SystemError) { return try InputFile.read(path) } catch { throw Failure(error.description) }
        },
        variable: { name in getenv(name).map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) } })
}
