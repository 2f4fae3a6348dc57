-- Prints at the end of a run of wrk what it counted, as a line of JSON.

function done(summary)
	local errors = summary.errors
	io.write(string.format('{"answered": %d, "refused": %d, "broken": %d, "seconds": %.3f}\n', summary.requests,
		errors.status, errors.connect + errors.read + errors.write + errors.timeout, summary.duration / 1e6))
end
