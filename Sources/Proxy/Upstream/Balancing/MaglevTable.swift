extension HashTable {
    /// A Maglev table ("Maglev: A Fast and Reliable Software Network Load Balancer", 3.4), filled as Envoy does it: hosts take
    /// turns by weight, and each takes the next free place of its own order.
    ///
    /// - Parameter size: a prime number, so that each host's order comes to every place.
    static func maglev(_ list: [Member], size: UInt32) -> HashTable {
        guard !list.isEmpty else { return HashTable(hashes: nil, members: [], fewest: 0, most: 0) }
        let size = UInt64(size)
        // The order of the list is not to matter.
        var turns = zip(list, parts(list)).sorted {
            $0.0.key == $1.0.key ? $0.0.position < $1.0.position : $0.0.key.lexicographicallyPrecedes($1.0.key)
        }.map { Turn($0, weight: $1, size: size) }
        let heaviest = turns.reduce(0) { max($0, $1.weight) }
        var table = [Int32](repeating: -1, count: Int(size))
        var filled: UInt64 = 0
        var round = 1.0
        while filled < size {
            for i in turns.indices where filled < size {
                // Who has the most weight is in every round, who has half of it in every other.
                if round * turns[i].weight < turns[i].due { continue }
                turns[i].due += heaviest
                while table[Int(turns[i].place)] >= 0 { turns[i].advance(size) }
                table[Int(turns[i].place)] = turns[i].position
                turns[i].advance(size)
                turns[i].taken += 1
                filled += 1
            }
            round += 1
        }
        // As Envoy counts it: one host is all that there is.
        if turns.count == 1 { return HashTable(hashes: nil, members: table, fewest: 1, most: 1) }
        return HashTable(
            hashes: nil, members: table, fewest: turns.map(\.taken).min() ?? 0, most: turns.map(\.taken).max() ?? 0)
    }

    /// One host while the table is filled.
    private struct Turn {
        let position: Int32
        let weight: Double
        /// It has its turn when its weight times the round has come so far.
        var due = 0.0
        var place: UInt64
        let step: UInt64
        var taken = 0

        init(_ member: Member, weight: Double, size: UInt64) {
            position = member.position
            self.weight = weight
            let (first, second) = member.key.withUnsafeBufferPointer { bytes in
                let start = bytes.baseAddress ?? ("" as StaticString).utf8Start
                return (XXHash64.hash(start, bytes.count), XXHash64.hash(start, bytes.count, seed: 1))
            }
            place = first % size
            step = second % (size - 1) + 1
        }

        mutating func advance(_ size: UInt64) {
            place += step
            if place >= size { place -= size }
        }
    }
}
