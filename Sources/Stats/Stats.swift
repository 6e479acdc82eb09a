public struct StatID: Hashable, Sendable { let index: Int }
public struct StatFlags: OptionSet, Sendable { public let rawValue: UInt32; public init(rawValue: UInt32) { self.rawValue = rawValue }; public static let hiddenWhenZero = StatFlags(rawValue: 1) }
public enum GaugeImport: Sendable { case accumulate, neverImport }
public enum StatUnit: Sendable { case milliseconds, bytes, unspecified }
public struct Counter: BitwiseCopyable { let p: UnsafeMutablePointer<UInt64>; public func add(_ n: UInt64) { p.pointee &+= n }; public func increment() { add(1) } }
public struct Gauge: BitwiseCopyable { let p: UnsafeMutablePointer<UInt64>; public func add(_ n: UInt64) { p.pointee &+= n }; public func sub(_ n: UInt64) { p.pointee &-= n }; public func set(_ n: UInt64) { p.pointee = n } }
public struct Histogram: BitwiseCopyable { let p: UnsafeMutablePointer<UInt64>; public func record(_ n: UInt64) { p.pointee &+= 1 } }
public final class StatsWriter { var cells: [Int: UnsafeMutablePointer<UInt64>] = [:]
  func cell(_ id: StatID) -> UnsafeMutablePointer<UInt64> { if let c = cells[id.index] { return c }; let c = UnsafeMutablePointer<UInt64>.allocate(capacity: 1); c.initialize(to: 0); cells[id.index] = c; return c }
  public func counter(_ id: StatID) -> Counter { Counter(p: cell(id)) }
  public func gauge(_ id: StatID) -> Gauge { Gauge(p: cell(id)) }
  public func histogram(_ id: StatID) -> Histogram { Histogram(p: cell(id)) } }
public final class StatsStore { public var names: [String: Int] = [:]; public init() {}; public var writers: [StatsWriter] = []
  func id(_ n: String) -> StatID { if let i = names[n] { return StatID(index: i) }; names[n] = names.count; return StatID(index: names.count - 1) }
  public static func heapOnly() -> StatsStore { StatsStore() }
  public func counter(_ n: String, flags: StatFlags = []) -> StatID { id(n) }
  public func gauge(_ n: String, import: GaugeImport, flags: StatFlags = []) -> StatID { id(n) }
  public func histogram(_ n: String, unit: StatUnit, flags: StatFlags = []) -> StatID { id(n) }
  public func makeWriter() -> StatsWriter { let w = StatsWriter(); writers.append(w); return w }
  public func value(_ n: String) -> UInt64 { guard let i = names[n] else { return 0 }; return writers.reduce(0) { $0 &+ ($1.cells[i]?.pointee ?? 0) } } }
