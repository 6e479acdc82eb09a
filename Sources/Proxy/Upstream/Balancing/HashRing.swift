import ProxyConfig

extension HashTable {
    /// A ring (ketama): each host stands in many places of it, by its weight, and a request goes to the first one behind its
    /// hash. Sizes and places are Envoy's, to the last rounding; only where two hosts have the same place the first one of the
    /// list comes first here, and any in Envoy.
    static func ring(_ list: [Member], _ config: RingHash) -> HashTable {
        guard !list.isEmpty else { return HashTable(hashes: [], members: [], fewest: 0, most: 0) }
        let weights = parts(list)
        let least = weights.reduce(1, min)
        // So many places that the host with the least weight has a whole number of them.
        let scale = min((least * Double(config.minimumSize)).rounded(.up) / least, Double(config.maximumSize))
        var places: [(hash: UInt64, member: Int32, order: Int32)] = []
        places.reserveCapacity(Int(scale.rounded(.up)))
        var made = 0.0
        var wanted = 0.0
        var fewest = Int(scale.rounded(.up))
        var most = 0
        for (member, weight) in zip(list, weights) {
            wanted += scale * weight
            var text = member.key + [UInt8(ascii: "_")]
            let prefix = text.count
            var number = 0
            while made < wanted {
                text.removeSubrange(prefix...)
                text.append(contentsOf: String(number).utf8)
                places.append((hash(text, config.function), member.position, Int32(places.count)))
                number += 1
                made += 1
            }
            fewest = min(fewest, number)
            most = max(most, number)
        }
        places.sort { $0.hash != $1.hash ? $0.hash < $1.hash : $0.order < $1.order }
        return HashTable(
            hashes: places.map(\.hash), members: places.map(\.member), fewest: fewest, most: most,
            size: Int(scale.rounded(.up)))
    }

    private static func hash(_ text: [UInt8], _ function: RingHash.Function) -> UInt64 {
        text.withUnsafeBufferPointer { bytes in
            guard let start = bytes.baseAddress else { return 0 }
            switch function {
            case .xxHash: return XXHash64.hash(start, bytes.count)
            case .murmurHash2: return MurmurHash2.hash(start, bytes.count)
            }
        }
    }
}
