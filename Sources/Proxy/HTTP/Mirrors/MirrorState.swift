/// A copy of a request whose original is not complete yet, in the worker's slab for such. Copies of one request are a list.
struct MirrorState: BitwiseCopyable {
    /// Its own stream.
    var stream: Int32 = -1
    /// The one that it is a copy of.
    var original: Int32 = -1
    /// The next copy of the same request, -1: none.
    var next: Int32 = -1
}
