import FuzzTargets
import Glibc

/// libFuzzer calls this with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    _ = scene.run(UnsafeBufferPointer(start: bytes, count: count))
    return 0
}

nonisolated(unsafe) private let scene: FuzzScene = {
    let variable = { (name: String) in getenv(name).map { String(cString: $0) } }
    guard let target = variable("FUZZ_TARGET").flatMap(FuzzTarget.init) else {
        fatalError("FUZZ_TARGET is none of \(FuzzTarget.allCases)")
    }
    let baseID = variable("FUZZ_BASE_ID").flatMap { UInt32($0) } ?? 3_500_000_000 &+ UInt32(getpid())
    do { return try FuzzScene(target, baseID: baseID) } catch { fatalError("\(error)") }
}()
