/// What the pages for browsers are made of. They need nothing but themselves: no other address, no handlers in attributes.
enum AdminHTML {
    /// A text within HTML, attributes included.
    static func escaped(_ text: String) -> String {
        var output = ""
        output.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": output += "&amp;"
            case "<": output += "&lt;"
            case ">": output += "&gt;"
            case "\"": output += "&quot;"
            case "'": output += "&#39;"
            default: output.unicodeScalars.append(scalar)
            }
        }
        return output
    }

    /// The same for a piece of text on its way.
    static func escape(_ text: UnsafeRawBufferPointer, _ write: (UnsafeRawBufferPointer) -> Void) {
        var output: [UInt8] = []
        output.reserveCapacity(text.count + text.count / 16)
        for byte in text {
            switch byte {
            case UInt8(ascii: "&"): output.append(contentsOf: "&amp;".utf8)
            case UInt8(ascii: "<"): output.append(contentsOf: "&lt;".utf8)
            case UInt8(ascii: ">"): output.append(contentsOf: "&gt;".utf8)
            default: output.append(byte)
            }
        }
        output.withUnsafeBytes { write($0) }
    }

    /// What comes before the body of a page, and behind it.
    static func frame(title: String) -> (start: String, end: String) {
        let start = """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(escaped(title))</title>
            <link rel="icon" href="data:,">
            <style>
            \(style)
            </style>
            </head>
            <body>

            """
        return (start, "</body>\n</html>\n")
    }

    /// The element by which a parameter is given, with what it says now.
    static func control(_ parameter: AdminEndpoint.Parameter, id: String, value: String?) -> String {
        let name = escaped(parameter.name)
        switch parameter.kind {
        case .flag:
            return "<input type=\"checkbox\" id=\"\(id)\" name=\"\(name)\"\(value == nil ? "" : " checked")>"
        case .text:
            return "<input type=\"text\" id=\"\(id)\" name=\"\(name)\" value=\"\(escaped(value ?? ""))\">"
        case .choice(let choices):
            // The first is what an endpoint does without the parameter.
            let options = choices.map { choice in
                "<option\(choice == value ? " selected" : "")>\(escaped(choice))</option>"
            }
            return "<select id=\"\(id)\" name=\"\(name)\">\(options.joined())</select>"
        }
    }

    private static let style = """
        :root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #0b62c4; --change: #b3431c; }
        @media (prefers-color-scheme: dark) { :root { --accent: #7ab7ff; --change: #ff9f6e; } }
        body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 76rem; padding: 1.5rem; }
        h1 { font-size: 1.35rem; margin: 0 0 .2rem; }
        a { color: var(--accent); }
        .about { margin: 0 0 1.2rem; opacity: .75; }
        .endpoint { border: 1px solid var(--line); border-radius: .5rem; margin: 0 0 .6rem; padding: .6rem .9rem; }
        .endpoint p { margin: .1rem 0 0; }
        .path { font: 600 1rem ui-monospace, monospace; }
        .fields { display: grid; gap: .35rem .8rem; grid-template-columns: 19rem 1fr; margin: .6rem 0 .2rem;
          align-items: start; }
        .fields small { opacity: .75; }
        .fields input[type=text], .fields select { box-sizing: border-box; width: 9rem; }
        .fields label { display: flex; justify-content: space-between; gap: .5rem; }
        .fields input[type=checkbox] { margin-right: 8.2rem; }
        button { border: 1px solid var(--accent); border-radius: .3rem; background: none; color: var(--accent);
          cursor: pointer; font: inherit; padding: .1rem .7rem; }
        button.post { border-color: var(--change); color: var(--change); }
        .row { align-items: baseline; display: flex; gap: .8rem; }
        pre { background: var(--soft); border-radius: .5rem; overflow-x: auto; padding: .8rem; }
        table { border-collapse: collapse; width: 100%; }
        th, td { border-bottom: 1px solid var(--line); padding: .15rem .5rem; text-align: left; }
        td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
        td { font-family: ui-monospace, monospace; font-size: .88rem; }
        @media (max-width: 44rem) { .fields { grid-template-columns: 1fr; } }
        """
}

/// `/`: what there is, to be asked for.
enum HomePage {
    static func answer(_: AdminRequest, _ context: any AdminContext) -> AdminResponse {
        let frame = AdminHTML.frame(title: "envoyd admin")
        let node = context.node.id.isEmpty ? "" : " of node \(AdminHTML.escaped(context.node.id.visible))"
        var body = """
            <h1>envoyd admin</h1>
            <p class="about">\(AdminHTML.escaped(ServerInfoEndpoint.version))\(node), epoch \(context.epoch), \
            \(context.state.name)</p>

            """
        for endpoint in AdminEndpoints.all where endpoint.path != "/" { body += row(endpoint) }
        return AdminResponse(content: .html, body: frame.start + body + frame.end)
    }

