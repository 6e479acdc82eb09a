/// The status codes whose `upstream_rq_<code>` cells exist from the start; any other is made by the main thread when a
/// worker first meets it.
enum CommonStatus {
    static let codes: [UInt16] = [
        200, 101, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 408, 409, 413, 429, 500,
        502, 503, 504,
    ]
    /// The position of a code in `codes`, -1 for a rare one.
    static func index(_ status: UInt16) -> Int {
        if status == 200 { return 0 }
        return status < end ? Int(positions[Int(status)]) : -1
    }

    private static let end: UInt16 = 600
    /// By code. Not an array: looking into one counts references. Never changed or freed.
    nonisolated(unsafe) private static let positions: UnsafePointer<Int8> = {
        let table = UnsafeMutablePointer<Int8>.allocate(capacity: Int(end))
        table.initialize(repeating: -1, count: Int(end))
        for (position, code) in codes.enumerated() { table[Int(code)] = Int8(position) }
        return UnsafePointer(table)
    }()
}
