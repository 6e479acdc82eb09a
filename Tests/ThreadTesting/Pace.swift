import Glibc

/// How much slower than usual the tests run: under a sanitizer, many times (tools/test-sanitized sets `TEST_SLOWNESS`).
public enum Pace {
    /// 1 in an ordinary run. Time limits are multiplied with it.
    public static let slowness: Double = {
        guard let text = getenv("TEST_SLOWNESS"), let value = Double(String(cString: text)) else { return 1 }
        return max(value, 1)
    }()

    /// A time limit of a test.
    public static func minutes(_ count: Int) -> Int { Int((Double(count) * slowness).rounded(.up)) }
}
