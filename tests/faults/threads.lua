-- For either side of test_kill_under_load.py: each thread of wrk has its `number`, and what they all counted is
-- printed at the end as a line of JSON.

dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "../../bench/numbered.lua")

function done(summary)
	local errors = summary.errors
	io.write(string.format('{"answered": %d, "refused": %d, "broken": %d, "seconds": %.3f}\n', summary.requests,
		errors.status, errors.connect + errors.read + errors.write + errors.timeout, summary.duration / 1e6))
end