    private static func row(_ endpoint: AdminEndpoint) -> String {
        // Relative, so that the pages work behind a path of another server.
        let path = AdminHTML.escaped(String(endpoint.path.dropFirst()))
        let help = "<p>\(AdminHTML.escaped(endpoint.help))</p>"
        if !endpoint.isMutating, endpoint.parameters.isEmpty {
            return "<div class=\"endpoint\"><a class=\"path\" href=\"\(path)\">/\(path)</a>\(help)</div>\n"
        }
        let method = endpoint.isMutating ? "post" : "get"
        let id = path.replacing("/", with: "-")
        var fields = ""
        for parameter in endpoint.parameters {
            let field = "\(id)-\(parameter.name)"
            fields += "<label for=\"\(field)\">\(AdminHTML.escaped(parameter.name))"
            fields += "\(AdminHTML.control(parameter, id: field, value: nil))</label>"
            fields += "<small>\(AdminHTML.escaped(parameter.about))</small>\n"
        }
        let button = endpoint.isMutating ? "<button class=\"post\">POST</button>" : "<button>Show</button>"
        return """
            <form class="endpoint" id="\(id)" action="\(path)" method="\(method)">
            <div class="row"><span class="path">/\(path)</span>\(button)</div>\(help)
            \(fields.isEmpty ? "" : "<div class=\"fields\">\n\(fields)</div>\n")</form>

            """
    }
}

/// `/stats?format=html` and `active-html`: the parameters as a form, and the stats under it.
enum StatsPage {
    /// What comes before the stats, which are text within HTML, and behind them.
    static func frame(_ query: AdminQuery) -> (start: String, end: String) {
        let frame = AdminHTML.frame(title: "envoyd stats")
        return (frame.start + form(query) + "<pre id=\"stats\">", "</pre>\n" + frame.end)
    }

    private static func form(_ query: AdminQuery) -> String {
        var fields = ""
        for parameter in AdminEndpoints.statsParameters {
            let value = query.has(parameter.name) ? query[parameter.name] ?? "" : nil
            fields += "<label for=\"\(parameter.name)\">\(AdminHTML.escaped(parameter.name))"
            fields += "\(AdminHTML.control(parameter, id: parameter.name, value: value))</label>"
            fields += "<small>\(AdminHTML.escaped(parameter.about))</small>\n"
        }
        return """
            <h1>Stats</h1>
            <p class="about"><a href="./">all endpoints</a></p>
            <form class="endpoint" id="stats-form" action="stats" method="get">
            <div class="fields">
            \(fields)</div>
            <button>Show</button>
            </form>

            """
    }

    /// The page that asks again and again and puts first what changes.
    static func active(_ query: AdminQuery) -> String {
        let frame = AdminHTML.frame(title: "envoyd stats, live")
        return frame.start + form(query) + """
            <p id="status" role="status">waiting for the first answer</p>
            <table id="active"><thead><tr><th>name</th><th class="number">value</th><th class="number">change</th>\
            <th class="number">changes</th></tr></thead><tbody></tbody></table>
            <script>
            \(script)
            </script>

            """ + frame.end
    }

    /// It reads what the page's own address says, so nothing of the request is put into it.
    private static let script = """
        "use strict";
        const everyMs = 2000, most = 200;
        const query = new URLSearchParams(location.search);
        query.set("format", "json");
        query.delete("histogram_buckets");
        const known = new Map();
        const body = document.querySelector("#active tbody"), status = document.querySelector("#status");
        function cell(row, text, isNumber) {
          const made = row.insertCell();
          made.textContent = text;
          if (isNumber) made.className = "number";
        }
        function show(stats) {
          for (const {name, value, histograms} of stats) {
            if (histograms) {
              for (const one of histograms.computed_quantiles || []) {
                const middle = one.values[2] || {};
                note(one.name + " P50", middle.cumulative === undefined ? null : middle.cumulative);
              }
            } else {
              note(name, value);
            }
          }
          const order = [...known.values()].sort((a, b) => b.changes - a.changes || (a.name < b.name ? -1 : 1));
          body.replaceChildren();
          for (const stat of order.slice(0, most)) {
            const row = body.insertRow();
            cell(row, stat.name, false);
            cell(row, stat.value === null ? "-" : String(stat.value), true);
            cell(row, stat.change === 0 ? "" : (stat.change > 0 ? "+" : "") + stat.change, true);
            cell(row, stat.changes === 0 ? "" : String(stat.changes), true);
          }
          status.textContent = known.size + " stats, the " + Math.min(known.size, most) + " that change most often; "
            + new Date().toLocaleTimeString();
        }
        function note(name, value) {
          const stat = known.get(name);
          if (!stat) { known.set(name, {name, value, change: 0, changes: 0}); return; }
          if (stat.value === value) { stat.change = 0; return; }
          stat.change = typeof value === "number" && typeof stat.value === "number" ? value - stat.value : 0;
          stat.value = value;
          stat.changes += 1;
        }
        async function ask() {
          try {
            const answer = await fetch("stats?" + query);
            if (answer.ok) show((await answer.json()).stats); else status.textContent = await answer.text();
          } catch (error) {
            status.textContent = "no answer: " + error.message;
          }
          setTimeout(ask, everyMs);
        }
        ask();
        """
}
