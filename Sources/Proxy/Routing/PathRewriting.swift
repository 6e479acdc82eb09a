import Glibc
import ProxyConfig

/// How a path is written anew, compiled.
struct CompiledRewrite: BitwiseCopyable {
    /// In place of what the route matched; with an expression what its matches become.
    private let text: Bytes
    private let regex: Regex?

    init(_ rewrite: PathRewrite) {
        switch rewrite {
        case .prefix(let text):
            self.text = Bytes(keeping: text)
            regex = nil
        case .regex(let rewrite):
            text = Bytes(keeping: rewrite.substitution)
            regex = Regex(rewrite.pattern)
        }
    }

    /// Appends the new path; the query is the caller's.
    ///
    /// - Parameters:
    ///   - path: the target without its query.
    ///   - matched: so much of it did the route match.
    func write(_ path: Bytes, matched: Int, to out: OutputScratch) {
        if let regex { return regex.replace(path, by: text, to: out) }
        out.append(text)
        out.append(path.start + matched, path.count - matched)
    }
}

/// `redirect`, compiled: where to.
struct CompiledRedirect: BitwiseCopyable {
    private let scheme: Bytes?
    private let host: Bytes?
    /// With its colon.
    private let port: Bytes
    private let path: Bytes?
    private let pathHasQuery: Bool
    private let rewrite: CompiledRewrite?
    private let stripsQuery: Bool
    private let keepsPort: Bool

    init(_ redirect: Redirect) {
        scheme = redirect.scheme.map { Bytes(keeping: $0) }
        host = redirect.host.map { Bytes(keeping: $0) }
        port = Bytes(keeping: redirect.port.map { ":\($0)" } ?? "")
        path = redirect.path.map { Bytes(keeping: $0) }
        pathHasQuery = redirect.path?.contains("?") ?? false
        rewrite = redirect.rewrite.map { CompiledRewrite($0) }
        stripsQuery = redirect.stripsQuery
        keepsPort = redirect.keepsPort
    }

    /// Appends the whole URL.
    ///
    /// - Parameter matched: so much of the path did the route match.
    func write(_ request: RoutedRequest, matched: Int, to out: OutputScratch) {
        let scheme = scheme ?? request.scheme
        out.append(scheme)
        out.append("://")
        out.append(
            host ?? (keepsPort ? request.authority : withoutPort(request.authority, scheme: scheme, request.scheme)))
        out.append(port)
        let target = request.target ?? Bytes("/")
        if let path {
            out.append(path)
            if pathHasQuery { return }
        } else if let rewrite {
            rewrite.write(request.path, matched: matched, to: out)
        } else {
            out.append(target.start, min(request.path.count, target.count))
        }
        if !stripsQuery, target.count > request.path.count {
            out.append(target.start + request.path.count, target.count - request.path.count)
        }
    }

    /// The port goes where another one is given, or where it was the default of a scheme that is not any more.
    private func withoutPort(_ authority: Bytes, scheme: Bytes, _ before: Bytes) -> Bytes {
        var colon = authority.count - 1
        while colon >= 0, authority.start[colon] != UInt8(ascii: ":") { colon -= 1 }
        // An IPv6 address has colons inside of its brackets.
        let isAddress = authority.count > 0 && authority.start[0] == UInt8(ascii: "[")
        if colon < 0 || isAddress && (colon == 0 || authority.start[colon - 1] != UInt8(ascii: "]")) {
            return authority
        }
        let old = Bytes(authority.start + colon, authority.count - colon)
        let isOther = !(scheme.count == before.count && memcmp(scheme.start, before.start, scheme.count) == 0)
        let isDefault =
            before.isFolded("https") && old.isFolded(":443") || before.isFolded("http") && old.isFolded(":80")
        return port.count > 0 || isOther && isDefault ? Bytes(authority.start, colon) : authority
    }
}
