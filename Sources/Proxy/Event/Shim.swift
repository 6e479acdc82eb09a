import CLinux
import Glibc
import Synchronization
public struct SystemError: Error, CustomStringConvertible { public var call: String; public var code: Int32
  public init(call: String, code: Int32) { self.call = call; self.code = code }
  public var description: String { "\(call): \(Self.text(code))" }
  public static func text(_ code: Int32) -> String { String(cString: strerror(code)) } }
public final class MainMailbox: Sendable { public init() {}; let q = Mutex<[@Sendable () -> Void]>([]); public func post(_ f: @escaping @Sendable () -> Void) { q.withLock { $0.append(f) } }; public func run() { let t = q.withLock { let t = $0; $0 = []; return t }; for f in t { f() } } }
