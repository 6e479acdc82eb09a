import ProxyConfig

// `docs/compatibility.md`, on standard output. tools/gen-config-doc puts it in its place.
print(CompatibilityDocument.text, terminator: "")
