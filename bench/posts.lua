-- POST of one body, again and again.
--
--   wrk -s bench/posts.lua -H HEADER URL -- FILE     prints a line of JSON at the end

dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "report.lua")

function init(arguments)
	post = wrk.format("POST", nil, nil, assert(io.open(arguments[1])):read("*a"))
end

function request()
	return post
end
