-- wrk: posts a fixed body with a token and channel of its own each time.
-- Arguments: the file of "token name" lines, the body, and the path with %s for the name; for a peer that knows
-- no tokens a method and credentials for all requests, too.
local requests, at = {}, 0

function init(args)
    wrk.method = args[4] or "POST"
    wrk.headers["Authorization"] = args[5]
    wrk.headers["Content-Type"] = "application/json"
    wrk.body = args[2]
    for line in io.lines(args[1]) do
        local token, name = line:match("(%S+) (%S+)")
        local path = args[3]:format(name)
        requests[#requests + 1] = wrk.format(nil, args[4] and path or path .. "?zapikey=" .. token)
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '\n{"requests": %d, "us": %d, "p50": %d, "p99": %d, "bad": %d, "broken": %d}\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
