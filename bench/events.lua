-- wrk's side of bench/events: each request is the next line of a file of the thread's own, "timestamp
-- signature body", and at its end from the beginning again.
--
--   wrk -s bench/events.lua URL -- FILES     thread N reads FILES.N; prints a line of JSON at the end

local threads = 0

function setup(thread)
	thread:set("number", threads)
	threads = threads + 1
end

function init(arguments)
	file = assert(io.open(arguments[1] .. "." .. number))
	head = "POST " .. wrk.path .. " HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
		.. "x-zm-request-timestamp: "
end

function request()
	local line = file:read("*l")
	if line == nil then
		file:seek("set", 0)
		line = file:read("*l")
	end
	local body = line:sub(80)
	return head .. line:sub(1, 10) .. "\r\nx-zm-signature: " .. line:sub(12, 78)
		.. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

function done(summary, latency)
	local errors = summary.errors
	local failures = errors.connect + errors.read + errors.write + errors.status + errors.timeout
	io.write(string.format(
		'{"per_second": %.1f, "requests": %d, "failures": %d, "p50_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f}\n',
		summary.requests / summary.duration * 1e6, summary.requests, failures,
		latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end
