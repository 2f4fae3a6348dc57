-- Gives each thread of wrk its `number`, from 0 on, and keeps them all in `threads`.

threads = {}

function setup(thread)
	thread:set("number", #threads)
	table.insert(threads, thread)
end
