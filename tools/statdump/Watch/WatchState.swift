import Stats

/// What the person at the terminal chose.
struct WatchState {
    enum Mode: Equatable {
        case list, help
        /// A filter is being typed.
        case filter(String)
    }

    var mode = Mode.list
    var sort: SortOrder
    var isPaused = false
    var showsZeroes = false
    /// The first row that is shown.
    var first = 0
    var wantsToQuit = false
    private(set) var filterText = ""
    private(set) var filter: Pattern?
    /// What is wrong with what was typed.
    private(set) var problem: String?

    init(sort: SortOrder = .name) { self.sort = sort }

    /// - Parameter page: rows that fit on the screen.
    mutating func press(_ key: Key, page: Int) {
        if key == .interrupt {
            wantsToQuit = true
            return
        }
        switch mode {
        case .help: mode = .list
        case .filter(let text): type(key, text)
        case .list: choose(key, page: page)
        }
    }

    private mutating func type(_ key: Key, _ text: String) {
        switch key {
        case .enter:
            setFilter(text)
            if problem == nil { mode = .list }
        case .escape:
            problem = nil
            mode = .list
        case .backspace: mode = text.isEmpty ? .list : .filter(String(text.dropLast()))
        case .character(let character): mode = .filter(text + String(character))
        default: break
        }
    }

    /// An empty one shows everything again.
    private mutating func setFilter(_ text: String) {
        problem = nil
        do {
            filter = text.isEmpty ? nil : try Pattern(text)
            filterText = text
            first = 0
        } catch {
            problem = "not a regular expression: \(error)"
        }
    }

    private mutating func choose(_ key: Key, page: Int) {
        switch key {
        case .character("q"), .character("Q"): wantsToQuit = true
        case .character("h"), .character("?"): mode = .help
        case .character("/"): mode = .filter(filterText)
        case .character("p"), .character(" "): isPaused.toggle()
        case .character("z"):
            showsZeroes.toggle()
            first = 0
        case .character("s"):
            let orders = SortOrder.allCases
            sort = orders[((orders.firstIndex(of: sort) ?? 0) + 1) % orders.count]
            first = 0
        case .escape: setFilter("")
        case .up, .character("k"): first -= 1
        case .down, .character("j"): first += 1
        case .pageUp: first -= page
        case .pageDown: first += page
        case .home, .character("g"): first = 0
        case .end, .character("G"): first = .max / 2
        default: break
        }
        first = max(first, 0)
    }
}
