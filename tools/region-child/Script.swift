import CLinux
import Glibc
import SharedMemory
import Stats

/// Runs the operations on the command line one after the other. What it says on standard output has happened before.
///
///     die:point[:n]          from now on dies of SIGKILL when it comes to that `FaultPoint` the n-th time (1)
///     anchor                 takes the start-up lock and keeps it; says `anchor`
///     member[:epoch[:path]]  attaches and claims a slot; says `member <slot> <incarnation>`
///     rebuild, fresh         the same, rebuilding where there is a reason, or beginning afresh; say `origin <how>` first
///     commit                 serves from now on
///     serve                  the same, and keeps what was counted before
///     standby                holds its listeners only
///     counter:name:n         adds n
///     names:prefix:n         adds 1 to each of `prefix.0` … `prefix.<n-1>`
///     batch:prefix:n         the same, made by a template at once
///     batches:prefix:n:from  adds 1 to each of `prefix.<i>.0` … `prefix.<i>.19`, a template for each i below n, in turn from `from`
///     gauge:name:n           sets an accumulating gauge
///     never:name:n           sets a never-import gauge
///     histogram:name:n,n…    reserves blocks and records the values
///     text:name:text         sets a text readout
///     texts:name             sets it to one text after the other until its standard input ends; says `writing`
///     tick:name              adds 1 over and over until its standard input ends; says `ticking`, at the end `total <n>`
///     hammer:threads:names[:journal[:steps]]  see Hammer.swift; the journal is the region's file name with that ending
///     reset                  sets all counters to zero; says `reset`
///     wreck                  makes the mutex unrecoverable after its owner was killed; says `wrecked`
///     value:name             says `value <n>` as a snapshot of this process has it
///     snapshot               says all of it as text, then `end`
///     limit:bytes            no file may grow beyond that from now on
///     memory                 tells when the file was cut short; says `pages <n>`, those that had to be replaced
///     mutex                  says `mutex` while it holds the region's mutex, and keeps it
///     count:names            counts in that many names until it is killed; says `<name>` after each
///     say:text               says it
///     dump                   says the region's bytes as a fixture, see docs/region.md
///     complaints             says `complaints <n>`, how often it had trouble
///     go                     waits for a byte on its standard input
///     wait                   waits until its standard input ends
final class Script {
    let baseID: UInt32
    private var anchor: Anchor?
    private var region: SharedRegion?
    private var complaints = 0
    private var parts: (store: StatsStore, writer: StatsWriter)?

    static func run(_ arguments: [String]) {
        guard let first = arguments.first, let baseID = UInt32(first) else { fail("usage: region-child <base id> …") }
        let script = Script(baseID: baseID)
        for operation in arguments.dropFirst() {
            do {
                try script.perform(operation.split(separator: ":").map(String.init))
            } catch {
                fail("\(operation): \(error)")
            }
        }
    }

    private init(baseID: UInt32) { self.baseID = baseID }

    /// Adds 1 to each counter of a template whose names are the numbers up to `count`.
    private func increment(_ store: StatsStore, _ writer: StatsWriter, _ prefix: String, _ count: Int) {
        var template = StatTemplate()
        for i in 0..<count { template.add("\(i)", .counter) }
        let views = writer.views(template, store.stats(template, prefix: prefix))
        for i in 0..<count { views.counters(from: i).pointee.increment() }
    }

