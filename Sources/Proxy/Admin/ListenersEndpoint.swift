import CLinux
import ProxyConfig
import Stats

/// `/listeners`: the listeners that are open and where.
enum ListenersEndpoint {
    static func answer(_ request: AdminRequest, _ context: any AdminContext) -> AdminResponse {
        let listeners = context.openListeners
        if request.query["format"] == "json" {
            return .json(JSON.object(["listener_statuses": .array(listeners.map(json))]).text)
        }
        return .text(
            listeners.flatMap { listener in
                listener.addresses.map { "\(listener.name)::\(SocketAddress.text($0))".visible + "\n" }
            }.joined())
    }

    private static func json(_ listener: (name: String, addresses: [cl_address])) -> JSON {
        var members: [JSON.Member] = [.init(name: "name", value: .string(listener.name))]
        let addresses = listener.addresses.map(ClustersEndpoint.address)
        if let first = addresses.first { members.append(.init(name: "local_address", value: first)) }
        if addresses.count > 1 {
            members.append(.init(name: "additional_local_addresses", value: .array(Array(addresses.dropFirst()))))
        }
        return .members(members)
    }
}
