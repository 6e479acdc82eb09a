import StatCatalog

// `docs/stats.md`, on standard output. tools/gen-stats-doc puts it in its place.
print(StatCatalog.document, terminator: "")
