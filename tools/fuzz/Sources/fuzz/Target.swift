import FuzzTargets
import Glibc
import ProxyFuzzing

/// libFuzzer calls this before it looks for inputs: seeds are there then.
@_cdecl("LLVMFuzzerInitialize")
public func prepare(_: UnsafeMutableRawPointer?, _: UnsafeMutableRawPointer?) -> CInt {
    _ = run
    return 0
}

/// And this with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    _ = run(UnsafeBufferPointer(start: bytes, count: count))
    return 0
}

nonisolated(unsafe) private let run: (UnsafeBufferPointer<UInt8>) -> String = {
    let variable = { (name: String) in getenv(name).map { String(cString: $0) } }
    let name = variable("FUZZ_TARGET") ?? ""
    do {
        if let target = ProxyFuzzTarget(rawValue: name) {
            if let directory = variable("FUZZ_SEEDS") { try target.writeSeeds(to: directory) }
            return try ProxyFuzzScene(target).run
        }
        let baseID = variable("FUZZ_BASE_ID").flatMap { UInt32($0) } ?? 3_500_000_000 &+ UInt32(getpid())
        if let target = FuzzTarget(rawValue: name) { return try FuzzScene(target, baseID: baseID).run }
    } catch {
        fatalError("\(error)")
    }
    let all = ProxyFuzzTarget.allCases.map(\.rawValue) + FuzzTarget.allCases.map(\.rawValue)
    fatalError("FUZZ_TARGET is none of \(all.joined(separator: " "))")
}()
