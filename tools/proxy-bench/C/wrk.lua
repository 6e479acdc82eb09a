-- wrk -s wrk.lua URL -- DEPTH FIELDS CLOSE: DEPTH requests at once, FIELDS header fields more, CLOSE=1 for a connection
-- each. What came of it is one line of name=value pairs, as C/load.c writes it.
function init(arguments)
    local depth, fields = tonumber(arguments[1] or 1), tonumber(arguments[2] or 0)
    for i = 1, fields do wrk.headers["X-Request-Field-" .. i] = "value of field " .. i end
    if arguments[3] == "1" then wrk.headers["Connection"] = "close" end
    if depth > 1 then
        local all = string.rep(wrk.format(), depth)
        request = function() return all end
    end
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format(
        "result requests=%d bytes_in=%d seconds=%.6f errors=%d connect=%d read=%d write=%d status=%d timeout=%d ",
        summary.requests, summary.bytes, summary.duration / 1e6,
        e.connect + e.read + e.write + e.status + e.timeout, e.connect, e.read, e.write, e.status, e.timeout))
    io.write(string.format(
        "p50_us=%d p90_us=%d p99_us=%d p999_us=%d max_us=%d\n", latency:percentile(50), latency:percentile(90),
        latency:percentile(99), latency:percentile(99.9), latency.max))
end
