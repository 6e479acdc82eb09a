import CLinux
import ProxyConfig
import Testing

@testable import Proxy

@Suite("Admin endpoints")
struct EndpointsTests {
    let context = FakeContext()

    @Test(
        "Readiness",
        arguments: [
            (ServerState.live, 200, "LIVE\n"), (.draining, 503, "DRAINING\n"), (.initializing, 503, "INITIALIZING\n"),
            (.preInitializing, 503, "PRE_INITIALIZING\n"),
        ])
    func ready(state: ServerState, status: UInt16, body: String) {
        context.state = state
        #expect(context.get("/ready") == .text(body, status: status))
        #expect(context.post("/ready") == .text(body, status: status))
    }

    @Test("Help lists what there is, sorted, and a wrong path says the same")
    func help() {
        let help = context.get("/help")
        #expect(help.status == 200)
        #expect(
            help.body.hasPrefix(
                "admin commands are:\n  /: Admin home page\n  /certs: print certs on machine\n  /clusters: "))
        #expect(help.body.contains("  /quitquitquit (POST): exit the server\n  /ready: print server state"))
        #expect(help.body.contains("      usedonly: Only include stats that have been written"))
        #expect(AdminEndpoints.all.map(\.path) == AdminEndpoints.all.map(\.path).sorted())
        for path in ["/nope", "/stats/", "/Ready", "*", "/help/"] {
            #expect(context.get(path) == .text("invalid path. \(help.body)", status: 404))
        }
    }

    @Test("The home page links all others")
    func home() {
        let page = context.get("/")
        #expect(page.content == .html)
        for endpoint in AdminEndpoints.all where endpoint.path != "/" {
            #expect(page.body.contains("=\"\(endpoint.path.dropFirst())\""))
        }
    }

    static let postOnly = [
        "/drain_listeners", "/healthcheck/fail", "/healthcheck/ok", "/logging", "/quitquitquit", "/reopen_logs",
        "/reset_counters", "/runtime_modify",
    ]

    /// They change nothing here, but do where there is something to change.
    static let nothingToChange = [
        ("/cpuprofiler", UInt16(501)), ("/heapprofiler", 501), ("/stats/recentlookups/clear", 200),
        ("/stats/recentlookups/disable", 200), ("/stats/recentlookups/enable", 200),
    ]

    @Test("So does what has nothing to change", arguments: nothingToChange)
    func harmless(path: String, status: UInt16) {
        #expect(context.get("\(path)?enable=y").status == 405)
        #expect(context.post("\(path)?enable=y").status == status)
        #expect(context.calls == [] && context.runtime.overrides.isEmpty)
    }

    @Test("What changes something takes POST only", arguments: postOnly)
    func mutating(path: String) {
        for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "post", "TRACE"] {
            let answer = AdminEndpoints.answer(AdminRequest(method: method, target: "\(path)?a=2"), context)
            #expect(answer == .text("Method \(method) not allowed, POST required.", status: 405))
        }
        #expect(context.calls == [] && context.runtime.overrides.isEmpty)
        // It minds what it is asked, see ServerStateEndpointTests.
        if path == "/logging" { return }
        let answer = context.post("\(path)?a=2")
        #expect(answer.body == "OK\n")
        #expect(!context.calls.isEmpty || !context.runtime.overrides.isEmpty || answer.afterwards == .quit)
    }

    @Test("Nothing else changes anything, by whatever method")
    func reading() {
        #expect(
            Set(AdminEndpoints.all.filter(\.isMutating).map(\.path))
                == Set(Self.postOnly + Self.nothingToChange.map(\.0)))
        for endpoint in AdminEndpoints.all where !endpoint.isMutating {
            for target in [endpoint.path, "\(endpoint.path)?a=2&graceful&skip_exit&reset"] {
                #expect(context.get(target).afterwards == nil && context.post(target).afterwards == nil)
            }
        }
        #expect(context.calls == [] && context.runtime.overrides.isEmpty)
    }

    @Test(
        "Draining",
        arguments: [
            ("", "drain false false"), ("?graceful", "drain true false"), ("?graceful&skip_exit", "drain true true"),
        ])
    func drain(query: String, call: String) {
        #expect(context.post("/drain_listeners\(query)") == .text("OK\n"))
        #expect(context.calls == [call])
    }

    @Test("A part of the listeners cannot be drained")
    func drainInbound() {
        #expect(context.post("/drain_listeners?inboundonly").status == 400)
        #expect(context.calls == [])
    }

    @Test("Quitting waits for the answer, logs are reopened at once")
    func actions() {
        #expect(context.post("/quitquitquit").afterwards == .quit)
        #expect(context.calls == [])
        #expect(context.post("/reopen_logs").afterwards == nil)
        #expect(context.calls == ["reopen"])
    }

    @Test("The version has no line feed")
    func hotRestartVersion() {
        context.hotRestartVersion = "11.104"
        #expect(context.get("/hot_restart_version") == .text("11.104"))
    }

    @Test("Listeners")
    func listeners() {
        #expect(context.get("/listeners").body == "")
        #expect(context.get("/listeners?format=json") == .json("{\n \"listener_statuses\": []\n}\n"))
        context.openListeners = [("a", [address("127.0.0.1", 80), address("::1", 81)])]
        context.openListeners.append(("b", [SocketAddress.make(.pipe(path: "/run/b"))!]))
        #expect(context.get("/listeners") == .text("a::127.0.0.1:80\na::[::1]:81\nb::/run/b\n"))
        #expect(
            context.get("/listeners?format=json").body == """
                {
                 "listener_statuses": [
                  {
                   "name": "a",
                   "local_address": {
                    "socket_address": {
                     "address": "127.0.0.1",
                     "port_value": 80
                    }
                   },
                   "additional_local_addresses": [
                    {
                     "socket_address": {
                      "address": "::1",
                      "port_value": 81
                     }
                    }
                   ]
                  },
                  {
                   "name": "b",
                   "local_address": {
                    "pipe": {
                     "path": "/run/b"
                    }
                   }
                  }
                 ]
                }

                """)
    }

    @Test("Clusters as text")
    func clusters() {
        context.addCluster()
        #expect(
            context.get("/clusters")
                == .text(
                    """
                    some_service::observability_name::some_service
                    some_service::default_priority::max_connections::7
                    some_service::default_priority::max_pending_requests::1024
                    some_service::default_priority::max_requests::1024
                    some_service::default_priority::max_retries::3
                    some_service::high_priority::max_connections::1024
                    some_service::high_priority::max_pending_requests::1024
                    some_service::high_priority::max_requests::1024
                    some_service::high_priority::max_retries::5
                    some_service::added_via_api::false
                    some_service::127.0.0.1:19180::hostname::
                    some_service::127.0.0.1:19180::health_flags::healthy
                    some_service::127.0.0.1:19180::weight::1
                    some_service::127.0.0.1:19180::region::
                    some_service::127.0.0.1:19180::zone::
                    some_service::127.0.0.1:19180::sub_zone::
                    some_service::127.0.0.1:19180::canary::false
                    some_service::127.0.0.1:19180::priority::0
                    some_service::[::1]:80::hostname::six
                    some_service::[::1]:80::health_flags::healthy
                    some_service::[::1]:80::weight::3
                    some_service::[::1]:80::region::
                    some_service::[::1]:80::zone::
                    some_service::[::1]:80::sub_zone::
                    some_service::[::1]:80::canary::false
                    some_service::[::1]:80::priority::0

                    """))
        #expect(context.get("/clusters?filter=^other").body == "")
        #expect(context.get("/clusters?filter=(") == .text("Invalid re2 regex: missing ): (", status: 400))
    }

    @Test("Clusters show the health of their hosts")
    func clustersHealth() {
        context.addCluster()
        context.clusters[0].hosts[0].health = [.failedActiveCheck, .timedOut]
        context.clusters[0].hosts[1].health = [.failedOutlierCheck, .draining]
        context.clusters[0].hosts[1].configuredHealth = .draining
        let text = context.get("/clusters").body
        #expect(text.contains("127.0.0.1:19180::health_flags::/failed_active_hc/active_hc_timeout\n"))
        #expect(text.contains("[::1]:80::health_flags::/failed_outlier_check/eds_status_draining\n"))
        let json = context.get("/clusters?format=json").body.filter { !$0.isWhitespace }
        let first = #""health_status":{"failed_active_health_check":true,"active_hc_timeout":true,"#
        #expect(json.contains(first + #""eds_health_status":"HEALTHY"}"#))
        #expect(
            json.contains(#""health_status":{"failed_outlier_check":true,"eds_health_status":"DRAINING"}"#))
    }

    @Test("Clusters as JSON")
    func clustersJSON() {
        context.addCluster()
        context.clusters[0].hosts.removeFirst()
        #expect(
            context.get("/clusters?format=json")
                == .json(
                    """
                    {
                     "cluster_statuses": [
                      {
                       "name": "some_service",
                       "host_statuses": [
                        {
                         "address": {
                          "socket_address": {
                           "address": "::1",
                           "port_value": 80
                          }
                         },
                         "health_status": {
                          "eds_health_status": "HEALTHY"
                         },
                         "weight": 3,
                         "hostname": "six",
                         "locality": {}
                        }
                       ],
                       "circuit_breakers": {
                        "thresholds": [
                         {
                          "max_connections": 7,
                          "max_pending_requests": 1024,
                          "max_requests": 1024,
                          "max_retries": 3
                         },
                         {
                          "priority": "HIGH",
                          "max_connections": 1024,
                          "max_pending_requests": 1024,
                          "max_requests": 1024,
                          "max_retries": 5
                         }
                        ]
                       },
                       "observability_name": "some_service"
                      }
                     ]
                    }

                    """))
    }

    @Test("Server info")
    func serverInfo() {
        context.options.configPath = "e.yaml"
        context.options.restartEpoch = .automatic
        context.node.id = "n"
        context.node.zone = "z"
        let answer = context.get("/server_info")
        #expect(answer.content == .json)
        let version = ServerInfoEndpoint.version
        #expect(version.split(separator: "/").count == 5)
        let start = """
            {
             "version": "\(version)",
             "state": "LIVE",
             "uptime_current_epoch": "8s",
             "uptime_all_epochs": "90s",
             "hot_restart_version": "disabled",
             "command_line_options": {
              "base_id": "0",
              "concurrency": 4,
              "config_path": "e.yaml",

            """
        #expect(answer.body.hasPrefix(start))
        #expect(answer.body.contains("  \"mode\": \"Serve\",\n"))
        #expect(answer.body.contains("  \"drain_time\": \"600s\",\n"))
        #expect(answer.body.contains("  \"restart_epoch\": 2,\n"))
        #expect(answer.body.contains("  \"drain_strategy\": \"Gradual\",\n"))
        #expect(answer.body.contains(" \"node\": {\n  \"id\": \"n\",\n  \"cluster\": \"\",\n  \"locality\": {\n"))
        #expect(answer.body.hasSuffix(" }\n}\n"))
    }
}
