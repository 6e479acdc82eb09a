extension Decoder {
    /// `header_key_format` of `Http1ProtocolOptions`.
    func headerCase(_ options: Message) -> HeaderCase {
        guard let format = options["header_key_format"]?.message(.headerKeyFormat),
            let given = format.requireOne(of: ["proper_case_words", "stateful_formatter"])
        else { return [] }
        if format["proper_case_words"] != nil { return given.message(.properCaseWords) == nil ? [] : .proper }
        guard let formatter = given.message(.headerFormatter) else { return [] }
        _ = formatter.require("name")?.nonEmptyString()
        guard let fields = formatter.require("typed_config")?.extensionMessage([.preserveCase])?.message else {
            return []
        }
        var result: HeaderCase = .preserve
        if fields["forward_reason_phrase"]?.bool() ?? false { result.insert(.reason) }
        let others = fields["formatter_type_on_envoy_headers"]?.choice([
            ("DEFAULT", 0, false), ("PROPER_CASE", 1, true),
        ])
        if others ?? false { result.insert(.properOthers) }
        return result
    }
}
