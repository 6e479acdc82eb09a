import ProxyConfig
import Testing

@testable import Proxy

@Suite struct TunnelClustersTests {
    private static let place = SourceLocation(file: "f", line: 1, column: 1)

    private static func make(_ weights: [(String, UInt32)]) -> UnsafePointer<TunnelClusters>? {
        var proxy = TCPProxy(statPrefix: "p", cluster: "", clusterLocation: place)
        proxy.weights = weights.map { TCPProxy.Weight(cluster: $0.0, weight: $0.1) }
        return TunnelClusters.make(proxy, ClusterNames(["a", "b", "c"]))
    }

    @Test func oneClusterNeedsNoChoice() { #expect(Self.make([]) == nil) }

    @Test func eachHasItsShareOfTheNumbers() throws {
        let clusters = try #require(Self.make([("c", 1), ("a", 3)]))
        #expect((0..<9).map { clusters.pointee.choose($0) } == [2, 0, 0, 0, 2, 0, 0, 0, 2])
    }

    @Test func weightsMayBeLargeTogether() throws {
        let clusters = try #require(Self.make([("a", .max), ("b", .max), ("c", .max)]))
        let weight = UInt64(UInt32.max)
        for (number, cluster) in [
            (0, 0), (weight - 1, 0), (weight, 1), (2 * weight - 1, 1), (2 * weight, 2), (3 * weight - 1, 2),
            (3 * weight, 0),
        ] as [(UInt64, Int32)] {
            #expect(clusters.pointee.choose(number) == cluster)
        }
    }
}
