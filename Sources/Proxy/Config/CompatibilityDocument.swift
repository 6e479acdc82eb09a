/// `docs/compatibility.md`: every field that the loader knows, and what becomes of it. Made from the tables that the loader
/// itself reads, so that it cannot be wrong.
public enum CompatibilityDocument {
    /// All tables; where Envoy has one message in several places, each place has its own.
    static let sections: [(title: String, schemas: [(schema: MessageSchema, place: String)])] = [
        (
            "Bootstrap",
            [
                (.bootstrap, ""), (.staticResources, ""), (.clusterManager, ""), (.node, ""), (.locality, ""),
                (.admin, ""), (.statsConfig, ""), (.tagSpecifier, ""), (.statsMatcher, ""), (.listStringMatcher, ""),
                (.histogramBucketSettings, ""), (.statsSink, ""), (.statsdSink, ""), (.dogStatsdSink, ""),
                (.layeredRuntime, ""), (.runtimeLayer, ""),
                (.diskLayer, ""), (.adminLayer, ""), (.fractionalPercent, ""), (.runtimeFraction, ""),
                (.runtimeFlag, ""),
                (.address, ""),
                (.socketAddress, ""), (.pipe, ""), (.dataSource, ""), (.transportSocket, ""), (.rawBuffer, ""),
            ]
        ),
        (
            "Resources from files",
            [
                (.dynamicResources, ""), (.configSource, ""), (.pathConfigSource, ""), (.watchedDirectory, ""),
                (.discoveryResponse, ""),
                (.discoveredResource, ""), (.rds, ""), (.edsClusterConfig, ""),
            ]
        ),
        (
            "Overload manager",
            [
                (.overloadManager, ""), (.resourceMonitor, ""), (.fixedHeap, ""), (.downstreamConnections, ""),
                (.overloadAction, ""), (.overloadTrigger, ""), (.thresholdTrigger, ""), (.scaledTrigger, ""),
            ]
        ),
        (
            "Listeners and filters",
            [
                (.listener, ""), (.socketOption, ""), (.tcpKeepalive, ""), (.listenerFilter, ""),
                (.originalDstFilter, ""), (.proxyProtocolFilter, ""), (.filterChain, ""),
                (.defaultFilterChain, "of `default_filter_chain`"), (.filterChainMatch, ""), (.addressRange, ""),
                (.networkFilter, ""), (.connectionLimit, ""), (.networkRateLimit, ""), (.tcpProxy, ""),
                (.tunnelClusters, ""),
                (.tunnelClusterWeight, ""), (.connectionHash, "of TCP proxies"),
                (.connectionHashSource, ""), (.echo, ""),
                (.networkDirectResponse, ""),
                (.httpConnectionManager, ""), (.httpUpgrade, ""), (.httpFilter, ""), (.router, ""),
                (.internalAddresses, ""),
                (.buffer, ""), (.bufferOfRoute, "of routes"), (.healthCheckFilter, ""),
                (.fault, ""), (.faultDelay, ""), (.headerDelay, ""), (.faultAbort, ""), (.headerAbort, ""), (.cors, ""),
                (.corsPolicy, "of routes"), (.localRateLimit, ""), (.tokenBucket, ""), (.httpStatus, ""),
                (.headerMutationFilter, ""), (.headerMutationOfRoute, "of routes"), (.mutations, ""),
                (.headerMutationRule, ""), (.filterConfig, "of routes"),
                (.localReplyConfig, ""), (.responseMapper, ""), (.replyFormat, "of answers"),
                (.downstreamHTTPOptions, "of listeners"), (.downstreamHTTP1Options, "of listeners"),
                (.headerKeyFormat, ""), (.properCaseWords, ""), (.headerFormatter, ""), (.preserveCase, ""),
                (.schemeTransformation, ""),
            ]
        ),
        (
            "Routes",
            [
                (.routeConfiguration, ""), (.virtualHost, ""), (.virtualCluster, ""), (.route, ""), (.routeMatch, ""),
                (.connectMatcher, ""),
                (.routeAction, ""), (.mirrorPolicy, ""),
                (.internalRedirectPolicy, ""), (.redirectPredicate, "of redirects"), (.previousRoutes, ""),
                (.allowListedRoutes, ""), (.safeCrossScheme, ""), (.maxStreamDuration, ""), (.routeUpgrade, ""),
                (.connectConfig, ""), (.directResponse, ""),
                (.redirect, ""), (.headerMatcher, ""), (.queryMatcher, ""), (.stringMatcher, ""), (.regexMatcher, ""),
                (.regexRewrite, ""), (.weightedCluster, ""), (.clusterWeight, ""),
                (.hashPolicy, ""), (.hashHeader, ""), (.hashCookie, ""), (.hashCookieAttribute, ""),
                (.hashConnection, ""), (.hashQuery, ""),
                (.retryPolicy, ""), (.retryBackOff, ""), (.retryHostPredicate, ""), (.previousHosts, ""),
                (.omitCanaryHosts, ""), (.omitHostMetadata, ""), (.retryPriority, ""),
                (.previousPriorities, ""), (.rateLimitedBackOff, ""), (.resetHeader, ""),
            ]
        ),
        (
            "Clusters",
            [
                (.cluster, ""), (.upstreamConnectionOptions, ""), (.bindConfig, ""), (.circuitBreakers, ""),
                (.thresholds, ""), (.retryBudget, ""), (.preconnectPolicy, ""),
                (.loadAssignment, ""), (.loadPolicy, ""),
                (.localityEndpoints, ""), (.lbEndpoint, ""), (.endpoint, ""), (.healthCheckConfig, ""),
                (.endpointMetadata, "of endpoints"), (.refreshRate, ""), (.commonLBConfig, ""), (.zoneAware, ""),
                (.localityWeighted, ""),
                (.consistentHashing, ""), (.percent, ""), (.leastRequestConfig, ""), (.roundRobinConfig, ""),
                (.slowStartConfig, ""), (.runtimeDouble, ""),
                (.ringHashConfig, ""),
                (.maglevConfig, ""), (.originalDst, ""), (.upstreamOptions, ""),
                (.upstreamHTTPOptions, "of clusters"), (.explicitHTTPConfig, ""),
                (.upstreamHTTP1Options, "of clusters"),
                (.healthCheck, ""), (.healthEventSink, "of health checks"), (.healthEventFile, ""),
                (.httpHealthCheck, ""), (.tcpHealthCheck, ""), (.healthCheckPayload, ""),
                (.headerValueOption, ""), (.headerValue, ""), (.int64Range, ""), (.outlierDetection, ""),
                (.upstreamProxyProtocol, ""), (.proxyProtocolConfig, ""),
            ]
        ),
        (
            "Access logs",
            [
                (.accessLogger, ""), (.fileLogger, ""), (.stdoutLogger, ""),
                (.stderrLogger, ""),
                (.substitutionFormat, ""), (.logFilter, ""), (.manyFilters, ""),
                (.statusCodeFilter, ""), (.durationFilter, ""), (.comparisonFilter, ""), (.runtimeNumber, ""),
                (.responseFlagFilter, ""), (.logRuntimeFilter, ""), (.logTypeFilter, ""),
                (.requestLogOptions, ""), (.tunnelLogOptions, ""), (.notHealthCheckFilter, ""), (.headerFilter, ""),
            ]
        ),
    ]

