// What the tests of the region do in another process: `region-child <base id> <operation>…`, see Script.swift.
Script.run(Array(CommandLine.arguments.dropFirst()))
