/// Where bodies and formats come from that do not stand in the configuration (`envoy.config.core.v3.DataSource`).
public struct DataSources: Sendable {
    /// Why something cannot be read, as an error says it.
    public struct Failure: Error {
        public var reason: String
        public init(_ reason: String) { self.reason = reason }
    }

    /// The whole of a regular file.
    public var file: @Sendable (_ path: String) throws(Failure) -> [UInt8]
    /// The value of a variable of the environment; nil: it is not set.
    public var variable: @Sendable (_ name: String) -> [UInt8]?

    public init(
        file: @escaping @Sendable (_ path: String) throws(Failure) -> [UInt8],
        variable: @escaping @Sendable (_ name: String) -> [UInt8]?
    ) {
        self.file = file
        self.variable = variable
    }

    /// Nothing can be read.
    public static let none = DataSources(
        file: { (_) throws(Failure) in throw Failure("cannot be opened: there are no files here") },
        variable: { _ in nil })
}
