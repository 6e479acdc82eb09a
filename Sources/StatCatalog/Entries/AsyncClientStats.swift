/// `http.async-client.` counters.
public enum AsyncClientCounter: Int, CounterNames {
    public typealias Scope = AsyncClientScope

    case rq_total

    public var entry: StatEntry {
        switch self {
        case .rq_total: StatEntry("Copies of requests that were sent (`request_mirror_policies`), of all listeners.")
        }
    }
}
