-- wrk: reads of payments <prefix>-0 to <prefix>-<count-1>, at random; argument prefix:count.
local prefix, count
function init(args) prefix, count = args[1]:match("^(.*):(%d+)$") end
function request() return wrk.format("GET", "/payments/" .. prefix .. "-" .. math.random(0, count - 1)) end
