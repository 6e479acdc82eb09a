/// All kinds of traffic there are.
enum Kinds {
    static func all(names: Bool, broken: Bool) -> [Kind] {
        var kinds = [
            Kind(KeepAlive.self, "keep-alive", lanes: 3, perSecond: 100),
            Kind(OncePerConnection.self, "connection per request", lanes: 2, perSecond: 30),
            Kind(Pipelined.self, "pipelined", perSecond: 20),
            Kind(Resting.self, "resting", lanes: 4, perSecond: 0.3),
            Kind(Uploads.self, "uploads", lanes: 2, perSecond: 8),
            Kind(Downloads.self, "downloads", lanes: 2, perSecond: 8),
            Kind(Echoes.self, "echoes", perSecond: 10),
            Kind(ManyFields.self, "many fields", perSecond: 15),
            Kind(Bodiless.self, "bodiless", perSecond: 40),
            Kind(LocalAnswers.self, "local answers", perSecond: 30),
            Kind(Routed.self, "routed", perSecond: 30),
            Kind(Malformed.self, "malformed", perSecond: 10),
            Kind(Streams.self, "streams", lanes: 3, perSecond: 20),
            Kind(Upgrades.self, "upgrades", lanes: 3, perSecond: 20),
            Kind(SlowRequests.self, "slow requests", lanes: 3, perSecond: 2),
            Kind(SlowReaders.self, "slow readers", lanes: 2, perSecond: 1),
            Kind(Flaky.self, "retries", lanes: 2, perSecond: 15),
            Kind(Stalled.self, "stalled", perSecond: 2),
            Kind(Dying.self, "dying", lanes: 2, perSecond: 20),
            Kind(Checked.self, "checked", perSecond: 30),
            Kind(LiedTo.self, "lied to", lanes: 2, perSecond: 15),
            Kind(Filtered.self, "filtered", lanes: 4, perSecond: 6),
            Kind(Leaving.self, "leaving", lanes: 2, perSecond: 10),
        ]
        if names { kinds.append(Kind(Named.self, "named", perSecond: 30)) }
        if broken { kinds.append(Kind(Trusting.self, "trusting", perSecond: 1)) }
        return kinds
    }
}
