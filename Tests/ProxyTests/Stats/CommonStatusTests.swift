import Testing

@testable import Proxy

@Suite struct CommonStatusTests {
    /// As a search through the list says, whatever a host may answer.
    @Test func positions() {
        for status in UInt16.min...UInt16.max {
            let expected = CommonStatus.codes.firstIndex(of: status) ?? -1
            guard CommonStatus.index(status) != expected else { continue }
            Issue.record("\(status): \(CommonStatus.index(status)), not \(expected)")
        }
    }
}
