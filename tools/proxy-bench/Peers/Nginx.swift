import ToolSupport

struct Nginx: Peer {
    let name = "nginx"

    func refuses(_ setup: Setup) -> String? { nil }

    /// Its defaults, but: upstream connections are kept, no access log, and bodies are not kept in files on their way.
    func prepare(_ setup: Setup, in folder: String) throws(Failure) -> [String] {
        let pass = """
            proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
            """
        var locations = ""
        switch setup.many {
        case .routes: for i in 0..<setup.count { locations += "    location /route/\(i)/ { proxy_pass http://up; }\n" }
        case .paths: for i in 0..<setup.count { locations += "    location = /route/\(i) { proxy_pass http://up; }\n" }
        case .none, .clusters, .listeners: break
        }
        let clusters = setup.many == .clusters ? setup.count : 1
        var upstreams = ""
        for i in 0..<clusters {
            upstreams += """
                  upstream up\(i == 0 ? "" : "\(i)") { server 127.0.0.1:\(setup.upstream); keepalive 1024; keepalive_requests 1000000000; }

                """
        }
        // Without a location that names it, an upstream would not be used at all.
        for i in 1..<max(clusters, 1) { locations += "    location /cluster/\(i)/ { proxy_pass http://up\(i); }\n" }
        let reuse = setup.workers > 1 ? " reuseport" : ""
        var listens = ""
        for i in 0..<(setup.many == .listeners ? setup.count : 1) {
            listens += "    listen \(Setup.host(i)):\(setup.http)\(reuse);\n"
        }
        var stream = ""
        if setup.tcp != 0 {
            stream =
                "stream { server { listen 127.0.0.1:\(setup.tcp)\(reuse); proxy_pass 127.0.0.1:\(setup.upstream); } }"
        }
        try writeFile(
            "\(folder)/nginx.conf",
            """
            load_module /usr/lib/nginx/modules/ngx_stream_module.so;
            daemon off; worker_processes \(setup.workers); pid \(folder)/nginx.pid; error_log stderr error;
            events { worker_connections \(setup.limit); }
            http {
              access_log off; keepalive_requests 1000000000; keepalive_timeout 1h; client_max_body_size 0;
              client_body_temp_path \(folder)/b; proxy_temp_path \(folder)/p; fastcgi_temp_path \(folder)/f;
              uwsgi_temp_path \(folder)/u; scgi_temp_path \(folder)/s;
              proxy_max_temp_file_size 0; proxy_request_buffering off;
              \(pass)
            \(upstreams)  server {
            \(listens)\(locations)    location / { proxy_pass http://up; }
              }
            }
            \(stream)

            """)
        return ["nginx", "-c", "\(folder)/nginx.conf", "-e", "stderr"]
    }
}
