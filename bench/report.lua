-- What the scripts of wrk have in common: the line of JSON at the end, and the pause in milliseconds that each
-- connection makes before each request, where one is given.

function pause(milliseconds)
	if milliseconds ~= nil then
		local pause_ms = tonumber(milliseconds)
		function delay()
			return pause_ms
		end
	end
end

function done(summary, latency)
	local errors, repeated = summary.errors, 0
	for _, thread in ipairs(threads or {}) do
		repeated = repeated + thread:get("repeated")
	end
	local failures = errors.connect + errors.read + errors.write + errors.status + errors.timeout
	io.write(string.format(
		'{"per_second": %.1f, "requests": %d, "repeated": %d, "failures": %d, '
			.. '"p50_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f}\n',
		summary.requests / summary.duration * 1e6, summary.requests, repeated, failures,
		latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end