    private func perform(_ words: [String]) throws {
        let name = words.count > 1 ? words[1] : ""
        switch words[0] {
        case "anchor":
            anchor = try Anchor(baseID: baseID)
            say("anchor")
        case "die": die(at: name, time: words.count > 2 ? Int(words[2]) ?? 1 : 1)
        case "member", "rebuild", "fresh":
            let lock = try Anchor(baseID: baseID)
            let (made, origin) = try SharedRegion.attach(
                lock, reset: words[0] == "fresh", rebuild: words[0] == "rebuild" ? .stats : nil)
            if words[0] != "member" { say("origin \(origin)") }
            try made.claimSlot(epoch: UInt32(name) ?? 0, socketPath: words.count > 2 ? words[2] : "")
            withExtendedLifetime(lock) {}
            region = made
            let info = made.slotInfo(made.slot)
            say("member \(made.slot) \(info?.incarnation ?? 0)")
        case "commit": try joined().commitSlot()
        case "serve":
            let store = try stats().store
            let before = store.totals()
            try joined().commitSlot()
            store.keepStart(before)
        case "standby": try joined().setRole(.standby)
        case "counter":
            let (store, writer) = try stats()
            writer.counter(store.counter(name)).add(UInt64(words[2]) ?? 0)
        case "names":
            let (store, writer) = try stats()
            for i in 0..<(Int(words[2]) ?? 0) { writer.counter(store.counter("\(name).\(i)")).increment() }
        case "batch":
            let (store, writer) = try stats()
            increment(store, writer, "\(name).", Int(words[2]) ?? 0)
        case "batches":
            let (store, writer) = try stats()
            let count = Int(words[2]) ?? 0
            let from = Int(words[3]) ?? 0
            for i in 0..<count { increment(store, writer, "\(name).\((i * (6 * from + 1) + from) % count).", 20) }
        case "text":
            let (store, writer) = try stats()
            writer.text(store.text(name)).set(words.count > 2 ? words[2] : "")
        case "texts":
            let (store, writer) = try stats()
            writeTexts(writer.text(store.text(name)))
        case "tick":
            let (store, writer) = try stats()
            tick(writer.counter(store.counter(name)))
        case "hammer":
            let (store, _) = try stats()
            try Hammer(
                store, threads: Int(name) ?? 1, names: Int(words[2]) ?? 1,
                journal: words.count > 3 ? "\(RegionName.path(baseID: baseID)).\(words[3])" : nil,
                stepsToLive: words.count > 4 ? UInt64(words[4]) ?? 0 : 0
            ).run()
        case "reset":
            try stats().store.resetCounters()
            say("reset")
        case "wreck": wreckMutex()
        case "memory":
            try stats().store.checkMemory()
            say("pages \(try joined().pagesCut)")
        case "dump": dumpRegion()
        case "complaints": say("complaints \(complaints)")
        case "go":
            var byte: UInt8 = 0
            _ = cl_read(0, &byte, 1)
        case "gauge", "never":
            let (store, writer) = try stats()
            let id = store.gauge(name, import: words[0] == "gauge" ? .accumulate : .neverImport)
            writer.gauge(id).set(UInt64(words[2]) ?? 0)
        case "histogram":
            let (store, writer) = try stats()
            let histogram = writer.histogram(store.histogram(name, unit: .milliseconds))
            store.topUp()
            for value in words[2].split(separator: ",") { histogram.record(UInt64(value) ?? 0) }
        case "value": try say("value \(stats().store.value(name))")
        case "snapshot": try say(stats().store.snapshot().formatted(.text) + "end")
        case "limit":
            cl_ignore_signal(SIGXFSZ)
            var limit = rlimit(rlim_cur: rlim_t(name) ?? 0, rlim_max: rlim_t(name) ?? 0)
            guard setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0 else {
                fail("setrlimit: \(errno)")
            }
        case "mutex":
            _ = try joined().append(
                cells: 1,
                find: {
                    say("mutex")
                    while true { pause() }
                },
                make: { _ in [] })
        case "count": try count(names: Int(name) ?? 1)
        case "say": say(name)
        case "wait": waitForEnd()
        default: fail("unknown operation")
        }
    }

    private func joined() throws -> SharedRegion {
        if let region { return region }
        try perform(["member"])
        return try joined()
    }

    private func stats() throws -> (store: StatsStore, writer: StatsWriter) {
        if let parts { return parts }
        let store = StatsStore(region: try joined(), naming: .envoy)
        store.report = { [unowned self] text in
            complaints += 1
            complain(text)
        }
        let made = (store, store.makeWriter())
        parts = made
        return made
    }

    /// Every process counts in the same names, beginning at another one.
    private func count(names: Int) throws {
        let (store, writer) = try stats()
        let all = writer.histogram(store.histogram("churn.all", unit: .unspecified))
        var next = Int.random(in: 0..<names)
        while true {
            store.topUp()
            let name = "churn.\(next)"
            writer.counter(store.counter(name)).increment()
            all.record(42)
            say(name)
            next = (next + 1) % names
        }
    }
}

func say(_ text: String) {
    var rest = Array((text + "\n").utf8)[...]
    while !rest.isEmpty {
        let n = rest.withUnsafeBytes { cl_write(1, $0.baseAddress!, $0.count) }
        guard n > 0 else { exit(3) }
        rest = rest.dropFirst(n)
    }
}

private func waitForEnd() {
    var byte: UInt8 = 0
    while cl_read(0, &byte, 1) > 0 {}
}

func fail(_ text: String) -> Never {
    complain(text)
    exit(2)
}

func complain(_ text: String) {
    let line = Array("region-child: \(text)\n".utf8)
    _ = cl_write(2, line, line.count)
}
