/// `envoy.config.core.v3.DataSource`.
extension Decoder {
    /// What a source has, and where the configuration names it; nil: an error has been reported.
    func data(_ value: Value) -> (bytes: [UInt8], value: Value)? {
        guard let message = value.message(.dataSource),
            let given = message.requireOne(of: ["inline_string", "filename", "inline_bytes", "environment_variable"])
        else { return nil }
        if message.has("inline_string") { return given.string().map { (Array($0.utf8), given) } }
        if message.has("inline_bytes") {
            guard let text = given.string() else { return nil }
            guard let bytes = Payload.base64(text) else {
                given.error("\(quoted(text)) is not base64")
                return nil
            }
            return (bytes, given)
        }
        // Envoy's rules.
        guard let name = given.nonEmptyString() else { return nil }
        if message.has("environment_variable") {
            guard let bytes = sources.variable(name) else {
                given.error("the environment has no variable \(quoted(name))")
                return nil
            }
            return (bytes, given)
        }
        do throws(DataSources.Failure) {
            return (try sources.file(name), given)
        } catch {
            given.error("\(quoted(name)) \(error.reason)")
            return nil
        }
    }
}
