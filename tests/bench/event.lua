-- wrk: posts a fixed body with a token and channel of its own each time, and with a header whose value no other has.
-- Arguments: the file of "token name" lines, the file of the body, the path with %s for the name, the name of that header,
-- and other headers ("Name: value").
local PLACE = "00000000-0000-4000-8000-000000000000"
local heads, tails, at, sent = {}, {}, 0, 0
local run

function init(args)
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
    wrk.headers[args[4]] = PLACE
    for i = 5, #args do
        local name, value = args[i]:match("^([^:]+): (.*)$")
        wrk.headers[name] = value
    end
    wrk.body = io.open(args[2], "rb"):read("*a")
    for line in io.lines(args[1]) do
        local token, name = line:match("(%S+) (%S+)")
        local whole = wrk.format(nil, args[3]:format(name) .. "?zapikey=" .. token)
        local from, to = whole:find(PLACE, 1, true)
        heads[#heads + 1], tails[#tails + 1] = whole:sub(1, from - 1), whole:sub(to + 1)
    end
    local random = io.open("/dev/urandom", "rb")
    run = random:read(10):gsub(".", function(c) return ("%02x"):format(c:byte()) end)
    run = run:sub(1, 8) .. "-" .. run:sub(9, 12) .. "-4" .. run:sub(13, 15) .. "-8" .. run:sub(16, 18) .. "-"
end

function request()
    at, sent = at % #heads + 1, sent + 1
    return heads[at] .. run .. ("%012x"):format(sent) .. tails[at]
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '\n{"requests": %d, "us": %d, "p50": %d, "p99": %d, "bad": %d, "broken": %d}\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
