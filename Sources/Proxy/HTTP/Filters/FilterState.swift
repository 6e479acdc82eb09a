/// What a request keeps of filters while it waits for one, or as long as a fault is in force; in the worker's slab for such. Most
/// requests have none.
struct FilterState: BitwiseCopyable {
    /// CLOCK_MONOTONIC, nanoseconds: when it goes on; 0: it does not wait; `never`: something else lets it.
    var untilNs: UInt64 = 0
    static let never = UInt64.max
    /// Where the body begins in `Stream.buffer` (`Stream.Flags.gathered`).
    var bodyStart: UInt32 = 0
    /// It goes on when its body is complete, which may have so many bytes; 0: it does not wait for that.
    var mostBody: UInt64 = 0
    /// Where the filter stands for which it waits, in `http_filters`.
    var position: Int32 = 0
    /// Takes one of `max_active_faults`.
    var hasFault = false
    /// So many bytes at the end of `Stream.changes` are of filters that it has passed.
    var passedChanges: UInt32 = 0
    /// Came from another process: its route is looked for anew.
    var isAdopted = false
    /// In this process; nil: none.
    var route: UnsafePointer<CompiledRoute>?
    var filters: UnsafePointer<CompiledFilters>?
    /// What the route has chosen.
    var cluster: Int32 = -1
    /// Keeps the answer (`CompiledHealthCheck`); nil: nobody does.
    var healthCheck: UnsafePointer<CompiledHealthCheck>?
}