    /// The page.
    public static var text: String {
        var out = """
            # Compatibility with Envoy's configuration

            Written by `tools/gen-config-doc` from the tables that the loader reads: every field of the messages that it
            knows. A message or extension that is not here is refused, and so is a field that is not in its message. Nothing is
            ignored without a word: what is refused is reported at load with file, line, column and path, all of it at once.

            | | |
            |---|---|
            | yes | supported |
            | only … | these values, which ask for what is done anyway; any other is refused |
            | default | accepted with the value that it has without being given; any other is refused |
            | no effect | accepted with any value: there is nothing here that it could act on |
            | no | refused |


            """
        for section in sections {
            out += "## \(section.title)\n\n"
            for (schema, place) in section.schemas {
                out += "### `\(schema.name)`\(place.isEmpty ? "" : " \(place)")\n\n"
                out += table(schema)
            }
        }
        out.removeLast()
        return out
    }

    private static func table(_ schema: MessageSchema) -> String {
        let fields = schema.fieldNames.sorted()
        if fields.isEmpty { return "No fields.\n\n" }
        var out = "| field | |\n|---|---|\n"
        for field in fields {
            guard let rule = schema.rule(field) else { continue }
            out += "| `\(field)` | \(word(rule))\(schema.hint(field)) |\n"
        }
        return out + "\n"
    }

    private static func word(_ rule: MessageSchema.Rule) -> String {
        switch rule {
        case .supported: "yes"
        case .refused: "no"
        case .refusedUnlessDefault: "default"
        case .fixed(let values):
            "only " + values.map { $0.isEmpty ? "an empty text" : "`\($0)`" }.joined(separator: ", ")
        case .ignored: "no effect"
        }
    }
}
