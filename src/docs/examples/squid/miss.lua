-- Every request is for an object that nobody has asked for yet, through the proxy.
local id = 0
local start = os.time()
function request()
  id = id + 1
  return wrk.format("GET", string.format("http://127.0.0.1:%s/%d/%d", os.getenv("ORIGIN_PORT"), start, id))
end
