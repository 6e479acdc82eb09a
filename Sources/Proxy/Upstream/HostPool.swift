import CLinux

/// One host of a cluster in one worker: its idle connections, and the requests that wait for one.
struct HostPool: BitwiseCopyable {
    var address = cl_address()
    /// The endpoint's, or the name that it was resolved from; may be empty.
    var hostname = Bytes("")
    /// 0 is the highest.
    var priority: UInt32 = 0
    /// `Endpoint.labels`.
    var labels = Bytes("")
    /// Position of the cluster in the configuration.
    var cluster: Int32 = -1
    var weight: UInt32 = 1
    /// Most recently used first.
    var idleHead: Int32 = -1
    /// Streams that wait, oldest first.
    var pendingHead: Int32 = -1
    var pendingTail: Int32 = -1
    var pendingCount: Int32 = 0
    var connecting: Int32 = 0
    /// Connections in the list of `idleHead`.
    var idle: Int32 = 0
    /// Connections for TCP that were made ahead and that nobody has yet, those that are connected first.
    var spareHead: Int32 = -1
    var spares: Int32 = 0
    /// Not healthy as far as anybody knows. Known only of clusters that make connections ahead.
    var isUnwell = false
    /// All connections, idle and connecting ones included.
    var connections: Int32 = 0
    /// Streams whose last try it was and that wait for the next one: they name it, so it is not given away.
    var retrying: Int32 = 0
    /// No longer a member of the cluster: nothing new goes there.
    var isRemoved = false
    /// `Endpoint.isCanary`.
    var isCanary = false
    /// Of a cluster of type ORIGINAL_DST: it was chosen since the last look.
    var wasChosen = false
    /// Each of its connections belongs to one client, whose addresses it begins with.
    var isByClient = false
    /// Where its outcomes are counted (`HostCells`); nil: nowhere.
    var cells: UnsafeMutablePointer<UInt64>?
    /// How many requests it has (`HostLoad`); nil: nobody asks.
    var load: UnsafeMutablePointer<UInt64>?
    var isFree = true
}
