/// A running `upstream`.
struct Upstream {
    let process: Program
    let name: String
    let port: UInt16
    private let countPath: String

    init(_ bed: Bed, name: String) throws {
        self.name = name
        let countPath = bed.freshPath("count")
        self.countPath = countPath
        let process = try bed.run(
            Binaries.path("upstream"), ["--port", "0", "--name", name, "--count-file", countPath])
        self.process = process
        port = try waitFor("address of \(name)") {
            let output = process.output
            guard output.hasSuffix("\n"), let text = output.split(separator: ":").last?.dropLast() else { return nil }
            return UInt16(text)
        }
    }

    /// What it answers to most requests.
    var hello: String { "hello from \(name)\n" }

    /// Requests that reached it.
    var count: Int {
        get throws {
            let response = try Client(port: port).get("/count")
            guard let count = Int(response.text.dropLast()) else { throw Failure("\(name): count \(response.text)") }
            return count
        }
    }
}

extension Bed {
    func upstream(_ name: String = "v1") throws -> Upstream { try Upstream(self, name: name) }
}
