import ProxyConfig
import Testing

@testable import Proxy

/// Which filters a route has, and what they do there.
@Suite struct FilterCompilerTests {
    private static let place = SourceLocation(file: "", line: 1, column: 1)

    private static func compiler(_ filters: [HTTPFilter], shares: RuntimeShares = RuntimeShares()) -> FilterCompiler {
        FilterCompiler(filters, context(shares))
    }

    private static func context(_ shares: RuntimeShares = RuntimeShares()) -> FilterContext {
        let active = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
        active.initialize(to: 0)
        return FilterContext(
            listener: "l", clusters: ClusterNames(["a", "b"]), shares: shares, activeFaults: active,
            limits: RateLimitTable(), memberships: ClusterMemberships(), localCluster: Bytes("here"))
    }

    private static func fault(_ status: UInt16) -> HTTPFilterConfig {
        var fault = HTTPFault()
        fault.abort = HTTPFault.Abort(status: status)
        fault.abort?.percentage = FractionalPercent(100)
        return .fault(fault)
    }

    private static func said(_ name: String, _ action: FilterOverride.Action) -> FilterOverride {
        FilterOverride(name: name, action: action, location: place)
    }

    private static func statuses(_ filters: UnsafePointer<CompiledFilters>?) -> [UInt16?] {
        guard let filters else { return [] }
        return (0..<filters.pointee.count).map { i in
            guard case .fault(let fault) = filters.pointee.filters[i].action else { return nil }
            return fault.pointee.abortStatus(RoutedRequest(), random: 0)
        }
    }

    @Test func theMostSpecificLevelCounts() {
        let compiler = Self.compiler([
            HTTPFilter(name: "a", config: Self.fault(501)),
            HTTPFilter(name: "b", isDisabled: true, config: Self.fault(502)),
        ])
        let host: FilterCompiler.Level = (
            "host", [Self.said("a", .disable), Self.said("b", .configure(Self.fault(503)))]
        )
        func route(_ said: [FilterOverride]) -> [FilterCompiler.Level] { [("route", said), host] }
        #expect(Self.statuses(compiler.compile([])) == [501])
        #expect(Self.statuses(compiler.compile([host])) == [503])
        #expect(Self.statuses(compiler.compile(route([Self.said("a", .enable)]))) == [501, 503])
        #expect(Self.statuses(compiler.compile(route([Self.said("b", .disable)]))) == [])
        #expect(compiler.compile(route([Self.said("b", .disable)])) == nil)
    }

    /// A filter that does nothing costs nothing.
    @Test func whatDoesNothingIsLeftOut() {
        let idle = Self.compiler([
            HTTPFilter(name: "a", config: .fault(HTTPFault())), HTTPFilter(name: "b", config: .cors(CORSPolicy())),
            HTTPFilter(name: "c", config: .headerMutation(HeaderMutation())),
        ])
        #expect(idle.compile([]) == nil)
    }

    /// Routes that say nothing share the bucket of their virtual host.
    @Test func aBucketIsOfTheLevelThatNamesIt() {
        var limit = LocalRateLimit(statPrefix: "s")
        limit.bucket = .init(maxTokens: 1, tokensPerFill: 1, fillIntervalMs: 1000)
        let compiler = Self.compiler([HTTPFilter(name: "a", config: .localRateLimit(limit))])
        let host: FilterCompiler.Level = ("host", [Self.said("a", .configure(.localRateLimit(limit)))])
        func word(_ levels: [FilterCompiler.Level]) -> UnsafeMutablePointer<UInt64>? {
            guard let filters = compiler.compile(levels),
                case .localRateLimit(let found) = filters.pointee.filters[0].action
            else { return nil }
            return found.pointee.bucket.word
        }
        #expect(word([host]) == word([("route", []), host]))
        #expect(word([host]) != word([]) && word([]) == word([("other", [])]))
    }

    @Test func theRuntimeChangesFaults() throws {
        let shares = RuntimeShares()
        var fault = HTTPFault()
        fault.abort = HTTPFault.Abort(status: 503)
        fault.abort?.percentage = FractionalPercent(0)
        fault.delay = HTTPFault.Delay(fixedMs: 5)
        fault.delay?.percentage = FractionalPercent(100)
        let compiled = try #require(CompiledFault(fault, Self.context(shares)))
        let request = RoutedRequest()
        #expect(compiled.abortStatus(request, random: 7) == nil)
        #expect(compiled.delayNs(request, random: 7) == 5_000_000)
        let values = [
            "fault.http.abort.abort_percent": "100", "fault.http.abort.http_status": "418",
            "fault.http.delay.fixed_duration_ms": "7",
        ]
        shares.update { key in values[key].map { RuntimeValue($0) } }
        #expect(compiled.abortStatus(request, random: 7) == 418)
        #expect(compiled.delayNs(request, random: 7) == 7_000_000)
        shares.update { key in key == "fault.http.delay.fixed_delay_percent" ? RuntimeValue("0") : nil }
        #expect(compiled.abortStatus(request, random: 7) == nil && compiled.delayNs(request, random: 7) == nil)
    }

    @Test func noMoreFaultsThanMayBe() throws {
        var fault = HTTPFault()
        fault.abort = HTTPFault.Abort(status: 503)
        fault.maxActiveFaults = 1
        let compiled = try #require(CompiledFault(fault, Self.context()))
        #expect(compiled.begin() && !compiled.begin())
    }

    @Test func policiesOfOriginsAreJoined() throws {
        var (route, host) = (CORSPolicy(), CORSPolicy())
        route.exposeHeaders = "x"
        host.origins = [.init(match: .exact("http://a"))]
        host.methods = "GET"
        host.allowsCredentials = true
        let found = try #require(CompiledCORS([route, host], Self.context()))
        #expect(found.methods.string == "GET" && found.exposeHeaders.string == "x" && found.allowsCredentials)
        #expect(found.allows(Bytes("http://a")) && !found.allows(Bytes("http://b")))
        host.origins.append(.init(match: .exact("*")))
        #expect(try #require(CompiledCORS([route, host], Self.context())).allows(Bytes("http://b")))
    }
}
