import CRE2

/// What RE2, Envoy's engine, has against a regular expression; nil if nothing.
func checkRegex(_ text: String) -> String? {
    var message = [CChar](repeating: 0, count: 256)
    var text = text
    let compiled = text.withUTF8 { bytes in
        bytes.withMemoryRebound(to: CChar.self) { cre2_compile($0.baseAddress, $0.count, &message, message.count) }
    }
    guard let compiled else {
        return String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    cre2_free(compiled)
    return nil
}
