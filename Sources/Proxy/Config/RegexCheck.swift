import CRE2

/// What RE2, Envoy's engine, has against a regular expression; nil if nothing.
///
/// - Parameter substitution: what its matches are replaced by, if they are.
func checkRegex(_ text: String, substitution: String? = nil) -> String? {
    var message = [CChar](repeating: 0, count: 256)
    var text = text
    let compiled = text.withUTF8 { bytes in
        bytes.withMemoryRebound(to: CChar.self) { cre2_compile($0.baseAddress, $0.count, &message, message.count) }
    }
    defer { if let compiled { cre2_free(compiled) } }
    var isRight = compiled != nil
    if let compiled, var substitution {
        isRight = substitution.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                cre2_check_substitution(compiled, $0.baseAddress, $0.count, &message, message.count) != 0
            }
        }
    }
    if isRight { return nil }
    return String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
