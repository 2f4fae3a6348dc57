-- Gives each thread of wrk its `number`, from 0 on.

local threads = 0

function setup(thread)
	thread:set("number", threads)
	threads = threads + 1
end
