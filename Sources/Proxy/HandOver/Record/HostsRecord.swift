import CLinux

/// What names have resolved to: the state record "hosts", so that a new process need not wait for DNS.
struct HostsRecord: Equatable {
    struct Name: Equatable {
        var cluster: String
        var host: String
        var port: UInt16
        var addresses: [cl_address]

        static func == (a: Name, b: Name) -> Bool {
            a.cluster == b.cluster && a.host == b.host && a.port == b.port
                && a.addresses.elementsEqual(b.addresses) { SocketAddress.equal($0, $1) }
        }
    }
    static let name = "hosts"
    var names: [Name] = []

    private enum Tag {
        static let name: UInt32 = 1, cluster: UInt32 = 1, host: UInt32 = 2, port: UInt32 = 3, address: UInt32 = 4
    }

    init() {}

    func encoded() -> [UInt8] {
        var out = RecordWriter(capacity: 4096)
        for name in names {
            let start = out.begin(Tag.name)
            out.text(Tag.cluster, name.cluster)
            out.text(Tag.host, name.host)
            out.number(Tag.port, UInt64(name.port))
            for var address in name.addresses {
                withUnsafePointer(to: &address) { AddressRecord.write($0, Tag.address, into: &out) }
            }
            out.end(start)
        }
        return Array(out.bytes)
    }

    init(_ bytes: [UInt8]) throws(RecordError) {
        let result = bytes.withUnsafeBufferPointer { buffer -> Result<[Name], RecordError> in
            guard let base = buffer.baseAddress else { return .success([]) }
            do throws(RecordError) {
                var names: [Name] = []
                var reader = RecordReader(base, buffer.count)
                while let field = try reader.field() {
                    if field.number == Tag.name { names.append(try Self.name(field)) }
                }
                return .success(names)
            } catch {
                return .failure(error)
            }
        }
        names = try result.get()
    }

    private static func name(_ field: RecordReader.Field) throws(RecordError) -> Name {
        var name = Name(cluster: "", host: "", port: 0, addresses: [])
        guard var reader = RecordReader(try field.content()) else { return name }
        while let field = try reader.field() {
            switch field.number {
            case Tag.cluster: name.cluster = try field.text()
            case Tag.host: name.host = try field.text()
            case Tag.port: name.port = try field.number()
            case Tag.address: name.addresses.append(try AddressRecord.read(field))
            default: break
            }
        }
        return name
    }
}
