import Glibc
import ProxyConfig

/// Sees when files of resources are replaced, as long as this process serves. Main thread.
final class FileWatch {
    private let changed: (FileSource) -> Void
    private let watcher: MoveWatcher
    private let warn: (String) -> Void
    private var known: Set<FileSource> = []
    /// Files that were replaced while another process served.
    private var missed: Set<FileSource> = []
    private var isPaused = false

    /// - Parameters:
    ///   - time: when the files were read (CLOCK_REALTIME): what has changed since is told at once.
    ///   - warn: told what will not be seen.
    init(
        _ sources: [FileSource], on watcher: MoveWatcher, readAt time: timespec, warn: @escaping (String) -> Void,
        _ changed: @escaping (FileSource) -> Void
    ) {
        self.changed = changed
        self.watcher = watcher
        self.warn = warn
        for source in sources { add(source, readAt: time) }
    }

    /// One more file, or one that somebody else has read as well.
    func add(_ source: FileSource, readAt time: timespec) {
        if known.insert(source).inserted { watch(source) }
        if source.hasChanged(since: time) { see(source) }
    }

    private func watch(_ source: FileSource) {
        do {
            if let directory = source.directory {
                try watcher.watch(directory: directory) { [weak self] in self?.see(source) }
            } else {
                try watcher.watch(path: source.path) { [weak self] in self?.see(source) }
            }
        } catch {
            warn("changes of \(source.path) will not be seen: \(error)")
        }
    }

    func pause() { isPaused = true }

    func resume() {
        isPaused = false
        let sources = missed
        missed = []
        for source in sources { changed(source) }
    }

    private func see(_ source: FileSource) { if isPaused { missed.insert(source) } else { changed(source) } }
}
