// Another process of `ListenerHandOver`'s, for its tests: takes over at a path, says what it is told to do, answers `child`
// to every connection, and stands still at a step: `hand-over-child <path> <step or -> <port>…`, with steps such as
// `before:storeCommitted`.
HandOverChild.run(Array(CommandLine.arguments.dropFirst()))
