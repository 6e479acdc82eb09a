/// SplitMix64: the same seed gives the same plan.
struct Random: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &self) }
    mutating func within(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }
    /// Small ones are as likely as large ones: the number of bits is what is chosen.
    mutating func size(_ range: ClosedRange<Int>) -> Int {
        let bits = within(0...(Int.bitWidth - range.upperBound.leadingZeroBitCount))
        return min(max(within(0...((1 << bits) - 1)), range.lowerBound), range.upperBound)
    }
    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
}
