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
        for i in 1..<codes.count where codes[i] == status { return i }
        return -1
    }
}
